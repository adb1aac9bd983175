"""How frames look to a technician: one aligned line each, nothing in them can harm the terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.cells import cell_len

from csms.console import units
from csms.console.frame_lines import FrameLines
from csms.texts import catalogue

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def frame(text: str, **more: Any) -> dict[str, Any]:
    plain = {"at": NOON.isoformat(), "station_id": "CP-1", "kind": "frame", "direction": "in", "message": "call"}
    return plain | {"action": "Heartbeat", "text": text} | more


def lines(width: int = 100, **more: Any) -> FrameLines:
    return FrameLines(catalogue("en"), width, **({"stations": False, "full": False} | more))


def shown(text: str, made: FrameLines | None = None, **more: Any) -> str:
    return (made or lines()).line(frame(text, **more)).plain


def test_a_call_and_its_answer_say_how_long_it_took() -> None:
    made = lines()
    local = NOON.astimezone()
    assert (
        shown('[2,"1","Heartbeat",{}]', made)
        == f"{local:%m-%d %H:%M:%S}.000  → Heartbeat                 call          {{}}"
    )
    later = (NOON + timedelta(milliseconds=12)).isoformat()
    answer = shown('[3,"1",{"a":"b"}]', made, direction="out", message="result", at=later)
    assert answer.endswith('.012  ← Heartbeat                 result 12 ms  {"a":"b"}')
    again = shown('[3,"1",{}]', made, direction="out", message="result", at=later)
    assert "ms" not in again


def test_a_refusal() -> None:
    made = lines().line(frame('[4,"1","NotSupported","no",{"a":1}]', message="error", direction="out"))
    assert made.plain.endswith('error         NotSupported no {"a":1}')
    assert any(span.style == units.BAD for span in made.spans)


@pytest.mark.parametrize(
    ("kind", "facts", "words"),
    [
        ("opened", {"peer": "10.0.0.1:5", "protocol": "ocpp1.6"}, "connected     from 10.0.0.1:5, ocpp1.6"),
        ("closed", {"code": 1006, "reason": "", "by": "station"}, "closed        by the station, code 1006, –"),
        ("closed", {"code": 1001, "reason": "bye", "by": "server"}, "closed        by the server, code 1001, bye"),
        (
            "refused",
            {"code": "unknown_station", "status": 404, "path": None},
            "refused       code=unknown_station status=404",
        ),
        ("silent", {"waited_s": 60.0}, "no answer     the station did not answer within 60 s"),
        ("dropped", {"count": 7}, "lost          7 frames could not be kept"),
    ],
)
def test_events(kind, facts, words) -> None:
    found = shown(json.dumps(facts), kind=kind, direction="", message="", action="")
    assert found.endswith(words)
    assert "  · –  " in found


def test_what_cannot_be_read_is_shown_as_it_is_but_harmless() -> None:
    found = shown("[2,\x1b[31m\r\n\u202e", kind="unreadable", message="", action="")
    assert found.endswith("unreadable    [2,\\x1b[31m\\r\\n\\u202e")
    assert shown("[2]", message="call").endswith("unreadable    [2]")


def test_lines_are_cut_to_the_width_unless_all_is_wanted() -> None:
    text = json.dumps([2, "1", "DataTransfer", {"data": "充电" * 100}])
    assert cell_len(shown(text, lines(80))) <= 80
    assert shown(text, lines(80)).endswith("…")
    assert "充电" * 100 in shown(text, lines(80, full=True))


def test_stations_stand_in_a_column_of_their_own() -> None:
    made = lines(stations=True)
    one, two = shown("[2,1,2]", made), shown("[2,1,2]", made, station_id="a-very-long-station-id-000001")
    assert one.index("→") == two.index("→")
    assert "a-very-l…-000001" in two


def test_calls_without_answers_do_not_pile_up() -> None:
    made = lines()
    for number in range(3000):
        made.line(frame(f'[2,"{number}","Heartbeat",{{}}]'))
    assert len(made._called) == 1000


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("now", NOON),
        ("30min", NOON - timedelta(minutes=30)),
        ("1.5h", NOON - timedelta(minutes=90)),
        ("2d", NOON - timedelta(days=2)),
    ],
)
def test_moments_before_now(text, moment) -> None:
    assert units.point_in_past(text, NOON) == moment
    assert units.point_in_past("2026-03-01T10:00:00Z", NOON).isoformat() == "2026-03-01T10:00:00+00:00"


@pytest.mark.parametrize("text", ["", "h", "2 h", "-2h", "2w", "yesterday", "1.2.3h"])
def test_what_is_no_moment(text) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any
        units.point_in_past(text, NOON)
