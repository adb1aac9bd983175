"""The live view looking ahead: the plan in force of the feeder that is chosen."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from rich.cells import cell_len
from rich.console import Console

from csms.texts import catalogue
from monitor.dashboard.chart import AXIS_WIDTH
from monitor.dashboard.history import History, Snapshot
from monitor.dashboard.live import LiveView
from monitor.dashboard.plan import STYLES, plan_picture
from monitor.dashboard.source import Source, SourceLost

START = datetime(2026, 3, 2, tzinfo=UTC)
FEEDERS = [{"feeder_id": "site", "parent_id": None}, {"feeder_id": "north", "parent_id": "site"}]
FIGURES = {"cap_w": 100_000, "upper_bound_w": 1, "planned_w": 1, "metered_w": 1, "base_w": 1}


def plan(**more: Any) -> dict[str, Any]:
    content = {"slot_h": 0.25, "base_kw": [40.0] * 96, "charging_kw": [40.0] * 48 + [0.0] * 48, "cap_kw": [100.0] * 96}
    return {"made_at": START.isoformat(), "gap": 3e-7, "content": content | more}


def snapshot(of: dict[str, Any] | None) -> Snapshot:
    overview = {
        "clock_time": START.isoformat(),
        "stations": {"total": 1, "online": 1},
        "sessions": {"open": 1},
        "power_w": 0.0,
        "energy_today_wh": 0.0,
        "feeders": [feeder | FIGURES for feeder in FEEDERS],
    }
    return Snapshot(overview, plan=of)


def drawn(view: LiveView, seen: Snapshot, width: int = 100, height: int = 30) -> list[str]:
    console = Console(width=width, height=height, file=io.StringIO(), legacy_windows=False)
    with console.capture() as capture:
        console.print(view.render(seen, History()), height=height)
    return capture.get().splitlines()


def styles_of(column: int, of: dict[str, Any], height: int = 13) -> list[str]:
    """Styles of one column, top first, the axis left out; nothing where the cell is empty."""
    rows = plan_picture(of, AXIS_WIDTH + 96, height)[:-1]
    at = AXIS_WIDTH + column
    spans = [[span for span in row.spans if span.start <= at < span.end] for row in rows]
    return ["" if row.plain[at] == " " else str(found[-1].style) for row, found in zip(rows, spans, strict=True)]


def test_charging_stands_on_the_base_load_below_the_cap() -> None:
    """108 kW over 12 rows: 9 kW each."""
    charging, idle = styles_of(10, plan()), styles_of(80, plan())
    assert charging.count(STYLES["cap"]) == 1
    assert charging[-1] == STYLES["base"]
    assert charging[12 - 8] == STYLES["charging"]
    assert STYLES["charging"] not in idle


def test_batteries_fill_on_top_and_give_below() -> None:
    filling, giving = plan(storage_kw=[15.0] * 96), plan(storage_kw=[-30.0] * 96)
    assert styles_of(10, filling)[12 - 10] == STYLES["storage"]
    assert styles_of(10, giving)[12 - 8] == STYLES["storage"]
    assert styles_of(10, giving)[12 - 5] in (STYLES["charging"], STYLES["base"])
    assert styles_of(80, giving)[12 - 3] == STYLES["storage"]


def test_the_day_ahead_begins_when_the_plan_was_made() -> None:
    axis = plan_picture(plan(), 60, 8)[-1].plain
    assert axis.split() == [f"{START.astimezone():%H:%M}"] * 2


@pytest.mark.parametrize("content", [{}, {"base_kw": [1.0]}, {"cap_kw": [None] * 4, "base_kw": [0.0] * 4}])
def test_a_plan_with_little_in_it_is_drawn_all_the_same(content: dict[str, Any]) -> None:
    assert len(plan_picture({"made_at": START.isoformat(), "gap": 0.0, "content": content}, 40, 6)) == 6


def test_a_key_turns_from_what_was_to_what_comes() -> None:
    view = LiveView(catalogue("en"))
    seen = snapshot(plan(storage_kw=[1.0] * 96))
    assert view.plan_of(seen) == ""
    view.turn()
    text = "\n".join(drawn(view, seen))
    assert all(words in text for words in ("Plan site kW", "gap 3.0e-07", "batteries", " a "))
    view.turn()
    assert "Load site kW" in "\n".join(drawn(view, seen))


def test_the_plan_is_that_of_the_top_of_the_tree() -> None:
    view = LiveView(catalogue("en"))
    view.turn()
    view.next_feeder()
    assert view.chosen_feeder(snapshot(None).overview) == "north"
    assert view.plan_of(snapshot(None)) == "site"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_no_plan_is_said_and_everything_fits(lang: str) -> None:
    view = LiveView(catalogue(lang))
    view.turn()
    assert catalogue(lang)("live.no_plan")[:8] in "\n".join(drawn(view, snapshot(None)))
    for width, height in ((80, 24), (60, 16), (200, 50)):
        lines = drawn(view, snapshot(plan()), width, height)
        assert len(lines) == height
        assert max(cell_len(line) for line in lines) <= width


def source(answer: Callable[[httpx.Request], httpx.Response]) -> Source:
    asked = Source("http://server")
    asked._http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return asked


@pytest.mark.parametrize(("code", "known"), [(200, True), (404, False)])
async def test_the_plan_is_read_only_when_it_is_wanted(code: int, known: bool) -> None:
    paths: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.path)
        if "/plans/" in request.url.path:
            return httpx.Response(code, json=plan())
        return httpx.Response(200, json={"stations": [], "sessions": []})

    asked = source(answer)
    assert (await asked.read()).plan is None
    assert not any("/plans/" in path for path in paths)
    assert ((await asked.read("a/b")).plan is not None) is known
    await asked.close()


async def test_a_server_that_fails_to_tell_the_plan_is_lost() -> None:
    asked = source(
        lambda request: httpx.Response(
            500 if "/plans/" in request.url.path else 200, json={"stations": [], "sessions": []}
        )
    )
    with pytest.raises(SourceLost):
        await asked.read("site")
    await asked.close()
