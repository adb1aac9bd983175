"""The doctor: each fault planted through a real websocket is found, and nothing is found on the station beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from csms.station.doctor import RULES
from csms.store import changes
from csms.store.security_tables import InstalledCertificate
from csms.texts import LANGUAGES, catalogue
from tests.support.scripted import CallError, Central, Silence, central
from tests.support.shifted import ShiftedClock

HOUR_S = 3600.0


class Ward:
    """A sick station and a healthy one in one central system."""

    def __init__(self, csms: Central, clock: ShiftedClock, sick: Any, well: Any) -> None:
        self.csms, self.clock, self.sick, self.well = csms, clock, sick, well

    async def diagnosis(self, station_id: str, **params: str) -> dict[str, Any]:
        answer = await self.csms.http.get(f"/api/v1/stations/{station_id}/diagnosis", params=params)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def found(self, code: str) -> dict[str, Any]:
        """The finding at the sick station; the healthy one, which says that it lives, must have none at all."""
        await self.well.call("Heartbeat")
        assert (await self.diagnosis("WELL"))["findings"] == []
        findings = {finding["code"]: finding for finding in (await self.diagnosis("SICK"))["findings"]}
        assert code in findings, findings
        found: dict[str, Any] = findings[code]
        return found

    async def later(self, delay_s: float, *, sick_lives: bool = True) -> None:
        """Time passes; who lives says so."""
        self.clock.advance(delay_s)
        await self.well.call("Heartbeat")
        if sick_lives:
            await self.sick.call("Heartbeat")


@asynccontextmanager
async def _ward(tmp_path: Path, protocol: str, **settings: Any) -> AsyncIterator[Ward]:
    clock = ShiftedClock()
    async with central(tmp_path, clock=clock, **settings) as csms:
        pair = [await csms.station(name, protocol, strict=name == "WELL") for name in ("SICK", "WELL")]
        for station in pair:
            await station.boot()
            await station.status(1, "Available")
        yield Ward(csms, clock, *pair)


@pytest.fixture(params=["ocpp1.6", "ocpp2.0.1"])
async def ward(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ward]:
    async with _ward(tmp_path, request.param) as made:
        yield made


@pytest.fixture
async def ward16(tmp_path: Path) -> AsyncIterator[Ward]:
    async with _ward(tmp_path, "ocpp1.6", call_timeout_s=1.0, ocpp_versions=["2.0.1", "1.6"]) as made:
        yield made


async def test_healthy_stations_have_nothing(ward: Ward) -> None:
    transaction = await ward.sick.start()
    await ward.later(600)
    await ward.sick.meter(transaction, 500)
    await ward.later(600)
    await ward.sick.meter(transaction, 900)
    await ward.sick.stop(transaction, 1000)
    assert (await ward.diagnosis("SICK"))["findings"] == []


async def test_offline_too_long(ward: Ward) -> None:
    await ward.sick.disconnect()
    await ward.later(HOUR_S, sick_lives=False)
    assert (await ward.found("offline"))["evidence"]["minutes"] == 60


async def test_never_connected(ward: Ward) -> None:
    await ward.csms.station("NEW", connected=False)
    assert [finding["code"] for finding in (await ward.diagnosis("NEW"))["findings"]] == ["never_connected"]


async def test_a_clock_that_is_wrong(ward: Ward) -> None:
    for status in ("Unavailable", "Available") * 2:
        await ward.sick.status(1, status, timestamp=ward.sick.stamp(ago_s=-8 * HOUR_S))
    found = await ward.found("clock_wrong")
    assert found["severity"] == "serious"
    assert found["evidence"]["offset_s"] == pytest.approx(8 * HOUR_S, abs=5)


async def test_one_late_message_is_no_wrong_clock(ward: Ward) -> None:
    await ward.sick.status(1, "Available", timestamp=ward.sick.stamp(ago_s=HOUR_S))
    await ward.sick.status(1, "Available", timestamp=ward.sick.stamp(ago_s=HOUR_S))
    await ward.sick.status(1, "Available")
    assert (await ward.diagnosis("SICK"))["findings"] == []


async def test_no_heartbeat(ward: Ward) -> None:
    await ward.later(HOUR_S, sick_lives=False)
    assert (await ward.found("heartbeat_missing"))["evidence"] == {"minutes": 60, "wanted_s": 300}


async def test_an_interval_that_is_not_kept(ward: Ward) -> None:
    for _ in range(5):
        await ward.later(20, sick_lives=False)
        await ward.sick.call("Heartbeat")
        ward.csms.rooms.stations.stations["WELL"].manners.beats = 0
    assert (await ward.found("heartbeat_interval_ignored"))["evidence"] == {"every_s": 20, "wanted_s": 300}


async def test_no_meter_values_in_a_session(ward: Ward) -> None:
    await ward.sick.start(evse_id=1)
    await ward.well.start(evse_id=1, token="TAG-2")
    ward.clock.advance(1200)
    await ward.sick.call("Heartbeat")
    transaction = ward.csms.rooms.stations.stations["WELL"].evses[1].session
    assert transaction is not None
    await ward.well.meter(transaction.transaction_id, 700)
    found = await ward.found("meter_silent")
    assert (found["evse_id"], found["evidence"]["minutes"]) == (1, 20)


async def test_meter_values_without_energy(ward16: Ward) -> None:
    ward = ward16
    transaction = await ward.sick.start()
    power = {"value": "7000", "measurand": "Power.Active.Import", "unit": "W"}
    values = [{"timestamp": ward.sick.stamp(), "sampledValue": [power]}]
    await ward.sick.call("MeterValues", {"connectorId": 1, "transactionId": int(transaction), "meterValue": values})
    assert (await ward.found("meter_without_energy"))["severity"] == "serious"


@pytest.mark.parametrize("status", ["Finishing", "Preparing"])
async def test_a_connector_that_is_stuck_16(ward16: Ward, status: str) -> None:
    await ward16.sick.status(1, status)
    await ward16.later(2 * HOUR_S)
    await ward16.sick.status(1, status)
    await ward16.later(2 * HOUR_S)
    found = await ward16.found("connector_stuck")
    assert found["evidence"] == {"connector": 1, "status": status, "hours": 4}


async def test_a_connector_that_is_stuck(ward: Ward) -> None:
    status = "Preparing" if ward.sick.protocol == "ocpp1.6" else "Occupied"
    await ward.sick.status(1, status)
    await ward.later(4 * HOUR_S)
    assert (await ward.found("connector_stuck"))["evidence"]["status"] == status


async def test_a_connector_that_is_faulted(ward: Ward) -> None:
    more = {"errorCode": "GroundFailure", "info": "RCD"} if ward.sick.protocol == "ocpp1.6" else {}
    await ward.sick.status(1, "Faulted", **more)
    found = await ward.found("connector_faulted")
    assert found["evidence"].get("error") == ("GroundFailure" if more else "-")


async def test_a_certificate_near_its_end(ward: Ward) -> None:
    now = ward.clock.now()
    for station, days in (("SICK", 10), ("WELL", 300)):
        row = InstalledCertificate(
            station_id=station, use="ChargingStationCertificate", serial="1", expires_at=now + timedelta(days=days)
        )
        await ward.csms.rooms.store.writer.commit([changes.add_row(row)])
    assert (await ward.found("certificate_expiring"))["severity"] == "warning"
    await ward.later(11 * 24 * HOUR_S)
    assert (await ward.found("certificate_expired"))["severity"] == "serious"


async def test_a_connection_that_flaps(ward: Ward) -> None:
    for _ in range(5):
        await ward.sick.disconnect()
        await ward.sick.connect()
        await ward.csms.until(lambda: ward.csms.rooms.stations.stations["SICK"].link is not None)
    assert (await ward.found("flapping"))["evidence"]["connects"] == 6


async def test_a_station_that_never_boots(ward: Ward) -> None:
    mute = await ward.csms.station("MUTE", ward.sick.protocol)
    await ward.later(300)
    await mute.call("Heartbeat")
    assert [finding["code"] for finding in (await ward.diagnosis("MUTE"))["findings"]] == ["never_boots"]


async def test_commands_that_get_no_answer(ward16: Ward) -> None:
    ward16.sick.answers("ClearCache", Silence())
    for _ in range(3):
        told = await ward16.csms.operator("SICK", "call", action="ClearCache", payload={})
        assert told["code"] == "call_timeout"
    assert (await ward16.found("commands_unanswered"))["evidence"] == {"times": 3}
    await ward16.csms.operator("SICK", "reset")
    assert (await ward16.diagnosis("SICK"))["findings"] == []


async def test_an_error_is_an_answer_too(ward16: Ward) -> None:
    for _ in range(2):
        ward16.sick.answers("ClearCache", Silence())
        for _ in range(2):
            await ward16.csms.operator("SICK", "call", action="ClearCache", payload={})
        ward16.sick.answers("ClearCache", CallError("NotSupported"))
        told = await ward16.csms.operator("SICK", "call", action="ClearCache", payload={})
        assert told["code"] == "call_refused"
    assert (await ward16.diagnosis("SICK"))["findings"] == []


async def test_transactions_that_nobody_knows(ward16: Ward) -> None:
    for number in (4711, 4712):
        await ward16.sick.stop(str(number))
    assert (await ward16.found("stray_transactions"))["evidence"] == {"times": 2}


async def test_a_register_that_goes_back(ward: Ward) -> None:
    transaction = await ward.sick.start(wh=5000)
    await ward.sick.meter(transaction, 100)
    await ward.sick.stop(transaction, 200)
    assert (await ward.found("register_resets"))["evidence"]["times"] >= 1


async def test_sessions_without_a_stop(ward16: Ward) -> None:
    for wh in (0, 1000, 2000):
        await ward16.sick.start(wh=wh, token=f"TAG-{wh}")
        ward16.clock.advance(60)
    assert (await ward16.found("stops_missing"))["evidence"] == {"times": 2}


async def test_a_firmware_update_that_failed(ward16: Ward) -> None:
    order = {"location": "https://host/x.bin"}
    told = await ward16.csms.operator("SICK", "update_firmware", **order)
    assert "operation_id" in told, told
    await ward16.sick.call("FirmwareStatusNotification", {"status": "InstallationFailed"})
    assert (await ward16.found("firmware_failed"))["evidence"] == {"status": "InstallationFailed"}


async def test_a_station_that_speaks_another_version(ward: Ward) -> None:
    odd = await ward.csms.station("ODD", "ocpp2.0.1", strict=False)
    assert await odd.refused("BootNotification", {"chargePointVendor": "Maker", "chargePointModel": "One"})
    found = {finding["code"]: finding for finding in (await ward.diagnosis("ODD"))["findings"]}
    assert found["other_version"]["evidence"] == {"agreed": "ocpp2.0.1", "spoken": "ocpp1.6"}
    await ward.later(60)
    mended = await ward.csms.station("ODD", "ocpp1.6")
    await mended.boot()
    assert (await ward.diagnosis("ODD"))["findings"] == []


async def test_frames_that_cannot_be_read(ward: Ward) -> None:
    for _ in range(3):
        await ward.sick.socket.send("{not a frame")
    await ward.csms.until(lambda: ward.csms.rooms.stations.stations["SICK"].manners.unreadable == 3)
    assert (await ward.found("frames_unreadable"))["evidence"] == {"times": 3}


async def test_a_limit_that_is_refused_in_every_form(tmp_path: Path) -> None:
    async with _ward(tmp_path, "ocpp1.6", charging={"control": True}) as ward:
        ward.sick.answers("SetChargingProfile", {"status": "Rejected"})
        await ward.sick.start()

        async def over() -> bool:
            codes = [finding["code"] for finding in (await ward.diagnosis("SICK"))["findings"]]
            return "limit_uncontrollable" in codes

        await ward.csms.until(over, timeout_s=90)
        assert (await ward.found("limit_uncontrollable"))["severity"] == "serious"


async def test_words_in_both_languages(ward: Ward) -> None:
    await ward.sick.status(1, "Faulted")
    english, chinese = [(await ward.diagnosis("SICK", lang=lang))["findings"][0] for lang in LANGUAGES]
    assert english["wrong"] != chinese["wrong"]
    assert "Faulted" in english["wrong"]
    assert "Faulted" in chinese["wrong"]


async def test_an_unknown_station_is_told_so(ward: Ward) -> None:
    assert (await ward.csms.api("GET", "/api/v1/stations/NOBODY/diagnosis")).status_code == 404


def test_every_rule_has_words() -> None:
    text = catalogue("en")
    assert len(RULES) >= 11
    assert text("doctor.is.offline.wrong", minutes=3)
