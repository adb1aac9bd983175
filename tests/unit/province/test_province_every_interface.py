"""Every message of an operator to our own platform over real HTTP, in every profile and both crypto suites (19.10)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from csms.province.profile import PUSHED, Kind, load_profile
from csms.province.records import ConnectorPower, ConnectorState, OrderCheck, PartnerStart, StationPower, SubsidyAmount
from csms.province.service import Outgoing, ProvinceService
from tests.unit.province.test_province_end_to_end import (
    CONNECTOR,
    START,
    Platform,
    fast_clock,
    later,
    operator,
    order,
    snapshot,
    station,
)

NATIONAL = """
id = "national"
extends = "tcec102-2016"
state = "stub"
source = "a test"
note = "The national suite."

[crypto]
suite = "sm4cbc-hmacsm3"
"""


def everything(service: ProvinceService) -> list[Outgoing]:
    partner = service.partners["prov"]
    day = START.date()
    start = PartnerStart("987654321202601010000000001", service.names["prov"].connector(CONNECTOR), 2, START)
    check = OrderCheck(START, START + timedelta(hours=1), (("1" * 27, Decimal("1.00"), Decimal("1.06")),))
    return [
        service.station_info(station()),
        service.connector_status(ConnectorState(CONNECTOR, 3, START)),
        service.charge_status(snapshot(1, START + timedelta(minutes=5))),
        service.start_result("prov", start),
        service.stop_result("prov", start),
        service.power(partner, StationPower("site-1", START, (ConnectorPower(CONNECTOR, 7_040.0),))),
        service.order_check(partner, check, service.names["prov"].sequence(START, 0)),
        service.subsidy(partner, SubsidyAmount("site-1", CONNECTOR, day, day, Decimal("1.50"))),
    ]


@pytest.mark.parametrize("profile", ["tcec102-2016", "city-2019", "supervision-2023", "gbt44130", "national"])
async def test_every_message_is_taken(tmp_path: Path, profile: str) -> None:
    clock = fast_clock()
    if profile == "national":
        profile = str(tmp_path / "national.toml")
        (tmp_path / "national.toml").write_text(NATIONAL)
    platform = Platform(clock, tmp_path / "platform", profile)
    async with platform.up(), operator(clock, platform.port, profile) as service:
        for outgoing in everything(service):
            await service.enqueue(outgoing)
        assert await service.drain(later(clock))
        await service.enqueue(service.order(order(1)))
        assert await service.drain(later(clock))
        status = (await service.status())["prov"]
    wanted = [kind for kind in PUSHED if load_profile(profile).interfaces[kind].enabled]
    assert (status["acked"], status["dead"]) == (len(wanted), 0), status
    assert Kind.CHARGE_ORDER in wanted
