"""The simulator's stations prove themselves by every profile, and follow a change of their password."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from csms.station.state import StationState
from device_sim.pile import PileSpec
from tests.support.proof import PASSWORD, Site
from tests.support.simulated import AC_SPEC, SECOND_SPEC, running

SPECS = [AC_SPEC, SECOND_SPEC]


def state(site: Site, spec: PileSpec) -> StationState:
    return site.csms.rooms.stations.stations[spec.station_id]


async def register(site: Site, spec: PileSpec, **proof: Any) -> None:
    await site.station(spec.station_id, spec.protocol, **proof)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.protocol)
async def test_with_a_password_that_is_changed_over_ocpp(site: Site, spec: PileSpec) -> None:
    await register(site, spec)
    mine = replace(spec, password=PASSWORD, ca=str(site.folder / "pki" / "server-ca.pem"))
    async with running(site.csms.url(2), mine) as station:
        await site.csms.until(lambda: state(site, spec).booted and station.link.online)
        assert (await site.csms.operator(spec.station_id, "set_password"))["status"] == "Accepted"
        await site.csms.until(lambda: station.stats.connects > 1 and station.link.online)
    book = site.csms.rooms.stations._context.credentials
    kept = book.of(spec.station_id)
    assert kept is not None
    assert (kept.status, kept.wanted) == ("InUse", "")
    assert not await book.matching(spec.station_id, PASSWORD.encode())


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.protocol)
async def test_with_a_certificate(site: Site, spec: PileSpec) -> None:
    await register(site, spec, serial="SN-1", security_profile=3)
    certificate, key = (str(file) for file in site.operator.issue("SN-1"))
    mine = replace(spec, certificate=certificate, key=key, ca=str(site.folder / "pki" / "server-ca.pem"))
    async with running(site.csms.url(3), mine):
        await site.csms.until(lambda: state(site, spec).booted)
