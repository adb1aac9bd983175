"""What an operator pushes reaches drivers: through the desk into the file, and back from GCJ-02."""

from __future__ import annotations

from pathlib import Path

import pytest

from csms.model.ids import ConnectorRef
from csms.province.ids import IdTable, Names
from csms.province.messages import render_body
from csms.province.profile import Kind
from csms.province.records import ConnectorInfo, ConnectorState, Equipment, StationInfo
from csms.province.values import connector_values, station_values
from monitor.dashboard.web.drivers.offers import Wish, fitting
from monitor.dashboard.web.drivers.partners import partner_offers
from monitor.store.faults import StoreUnusable
from monitor.store.intake_reading import open_intake_reader
from tests.unit.intake.test_intake_desk import NOW, OPERATOR, Caller

PLUGS = tuple(ConnectorInfo(ConnectorRef("CP-1", number, 1), 60_000, 150, 750, 200, 4) for number in (1, 2))
SITE = StationInfo(
    "7", "日照市充电站", "港口路1号", "371102", 119.527, 35.417, "", (Equipment("CP-1", 1, 120_000, PLUGS),)
)


@pytest.mark.parametrize("profile", ["tcec102-2016", "shandong", "qingdao", "gbt44130"])
async def test_a_pushed_station_is_found_by_drivers(tmp_path: Path, profile: str) -> None:
    caller = await Caller(tmp_path, profile).open()
    await caller.ask_token()
    names, of = Names(OPERATOR, IdTable()), caller.operator.profile
    state = ConnectorState(PLUGS[0].connector, 1, NOW)
    for kind, values in (
        (Kind.STATION_INFO, station_values(SITE, names)),
        (Kind.STATION_STATUS, connector_values(state, names)),
    ):
        assert (await caller.call(kind, render_body(of, kind, values)))[0] == 0, await caller.last_defects()
    await caller.store.flush()
    reader = open_intake_reader(tmp_path)
    assert reader is not None
    offers = partner_offers(await reader.stations(), await reader.states(), {})
    await reader.close()
    await caller.store.close()
    (found,) = fitting(offers, Wish(words="港口路", kind="dc", spot=(119.527, 35.417)), NOW)
    assert found.offer.name == "日照市充电站"
    assert found.distance_km == pytest.approx(0.0, abs=0.001)
    assert [(one.power_w, one.count, one.free) for one in found.outlets] == [(60_000, 2, 1)]
    assert found.offer.told_at == NOW


async def test_a_file_that_is_none_is_said(tmp_path: Path) -> None:
    assert open_intake_reader(tmp_path) is None
    (tmp_path / "intake.db").write_bytes(b"no database, but long enough to be one" * 100)
    reader = open_intake_reader(tmp_path)
    assert reader is not None
    with pytest.raises(StoreUnusable):
        await reader.stations()
    await reader.close()
