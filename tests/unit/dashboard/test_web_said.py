"""What is forecast reaches the picture of the day, and a file that is broken keeps no page from going on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from csms.model.clock import ManualClock
from monitor.dashboard.web.api import Api
from monitor.dashboard.web.beside import Beside, Folders
from monitor.dashboard.web.hub import FEEDER, Hub
from monitor.dashboard.web.visitors import Visitors
from monitor.store.forecast import open_forecasts

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def row(series: str, made: datetime, target: datetime, kwh: float) -> dict[str, Any]:
    band = {"low_kwh": kwh - 1, "high_kwh": kwh + 1}
    return {"series": series, "made_at": made, "target_at": target, "expected_kwh": kwh, **band}


async def test_of_each_step_the_newest_word_counts(tmp_path: Path) -> None:
    beside = Beside(Folders(central=tmp_path), ManualClock(NOW))
    assert await beside.said("feeder:T1", NOW) == {}
    registry = await open_forecasts(tmp_path)
    rows = [
        row("feeder:T1", NOW - timedelta(hours=1), NOW + QUARTER, 5.0),
        row("feeder:T1", NOW, NOW + QUARTER, 6.0),
        row("base:T1", NOW, NOW + QUARTER, 9.0),
        row("feeder:T1", NOW, NOW + timedelta(days=2), 7.0),
    ]
    await registry.keep_values(rows, NOW - timedelta(days=1))
    await registry.close()
    at = (NOW + QUARTER).isoformat()
    assert await beside.said("feeder:T1", NOW) == {"said": [(at, 24.0)], "low": [(at, 20.0)], "high": [(at, 28.0)]}


class Twin(Api):
    """A server with one feeder."""

    async def get(self, token: str, path: str, **params: Any) -> Any:
        feeders = [{"feeder_id": "T1", "parent_id": None, "cap_w": 1, "metered_w": 0, "base_w": 0}]
        feeders[0] |= {"upper_bound_w": 0, "planned_w": 0}
        head = {"clock_time": NOW.isoformat(), "feeders": feeders}
        answers: dict[str, Any] = {
            "/overview": head,
            "/feeders": head,
            "/stations": {"clock_time": NOW.isoformat(), "stations": []},
            "/feeders/T1/day": {"clock_time": NOW.isoformat()},
        }
        return answers.get(path, dict.fromkeys(("sessions", "alerts", "partners", "sites"), ()))


async def test_forecasts_of_the_feeder_at_the_top_are_asked_for_and_may_fail() -> None:
    asked: list[str] = []

    async def foresee(series: str, now: datetime) -> dict[str, list[tuple[str, float | None]]]:
        asked.append(series)
        if len(asked) > 1:
            raise OSError("the disk is gone")
        return {"said": [(now.isoformat(), 1.0)]}

    api, visitors = Twin("http://127.0.0.1:9"), Visitors(lambda: 0.0)
    hub = Hub(api, visitors, foresee=foresee)
    visitors.enter("token", "ann", "viewer")
    hub.watch(lambda: None)
    await hub.look()
    assert (asked, hub.said, hub.fault) == ([f"{FEEDER}T1"], {"said": [(NOW.isoformat(), 1.0)]}, "")
    hub._said_due_s = hub._day_due_s = 0.0
    await hub.look()
    assert (len(asked), hub.said, hub.fault) == (2, {}, "")
    await api.close()
