"""Stations of every kind (ocpp-in-the-field 6.1, 9) behind one cap, in simulated time, by seeds.

Whoever obeys in some form is brought to it and shares the room; whoever obeys in none counts with its rating. The true
load stays under the cap, and under the upper bound of every station, from the first second on.
"""

from __future__ import annotations

import random

import pytest

from csms.charging.ladder import State
from csms.charging.ladders import Ladders
from csms.model.charging_profile import ChargingProfile, ProfileKind, ProfilePurpose, RateUnit
from csms.model.errors import CallRefused, CallTimeout
from csms.station import wishes
from firmware_profiles import Limits
from tests.support.ladder_fleet import AC7, AC22, DC60, Fleet, Manners, Refusal, knowing


def only_w(profile: ChargingProfile, connector: int) -> Refusal:
    return "Rejected" if profile.unit is RateUnit.A else None


def only_relative(profile: ChargingProfile, connector: int) -> Refusal:
    return "Rejected" if profile.kind is ProfileKind.ABSOLUTE else None


def silent_to_absolute(profile: ChargingProfile, connector: int) -> Refusal:
    """Only TxDefaultProfile, and no reply to an absolute schedule."""
    if profile.purpose is not ProfilePurpose.TX_DEFAULT:
        return "NotSupported"
    return CallTimeout("no reply") if profile.kind is ProfileKind.ABSOLUTE else None


def only_the_transaction(profile: ChargingProfile, connector: int) -> Refusal:
    return None if profile.purpose is ProfilePurpose.TX else "Rejected"


def only_the_station(profile: ChargingProfile, connector: int) -> Refusal:
    return None if profile.purpose is ProfilePurpose.STATION_MAX and connector == 0 else "Rejected"


def two_periods(profile: ChargingProfile, connector: int) -> Refusal:
    return "Rejected" if len(profile.periods) > 2 else None


ACCEPTS_ALL = Manners("A", obeys=lambda profile: False, composite="none", controllable=False)
KINDS = {
    "A": ACCEPTS_ALL,
    "B": Manners("B", composite="empty"),
    "C": Manners("C", refuses=lambda p, c: "NotSupported", composite="none", controllable=False),
    "D": Manners("D", refuses=lambda p, c: CallRefused("NotImplemented"), composite="error", controllable=False),
    "E": Manners("E", refuses=only_w, composite="right"),
    "F": Manners("F", composite="right"),
    "G": Manners("G", refuses=two_periods, composite="right"),
    "H": Manners("H", composite="right", offers=True),
    "relative": Manners("relative", refuses=only_relative, composite="unlimited"),
    "silent": Manners("silent", refuses=silent_to_absolute, composite="garbage"),
    "stack": Manners(
        "stack", obeys=lambda p: p.stack_level == 8, composite="none", declares={"ChargeProfileMaxStackLevel": "8"}
    ),
    "forgets": Manners("forgets", forgets_on_boot=True, composite="other unit"),
    "tx only": Manners("tx only", refuses=only_the_transaction, composite="none"),
    "station only": Manners("station only", refuses=only_the_station, composite="none"),
    "energy only": Manners("energy only", composite="none", meter="energy"),
    "offers": Manners("offers", composite="none", offers=True),
}
KNOWN = {
    "static key": Manners(
        "static key",
        refuses=lambda p, c: "NotSupported",
        static_key="MaxCurrent",
        known=Limits(purposes=(), static_key="MaxCurrent", after_reconnect="kept"),
    ),
    "repeats harm": Manners(
        "repeats harm", repeats_harm=True, composite="none", known=Limits(repeat_same="harmful", after_reconnect="kept")
    ),
    "zero hangs": Manners("zero hangs", zero_hangs=True, known=Limits(zero_means="hangs", after_reconnect="kept")),
    "stop for zero": Manners(
        "stop for zero", zero_hangs=True, known=Limits(zero_means="remote_stop", after_reconnect="kept")
    ),
    "one period": Manners(
        "one period",
        refuses=lambda p, c: "Rejected" if len(p.periods) > 1 else None,
        known=Limits(periods_max=1, after_reconnect="kept"),
    ),
    "forgets away": Manners("forgets away", forgets_on_reconnect=True, known=Limits(after_reconnect="lost")),
    "one profile": Manners("one profile", composite="none", known=Limits(profiles_max=1, after_reconnect="kept")),
    "steps": Manners("steps", known=Limits(steps_a=(6, 8, 10, 13, 16), unit="A", after_reconnect="kept")),
}
FULL_AT_FIRST = ("tx only", "stack")
"""They have no floor that acts, so their first car draws all it can until it is told; DC would be more than the cap."""
OBEDIENT = sorted(name for name, manners in KINDS.items() if manners.controllable)


async def day(seed: int, names: list[str], cap_w: int, seconds: int = 3_600) -> Fleet:
    """Cars come and go at stations of these kinds; connections drop, stations restart."""
    fleet, chance = Fleet(seed, cap_w, lowest_w=cap_w // 2), random.Random(seed)
    for number, name in enumerate(names):
        plain = name in KNOWN or name in FULL_AT_FIRST or not KINDS[name].controllable
        rating = AC22 if plain else chance.choice([AC22, AC22, AC7, DC60])
        fleet.add(f"{number:02}-{name}", (KINDS | KNOWN)[name], rating)
    away: dict[str, int] = {}

    def happen() -> None:
        for pile in list(fleet.piles.values()):
            name = pile.station_id
            if fleet.clock.now_s > 150 and chance.random() < 0.003 and not pile.cars_w:
                fleet.plug_in(name, chance.uniform(0.6, 1.0) * pile.rated_w)
            elif pile.cars_w and pile.state.evses[1].session is not None and chance.random() < 0.0005:
                fleet.leave(name)
            if name not in away and fleet.clock.now_s > 300 and chance.random() < 0.0002:
                away[name] = fleet.clock.now_s + chance.choice([10, 60, 200])
                fleet.drop(name)
            elif away.get(name, fleet.clock.now_s + 1) <= fleet.clock.now_s:
                del away[name]
                fleet.back(name, booted=chance.random() < 0.5)

    await fleet.run(seconds, happen)
    return fleet


@pytest.mark.parametrize("name", sorted(KINDS))
async def test_each_kind_alone_ends_where_it_belongs(name: str) -> None:
    binding = KINDS[name].composite == "right"
    fleet = Fleet(1, 18_000 if binding else 40_000, lowest_w=15_000)
    fleet.add("P", KINDS[name])
    await fleet.run(60)
    fleet.plug_in("P", 20_000.0)
    await fleet.run(5_400)
    assert fleet.uncovered == []
    assert fleet.over == []
    expected = State.CONFIRMED if KINDS[name].controllable else State.UNCONTROLLABLE
    assert fleet.state("P") == expected, fleet.charging.ladder("P")
    assert fleet.charging.status("T").uncontrollable_w == (0 if KINDS[name].controllable else 22_080)


@pytest.fixture
def firmware_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `KNOWN` says stands in firmware profiles."""
    monkeypatch.setattr(wishes, "find", knowing(KNOWN.values()))


@pytest.mark.usefixtures("firmware_known")
@pytest.mark.parametrize("name", sorted(KNOWN))
async def test_each_known_trait_alone_is_respected(name: str) -> None:
    fleet = Fleet(1, 18_000, lowest_w=15_000)
    pile = fleet.add("P", KNOWN[name])
    await fleet.run(60)
    fleet.plug_in("P", 20_000.0)
    await fleet.run(1_800)
    assert not pile.hung
    assert fleet.uncovered == []
    assert fleet.state("P") == State.CONFIRMED, fleet.charging.ladder("P")
    assert sum(pile.draws_w.values()) > 8_000


@pytest.mark.usefixtures("firmware_known")
@pytest.mark.parametrize("seed", range(4))
async def test_a_mixed_fleet_stays_under_its_cap(seed: int) -> None:
    """Half of the obedient kinds and of the known traits, and all that cannot be limited."""
    names = [*OBEDIENT[seed % 2 :: 2], *sorted(KNOWN)[seed % 2 :: 2], "A", "C", "D"]
    fleet = await day(seed, names, cap_w=3 * 22_080 + 75_000, seconds=2_400)
    assert fleet.over == []
    assert fleet.uncovered == []
    assert fleet.charging.status("T").uncontrollable_w >= 2 * 22_080
    assert sum(pile.register_wh for pile in fleet.piles.values()) > 30_000


async def test_taken_at_its_word_a_fleet_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: when an accepted limit counts with its value, stations draw more than they are counted with."""
    monkeypatch.setattr(Ladders, "acts", lambda self, station_id, role: self.track(station_id, role).taken)
    fleet = await day(0, [*OBEDIENT[::2], "A", "A", "A", "C", "D"], cap_w=3 * 22_080 + 60_000, seconds=1_500)
    assert fleet.uncovered
    assert {name for _, name, _, _ in fleet.uncovered} >= {name for name in fleet.piles if name.endswith("-A")}
