"""Robustness list 10.4: meter values and transactions."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from device_sim.misbehaving import metering, transacting
from device_sim.misbehaving.pile import event201, meter16, sample, start16, stop16, values
from tests.support.field import ENERGY, POWER, codes, connectors, evse, samples, state
from tests.support.scripted import Central, Station16, Station201

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.conformance]


@pytest.mark.req("RB-40")
async def test_rb_40_phases_without_a_total_are_summed_in_wh(csms: Central, cp16: Station16) -> None:
    transaction = await start16(cp16)
    for kwh in ("0.05", "0.2"):
        phases = [sample(kwh, unit="kWh", phase=phase) for phase in ("L1", "L2", "L3")]
        await meter16(cp16, values(cp16.stamp(), *phases), transaction_id=transaction)
    session = evse(csms, cp16).session
    assert session is not None
    assert session.last_register_wh == pytest.approx(600)
    assert session.energy_wh == pytest.approx(600)


@pytest.mark.req("RB-41")
async def test_rb_41_the_noise_of_floats_is_kept_as_told(csms: Central, cp16: Station16, cp201: Station201) -> None:
    await metering.energy_per_phase(cp16)
    assert (await csms.session(cp16.station_id)).energy_wh == pytest.approx(450.06)
    told = {"value": 10993.94727, "measurand": POWER, "unitOfMeasure": {"unit": "W"}}
    await cp201.call("MeterValues", {"evseId": 1, "meterValue": [values(cp201.stamp(), told)]})
    assert evse(csms, cp201).power_w == pytest.approx(10993.94727)


@pytest.mark.req("RB-42")
async def test_rb_42_an_empty_value_is_dropped_alone(csms: Central, cp16: Station16) -> None:
    await metering.empty_values(cp16)
    assert [(told.measurand, told.value) for told in await samples(csms, cp16)] == [(POWER, 7200)]


@pytest.mark.req("RB-43")
async def test_rb_43_a_report_without_values_is_answered_and_stores_nothing(csms: Central, cp: Any) -> None:
    where = {"connectorId": 1} if cp.protocol == "ocpp1.6" else {"evseId": 1}
    assert await cp.call("MeterValues", {**where, "meterValue": [{"timestamp": cp.stamp(), "sampledValue": []}]}) == {}
    assert await samples(csms, cp) == []


@pytest.mark.req("RB-44")
async def test_rb_44_odd_units_and_contexts_are_normalised(csms: Central, cp16: Station16) -> None:
    await metering.strange_units(cp16)
    told = {row.measurand: row for row in await samples(csms, cp16)}
    assert (told[POWER].value, told[POWER].unit, told[POWER].context) == (5700, "W", "CurrentMax")
    assert (told["Frequency"].value, told["Frequency"].unit) == (50.02, "Hz")
    assert told["Current.Import"].context == "Trigger"
    assert evse(csms, cp16).power_w == 5700
    await meter16(cp16, values(cp16.stamp(), sample("1234", ENERGY, "")))
    assert {row.value: row.unit for row in await samples(csms, cp16)}[1234] == "Wh"


@pytest.mark.req("RB-45")
async def test_rb_45_a_phase_behind_the_measurand_is_split_off(csms: Central, cp16: Station16) -> None:
    await meter16(cp16, values(cp16.stamp(), sample("16.1", "Current.Import.L1", "A")))
    (told,) = await samples(csms, cp16)
    assert (told.measurand, told.phase, told.value) == ("Current.Import", "L1", 16.1)


@pytest.mark.req("RB-46")
async def test_rb_46_readings_of_connector_0_or_of_no_transaction_are_stored_unlinked(
    csms: Central, cp16: Station16
) -> None:
    await metering.outside_transactions(cp16)
    told = await samples(csms, cp16)
    assert len(told) == 7
    assert {row.session_id for row in told} == {None}
    assert {row.evse_id for row in told} == {0, 1}
    assert {row.transaction_id for row in told} >= {"-1", str(2**63 - 1), "987654321"}


@pytest.mark.req("RB-47")
async def test_rb_47_a_stop_in_another_unit_loses_against_the_samples(csms: Central, cp16: Station16) -> None:
    await transacting.reading_in_kwh(cp16)
    row = await csms.session(cp16.station_id)
    assert (row.status, row.energy_wh, row.flags) == ("ended", 8500, ["stop_register_odd"])


@pytest.mark.req("RB-48")
async def test_rb_48_a_stop_below_the_start_gives_no_negative_energy(csms: Central, cp16: Station16) -> None:
    await transacting.register_below_start(cp16)
    rows = await csms.sessions(cp16.station_id)
    assert [(row.status, row.energy_wh, row.flags) for row in rows] == [("ended", 0, ["stop_below_start"])] * 2


@pytest.mark.req("RB-49")
async def test_rb_49_registers_of_more_than_32_bits_are_stored(csms: Central, cp16: Station16) -> None:
    await metering.huge_registers(cp16)
    row = await csms.session(cp16.station_id)
    assert (row.start_register_wh, row.end_register_wh) == (2**31 - 1, 4_296_944_685)
    assert "start_register_odd" in row.flags


@pytest.mark.req("RB-50")
async def test_rb_50_a_register_that_starts_anew_with_each_session_gives_no_negative_energy(
    csms: Central, cp16: Station16
) -> None:
    for total in (5000, 4000):
        transaction = await start16(cp16, meterStart=90_000)
        for wh in (0, total / 2, total):
            await meter16(cp16, values(cp16.stamp(), sample(str(wh), ENERGY)), transaction_id=transaction)
        await stop16(cp16, transaction, 90_000 + total)
    rows = await csms.sessions(cp16.station_id)
    assert [(row.energy_wh, row.flags) for row in rows] == [(5000, ["register_reset"]), (4000, ["register_reset"])]


@pytest.mark.req("RB-51")
async def test_rb_51_a_stop_without_a_usable_card_ends_the_session(csms: Central, cp16: Station16) -> None:
    await transacting.bare_stops(cp16)
    assert [row.status for row in await csms.sessions(cp16.station_id)] == ["ended"] * 3


@pytest.mark.req("RB-52")
async def test_rb_52_a_stop_of_any_transaction_is_answered_and_kept(csms: Central, cp16: Station16) -> None:
    await transacting.orphan_stops(cp16)
    kept = await csms.notices("orphan_stop", cp16.station_id)
    assert {int(notice.detail["transaction_id"]) for notice in kept} == set(transacting.NAMELESS)
    assert await csms.sessions(cp16.station_id) == []


@pytest.mark.req("RB-53")
async def test_rb_53_readings_after_the_stop_go_to_the_ended_session(csms: Central, cp16: Station16) -> None:
    await transacting.late_values(cp16)
    row = await csms.session(cp16.station_id)
    (late,) = await samples(csms, cp16)
    assert (row.status, late.session_id) == ("ended", row.id)
    assert evse(csms, cp16).session is None


@pytest.mark.req("RB-54")
async def test_rb_54_the_same_transaction_name_at_two_stations_is_two_sessions(csms: Central, new_station: Any) -> None:
    one, other = await new_station("ocpp2.0.1"), await new_station("ocpp2.0.1")
    for station in (one, other):
        await event201(station, "Started", "shared-name", 0, 0)
    await event201(one, "Ended", "shared-name", 1, 500)
    assert (await csms.session(one.station_id)).status == "ended"
    assert (await csms.session(other.station_id)).status == "open"
    foreign = await new_station()
    mine = await start16(foreign)
    thief = await new_station()
    await stop16(thief, mine, 900)
    assert (await csms.session(foreign.station_id)).status == "open"


@pytest.mark.req("RB-55")
async def test_rb_55_repeated_sequence_numbers_are_ordered_by_time(csms: Central, cp201: Station201) -> None:
    await transacting.seq_no_zero(cp201)
    row = await csms.session(cp201.station_id)
    assert (row.status, row.energy_wh) == ("ended", 700)


@pytest.mark.req("RB-56")
async def test_rb_56_an_end_without_a_reading_closes_with_the_last_known_one(csms: Central, cp201: Station201) -> None:
    await event201(cp201, "Started", "bare-end", 0, 100)
    await event201(cp201, "Updated", "bare-end", 1, 900)
    await event201(cp201, "Ended", "bare-end", 2)
    row = await csms.session(cp201.station_id)
    assert (row.status, row.end_register_wh, row.energy_wh) == ("ended", 900, 800)


@pytest.mark.req("RB-57")
async def test_rb_57_an_update_without_evse_is_linked_by_its_transaction(csms: Central, cp201: Station201) -> None:
    await transacting.bare_events(cp201)
    row = await csms.session(cp201.station_id)
    assert (row.evse_id, row.status, row.energy_wh) == (1, "ended", 400)


@pytest.mark.req("RB-58")
async def test_rb_58_a_transaction_name_need_not_be_a_uuid(csms: Central, cp201: Station201) -> None:
    name = "0123456789abcdef" * 2 + "01"
    await event201(cp201, "Started", name, 0, 0)
    assert (await csms.session(cp201.station_id)).transaction_id == name


@pytest.mark.req("RB-59")
async def test_rb_59_states_of_the_connector_make_no_session(csms: Central, cp: Any) -> None:
    """Finishing until the cable is out, Available while it is in."""
    one = await cp.start(1)
    await cp.stop(one, 500)
    words = ("Finishing", "Finishing", "Available", "Preparing", "Finishing", "Available")
    for word in words if cp.protocol == "ocpp1.6" else ("Occupied", "Available", "Occupied", "Available"):
        await cp.status(1, word)
    row = await csms.session(cp.station_id)
    assert row.status == "ended"
    assert evse(csms, cp).session is None
    assert (await connectors(csms, cp))[1, 1].status == "Available"


@pytest.mark.req("RB-60")
async def test_rb_60_years_of_stored_readings_do_not_delay_others(
    csms: Central, cp16: Station16, bystanders: list[Any]
) -> None:
    """The good stations are served while it goes on, and the live view stays as it is."""
    await meter16(cp16, values(cp16.stamp(), sample("3000", POWER, "W")))
    before = [one.rounds for one in bystanders]
    replay = asyncio.create_task(metering.offline_replay(cp16))
    await csms.until(lambda: all(one.rounds > count + 2 for one, count in zip(bystanders, before, strict=True)))
    await replay
    assert evse(csms, cp16).power_w == 3000
    assert len(await samples(csms, cp16, limit=5000)) == 2 * metering.REPLAYED + 1
    assert await codes(csms, cp16) == []
    assert state(csms, cp16).online
