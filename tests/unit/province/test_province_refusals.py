"""One alert for as long as any platform refuses everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from csms.model.clock import ManualClock
from csms.model.errors import StoreUnavailable
from csms.province.refusals import REFUSES, Refusals
from csms.station.alerts import Alerts
from csms.store.engine import open_store


async def test_an_alert_is_open_while_anybody_refuses(tmp_path: Path) -> None:
    clock = ManualClock()
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", clock, upgrade=True)
    refusals = Refusals(Alerts(clock, store))

    async def opened() -> str | None:
        found = await store.reader.open_alert(REFUSES, "")
        return found.info if found else None

    await refusals.told("a", "4001 wrong")
    assert await opened() == "a: 4001 wrong"
    await refusals.told("b", "4005 forbidden")
    await refusals.told("a", "")
    assert await opened() == "b: 4005 forbidden"
    await refusals.told("b", "")
    assert await opened() is None
    await refusals.told("a", "4001 wrong")
    await Refusals(Alerts(clock, store)).told("a", "")  # the first answer after a restart of ours
    assert await opened() is None
    await store.close()


class Away:
    """Alerts of a store that is away."""

    async def raise_(self, kind: str, station_id: str = "", info: str = "") -> None:
        raise StoreUnavailable("away")

    async def over(self, kind: str, station_id: str, note: str) -> None:
        """Says nothing."""


async def test_without_a_store_the_log_says_it(caplog: pytest.LogCaptureFixture) -> None:
    await Refusals(Away()).told("a", "4001")
    assert caplog.messages == ["province_partner_refuses", "province_alert_failed"]
