"""What a make is known for reaches the profiles that are sent to it."""

from __future__ import annotations

from csms.charging.profiles import ProfileRules
from csms.charging.traits import known_unit, rules_for
from csms.model.charging_profile import RateUnit
from csms.model.station import StationIdentity
from csms.station.state import StationState

HOUSE = ProfileRules(stack_level=2, periods_max=2)


def station(vendor: str, model: str) -> StationState:
    return StationState("CP-1", "T1", "s", {}, identity=StationIdentity(vendor, model))


def test_a_known_make_gets_what_it_takes() -> None:
    assert rules_for(station("Heidelberg Amperfied", "connect.solar"), HOUSE).periods_max == 1
    assert rules_for(station("Wall Box Chargers", "PLP1-0-2-4"), HOUSE).stack_level == 0
    assert known_unit(station("", "ACChargePoint")) is RateUnit.W


def test_more_periods_than_the_house_sends_change_nothing() -> None:
    assert rules_for(station("VESTEL", "EVC04"), HOUSE).periods_max == 2


def test_strangers_follow_the_house() -> None:
    for unknown in (station("Nobody", "X"), StationState("CP-2", "T1", "s", {}), None):
        assert rules_for(unknown, HOUSE) == HOUSE
        assert known_unit(unknown) is None
