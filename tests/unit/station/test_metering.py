"""Meter values of real stations: registers that restart, phases without a total, reports nobody asked for."""

from __future__ import annotations

from datetime import timedelta

import pytest

from csms.model.event import Metered
from csms.model.inbound import MeterReport
from csms.model.meter import CURRENT_IMPORT, POWER_IMPORT, SOC, VOLTAGE, Sample
from csms.station.metering import readings

STATION = "CP-1"


@pytest.mark.req("1.6:4.7", "J01.FR.18")
async def test_samples_are_stored_and_shown(desk) -> None:
    transaction_id = await desk.start(register_wh=1000)
    at = desk.later(60)
    power = Sample(at, POWER_IMPORT, 7000, "W")
    soc = Sample(at, SOC, 41, "Percent")
    await desk.say(MeterReport(1, (desk.energy(1117), power, soc), str(transaction_id)))
    evse = desk.service.stations[STATION].evses[1]
    assert (evse.power_w, evse.session.energy_wh, evse.session.soc) == (7000, 117, 41)
    row = await desk.store.reader.session(transaction_id)
    assert (row.energy_wh, row.last_power_w, row.last_soc) == (117, 7000, 41)
    assert (await desk.store.reader.counts())["samples"] == 3
    assert isinstance(desk.events[-1], Metered)


async def test_the_same_samples_twice_are_stored_once(desk) -> None:
    transaction_id = await desk.start()
    report = MeterReport(1, (desk.energy(1100),), str(transaction_id))
    await desk.say(report)
    await desk.say(report)
    assert (await desk.store.reader.counts())["samples"] == 1


@pytest.mark.req("RB-40")
def test_phases_without_a_total_are_summed(desk) -> None:
    rows = [desk.energy(150.02, "L1"), desk.energy(0.0, "L2"), desk.energy(49.98, "L3")]
    (reading,) = readings(rows)
    assert reading.register_wh == pytest.approx(200.0)


def test_a_total_beats_the_phases(desk) -> None:
    (reading,) = readings([desk.energy(900), desk.energy(300, "L1"), desk.energy(300, "L2")])
    assert reading.register_wh == 900


def test_power_from_current_and_voltage(desk) -> None:
    rows = [Sample(desk.now, CURRENT_IMPORT, 10, "A", f"L{n}") for n in (1, 2, 3)]
    rows += [Sample(desk.now, VOLTAGE, 231, "V", f"L{n}-N") for n in (1, 2, 3)]
    (reading,) = readings(rows)
    assert reading.power_w == pytest.approx(6930)


@pytest.mark.req("RB-50", "PAIN-23")
async def test_a_register_that_restarts_with_the_session_gives_no_negative_energy(desk) -> None:
    transaction_id = await desk.start(register_wh=500_000)
    desk.later(60)
    await desk.say(MeterReport(1, (desk.energy(100),), str(transaction_id)))
    desk.later(60)
    await desk.say(MeterReport(1, (desk.energy(900),), str(transaction_id)))
    await desk.stop(transaction_id, 500_900)
    row = await desk.store.reader.session(transaction_id)
    assert (row.energy_wh, row.flags) == (900, ["register_reset"])


@pytest.mark.req("RB-36")
async def test_a_late_sample_is_history_only(desk) -> None:
    transaction_id = await desk.start(register_wh=0)
    desk.later(600)
    await desk.say(MeterReport(1, (desk.energy(800),), str(transaction_id)))
    await desk.say(MeterReport(1, (desk.energy(300, ago_s=300),), str(transaction_id)))
    assert desk.service.stations[STATION].evses[1].session.last_register_wh == 800
    assert (await desk.store.reader.counts())["samples"] == 2


@pytest.mark.req("RB-46")
@pytest.mark.parametrize("evse_id", [0, 1, 9999])
async def test_a_report_outside_any_session_is_stored_unlinked(desk, evse_id: int) -> None:
    await desk.say(MeterReport(evse_id, (desk.energy(5),)))
    (sample,) = await desk.store.reader.samples(station_id=STATION)
    assert (sample.session_id, sample.evse_id) == (None, evse_id if evse_id == 1 else 0)


@pytest.mark.req("RB-53")
async def test_a_report_after_the_stop_goes_to_the_ended_session(desk) -> None:
    transaction_id = await desk.start()
    await desk.stop(transaction_id, 2000)
    await desk.say(MeterReport(1, (desk.energy(2000),), str(transaction_id)))
    (sample,) = await desk.store.reader.samples(session_id=transaction_id)
    assert sample.value == 2000
    assert (await desk.store.reader.session(transaction_id)).status == "ended"


@pytest.mark.req("RB-43")
async def test_an_empty_report_is_answered_and_stores_nothing(desk) -> None:
    await desk.say(MeterReport(1, ()))
    assert (await desk.store.reader.counts())["samples"] == 0


async def test_a_report_without_id_older_than_the_session_is_not_its_own(desk) -> None:
    await desk.start(register_wh=5000)
    early = Sample(desk.now - timedelta(hours=2), "Energy.Active.Import.Register", 10, "Wh")
    await desk.say(MeterReport(1, (early,)))
    assert desk.service.stations[STATION].evses[1].session.flags == []
