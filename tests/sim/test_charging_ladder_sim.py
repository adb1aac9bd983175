"""Stations of every kind (ocpp-in-the-field 6.1, 9) behind one cap, in simulated time, by seeds.

Whoever obeys in some form is brought to it and shares the room; whoever obeys in none counts with its rating. The true
load stays under the cap, and under the upper bound of every station, from the first second on.
"""

from __future__ import annotations

import random

import pytest

from csms.charging.ladder import State
from csms.model.charging_profile import ChargingProfile, ProfileKind, ProfilePurpose, RateUnit
from csms.model.errors import CallRefused, CallTimeout
from tests.support.ladder_fleet import AC7, AC22, DC60, Fleet, Manners, Refusal


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
OBEDIENT = sorted(name for name, manners in KINDS.items() if manners.controllable)


async def day(seed: int, names: list[str], cap_w: int, seconds: int = 3_600) -> Fleet:
    """Cars come and go at stations of these kinds; connections drop, stations restart."""
    fleet, chance = Fleet(seed, cap_w, lowest_w=cap_w // 2), random.Random(seed)
    for number, name in enumerate(names):
        rating = chance.choice([AC22, AC22, AC7, DC60]) if name not in ("C", "D", "A") else AC22
        fleet.add(f"{number:02}-{name}", KINDS[name], rating)
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


@pytest.mark.parametrize("seed", range(6))
async def test_a_mixed_fleet_stays_under_its_cap(seed: int) -> None:
    names = [*OBEDIENT, "A", "C", "D"]
    fleet = await day(seed, names, cap_w=3 * 22_080 + 90_000)
    assert fleet.over == []
    assert fleet.uncovered == []
