"""The live view draws what the API says, fits every terminal, and says what it waits for."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from csms.console.units import STATE_COLOURS
from csms.model.station import ConnectorStatus
from csms.texts import catalogue
from monitor.dashboard.history import POINTS_MAX, History, Snapshot, evse_states
from monitor.dashboard.live import LiveView, Status
from monitor.dashboard.look import STATES
from monitor.dashboard.panes import middle

START = datetime(2026, 3, 2, tzinfo=UTC)


def feeder(name: str = "site", **more: Any) -> dict[str, Any]:
    figures = {"cap_w": 200_000, "upper_bound_w": 90_000, "planned_w": 70_000, "metered_w": 65_400, "base_w": 60_000}
    return {"feeder_id": name, "parent_id": None} | figures | more


def station(number: int, status: str = "Charging", online: bool = True) -> dict[str, Any]:
    return {"station_id": f"CP-{number:03}", "online": online, "evses": [{"evse_id": 1, "status": status}]}


def session(number: int, status: str = "open", **more: Any) -> dict[str, Any]:
    ended_at = (START + timedelta(hours=1)).isoformat() if status == "ended" else None
    times = {"started_at": START.isoformat(), "ended_at": ended_at, "energy_wh": 12_340.0}
    return {"session_id": number, "station_id": f"CP-{number:03}", "evse_id": 1, "status": status} | times | more


def snapshot(minute: int = 0, feeders: list | None = None, stations: list | None = None, sessions: list | None = None):
    overview = {
        "clock_time": (START + timedelta(minutes=minute)).isoformat(),
        "clock_speed": 288.0,
        "stations": {"total": 24, "online": 23, "by_version": {"ocpp1.6": 12, "ocpp2.0.1": 11}},
        "sessions": {"open": 14, "ended": 3},
        "power_w": 65_400.0,
        "energy_today_wh": 812_345.0,
        "feeders": [feeder()] if feeders is None else feeders,
    }
    return Snapshot(overview, [station(1)] if stations is None else stations, sessions or [])


def draw(
    width: int, height: int, seen: Snapshot | None, history: History, status: Status, lang: str = "en"
) -> list[str]:
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=False, legacy_windows=False)
    view = LiveView(catalogue(lang)).render(seen, history, status)
    with console.capture() as capture:
        console.print(view, height=height)
    return capture.get().splitlines()


def past(*snapshots: Snapshot) -> History:
    history = History()
    for seen in snapshots:
        history.add(seen)
    return history


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (200, 50), (60, 16)])
def test_it_fits_every_terminal(width, height, lang) -> None:
    stations = [station(n, status) for n, status in enumerate([*STATES, "Strange"] * 80)]
    long = feeder("a-feeder-with-a-very-long-name-indeed-" * 3, cap_w=None, planned_w=None, base_w=None)
    seen = [snapshot(n, [feeder(metered_w=n * 500), long], stations, [session(1)]) for n in range(0, 300, 5)]
    lines = draw(width, height, seen[-1], past(*seen), Status(), lang)
    assert len(lines) == height
    assert max(cell_len(line) for line in lines) <= width


def test_the_four_panes_say_what_matters() -> None:
    seen = [snapshot(n, sessions=[session(1), session(2, "ended")]) for n in (0, 10, 20)]
    text = "\n".join(draw(80, 24, seen[-1], past(*seen), Status()))
    for words in ("×288", "65.4 kW", "14 sessions", "23/24 online", "812.3 kWh today", "125.4 / 200.0 kW"):
        assert words in text
    for words in ("CP-001/1 began", "CP-002/1 ended 12.3 kWh", "C charging 1", "━ cap", " q  quit"):
        assert words in text
    assert any("\u2800" < sign <= "\u28ff" for sign in text), "the load picture is drawn in braille"


def test_loading_lost_stale_and_paused_are_said() -> None:
    assert "Waiting for the first answer" in "".join(draw(80, 24, None, History(), Status()))
    assert "refused" in "".join(draw(80, 24, None, History(), Status(error="connection refused")))
    seen = snapshot()
    for status, words in (
        (Status(12.0, "gone"), "no answer for 12 s"),
        (Status(9.0), "data 9 s old"),
        (Status(paused=True), "paused"),
        (Status(), "●"),
    ):
        assert words in draw(100, 24, seen, past(seen), status)[0]


def test_an_empty_server_tells_the_next_step() -> None:
    seen = snapshot(feeders=[], stations=[])
    text = "\n".join(draw(80, 24, seen, past(seen), Status()))
    for words in ("No feeder is configured", "csms station add", "Nothing has happened yet"):
        assert words in text


def test_what_does_not_fit_is_counted() -> None:
    seen = snapshot(stations=[station(n) for n in range(3000)])
    text = "\n".join(draw(80, 24, seen, past(seen), Status()))
    assert " +26" in text
    assert "C charging 3000" in text


def test_keys_choose_feeder_and_window() -> None:
    view, overview = LiveView(catalogue("en")), snapshot(feeders=[feeder("a"), feeder("b")]).overview
    assert view.chosen_feeder(overview) == "a"
    view.next_feeder()
    assert view.chosen_feeder(overview) == "b"
    assert view.window_s(overview) == 300 * 288
    for _ in range(9):
        view.zoom(2.0)
    assert view.window_s(overview) == 300 * 288 * 16


def test_events_are_what_changed() -> None:
    before = snapshot(0, [feeder(cap_w=200_000)], [station(1), station(2, online=False)], [session(1)])
    after = snapshot(
        5,
        [feeder(cap_w=150_000)],
        [station(1, "Faulted", online=False), station(2)],
        [session(1, "ended"), session(2)],
    )
    history = past(before, after, after)
    found = {(event.kind, event.subject) for event in history.events}
    assert found == {
        ("began", "CP-001/1"),
        ("began", "CP-002/1"),
        ("ended", "CP-001/1"),
        ("offline", "CP-001"),
        ("faulted", "CP-001"),
        ("online", "CP-002"),
        ("cap", "site"),
    }
    assert len(history.points["site"]) == 2


def test_sessions_that_fall_out_of_the_list_are_not_new_when_they_come_back() -> None:
    history = past(snapshot(0, sessions=[session(5), session(6)]), snapshot(1, sessions=[session(4), session(6)]))
    assert sorted(event.subject for event in history.events) == ["CP-005/1", "CP-006/1"]


def test_history_is_bounded() -> None:
    history = past(*(snapshot(n, [feeder(metered_w=n)]) for n in range(POINTS_MAX + 50)))
    assert len(history.points["site"]) == POINTS_MAX


def test_a_level_line_needs_only_its_ends() -> None:
    history = past(*(snapshot(n, [feeder(metered_w=0 if n < 5 else 7)]) for n in range(10)))
    seen = [(point.time.minute - START.minute, point.metered_w) for point in history.points["site"]]
    assert seen == [(0, 0), (4, 0), (5, 7), (9, 7)]


def test_offline_stations_hide_what_they_said_last() -> None:
    assert evse_states([station(1), station(2, online=False)]) == ["Charging", "Offline"]


def test_every_state_has_a_letter_and_the_colour_of_the_tables() -> None:
    assert {status.value for status in ConnectorStatus} <= set(STATES)
    assert {state: colour for state, (_, colour, _) in STATES.items()} == STATE_COLOURS


@pytest.mark.parametrize(("words", "width"), [("CP-1", 10), ("a-very-long-id", 7), ("充电桩一号站台", 7), ("abc", 1)])
def test_names_are_cut_in_the_middle(words, width) -> None:
    cut = middle(words, width)
    assert cell_len(cut) <= width
    assert cut == words or "…" in cut
