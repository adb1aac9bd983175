"""The probe against simulated piles of real makes, through real websockets: it finds what their profiles say."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from csms.console.firmware_probe import probed, profile_text, subject_of
from csms.console.probing import PERIODS_MAX, Found, Subject, composite_form, step_between
from csms.model.clock import parse_clock
from device_sim.clock import SimClock
from device_sim.fleet import CLIENTS
from device_sim.quirks import behave_as
from device_sim.quirks.hardware import pile_like
from device_sim.station import Station
from device_sim.stats import FleetStats
from firmware_profiles import FirmwareProfile, Seen, shipped_book
from firmware_profiles.book import Book
from firmware_profiles.loader import load
from firmware_profiles.writing import exactly
from tests.support.console_api import in_thread
from tests.support.quirky import facts
from tests.support.scripted import Central, central
from tests.support.simulated import fast_clock

SIM_PERIODS = 4
"""What a simulated pile takes that is told nothing else."""

MAKES = (
    "abb-terra-ac",
    "autel-maxicharger-ac",
    "evbox-elvi",
    "generic-ac-2.0.1",
    "go-e",
    "heidelberg-connect",
    "huawei-scharger",
    "orbis-viaris-combiplus",
    "wallbox-pulsar-plus",
    "warp2-charger-pro",
)
SPEED = 30.0
SETTINGS: dict[str, Any] = {"call_timeout_s": 5.0 * SPEED, "boot_grace_s": SPEED, "assume_ocpp16": True}
NAMED = ("unit", "kind", "stack_level", "connector")
TRUTHFUL = ("true", "unlimited")


@asynccontextmanager
async def pile(csms: Central, profile: FirmwareProfile, clock: SimClock) -> AsyncIterator[dict[str, Any]]:
    """A simulated pile of that make, booted; the station as the API shows it."""
    spec = pile_like(profile, "PILE")
    plate = {"evse_id": 1, "kind": spec.kind, "phases": spec.phases, "current_max_a": spec.max_current_a}
    answer = await csms.api(
        "PUT", "/api/v1/stations/PILE", {"evses": [plate | {"power_max_w": round(spec.max_power_w)}]}
    )
    assert answer.status_code == 200, answer.text
    rng = random.Random(1)
    station = CLIENTS[spec.protocol](spec, (), csms.ocpp_url, clock, FleetStats(), rng, behave_as(profile))
    tasks = [asyncio.create_task(station.link.run()), asyncio.create_task(_tick(station))]
    try:
        await csms.until(lambda: csms.rooms.stations.stations["PILE"].booted_at is not None)
        yield await csms.shown("PILE")
        assert not station.book.installed, "everything was removed again"
    finally:
        await station.link.stop()
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _tick(station: Station) -> None:
    while True:
        station.tick(station.clock.epoch_s())
        await asyncio.sleep(0.02)


async def probe(tmp_path: Path, profile: FirmwareProfile, *, reconnect: bool = False) -> tuple[Subject, Found]:
    clock = fast_clock(SPEED)
    async with (
        central(tmp_path, clock=parse_clock(str(clock)), **SETTINGS) as csms,
        pile(csms, profile, clock) as shown,
    ):
        subject = subject_of(shown)
        found = await in_thread(csms, lambda api: probed(api, subject, reconnect=reconnect, say=lambda told: None))
    return subject, found


@pytest.mark.parametrize("name", MAKES)
async def test_it_finds_what_the_profile_says(tmp_path: Path, name: str) -> None:
    profile = shipped_book().named(name)
    assert profile is not None
    subject, found = await probe(tmp_path, profile)
    assert {field: found.limits.get(field) for field in NAMED} == {
        field: getattr(profile.limits, field) for field in NAMED
    }, found.log
    assert found.limits.get("periods_max", PERIODS_MAX) == (profile.limits.periods_max or SIM_PERIODS)
    if found.limits["composite"] in TRUTHFUL:
        assert found.limits["valid_to"] == "honoured"
        assert "step_a" not in found.limits, "the simulated pile has steps of 0.1 A"
    written = load("mine", profile_text(subject, found, "2026-11-26"))
    assert (written.grade, written.sources) == ("verified", ("probe 2026-11-26",))
    seen = Seen(subject.vendor, subject.model, subject.firmware, "PILE", subject.protocol, subject.kind)
    assert Book((), [written]).find(seen) is written


async def test_ids_that_are_too_large(tmp_path: Path) -> None:
    _, found = await probe(tmp_path, facts(limits={"profile_id_max": 40_000}))
    assert found.limits["profile_id_max"] == 32_767


@pytest.mark.parametrize("step_a", [0.1, 0.5, 1.0, 2.0])
async def test_the_step_of_the_current(tmp_path: Path, step_a: float) -> None:
    _, found = await probe(tmp_path, facts(limits={"step_a": step_a}))
    assert found.limits.get("step_a", 0.1) == step_a


@pytest.mark.parametrize("how", ["honoured", "ignored", "refused"])
async def test_what_becomes_of_an_end(tmp_path: Path, how: str) -> None:
    _, found = await probe(tmp_path, facts(limits={"valid_to": how}))
    assert found.limits["valid_to"] == how


def test_steps() -> None:
    assert [step_between(31.9, shown) for shown in (31.9, 31.8, 31.5, 31.0, 30.0, 28.0)] == [0.1, 0.2, 0.5, 1, 2, 4]
    assert step_between(31.9, 32.0) is None
    assert step_between(31.9, 29.3) is None


async def test_no_profile_at_all(tmp_path: Path) -> None:
    _, found = await probe(tmp_path, facts(limits={"purposes": []}))
    assert found.limits == {"purposes": []}


@pytest.mark.parametrize("how", ["rejected", "none", "empty", "impossible", "other_unit"])
async def test_how_composite_schedules_are_answered(tmp_path: Path, how: str) -> None:
    _, found = await probe(tmp_path, facts(limits={"composite": how}))
    assert found.limits["composite"] == how
    assert not found.limits.keys() & {"step_a", "valid_to"}, "nothing is claimed that was not seen"
    assert sum("was not seen" in note for note in found.notes) == 2


@pytest.mark.parametrize("kept", ["kept", "lost"])
async def test_whether_a_profile_survives(tmp_path: Path, kept: str) -> None:
    _, found = await probe(tmp_path, facts(limits={"after_reconnect": kept}), reconnect=True)
    assert found.limits["after_reconnect"] == kept


def test_a_composite_schedule_without_limits() -> None:
    period = {"start_s": 0, "limit": None}
    told = {"chargingSchedulePeriod": [{"startPeriod": 0, "limit": -1}]}
    answer = {"accepted": True, "payload": {"schedule": told}, "composite": {"unit": "A", "periods": [period]}}
    assert composite_form(answer, "A") == "unlimited"


def test_names_that_look_like_patterns() -> None:
    assert [exactly(text) for text in ("Box", "Box*", "/x/")] == ["Box", r"/Box\*/", "//x//"]
