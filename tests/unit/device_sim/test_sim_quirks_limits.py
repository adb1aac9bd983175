"""Piles that take only some limits, and make of them what they can."""

from __future__ import annotations

from typing import Any

import pytest

from device_sim.link import Refused, Silent
from device_sim.pile import PileSpec
from tests.support.quirky import Driven, charging_profile


def send(pile: Driven, connector: int = 1, **profile: Any) -> str:
    """SetChargingProfile; the status."""
    answer = pile.ask("SetChargingProfile", connectorId=connector, csChargingProfiles=charging_profile(**profile))
    return str(answer["status"])


@pytest.mark.parametrize(
    ("limits", "bad", "good"),
    [
        ({"purposes": ["TxDefaultProfile"]}, {"purpose": "ChargePointMaxProfile", "connector": 0}, {}),
        ({"unit": "W"}, {"unit": "A"}, {"unit": "W", "limit": 7_000.0}),
        ({"unit": "A"}, {"unit": "W"}, {"unit": "A"}),
        ({"kind": "Relative"}, {"kind": "Absolute"}, {"kind": "Relative"}),
        ({"kind": "Absolute"}, {"kind": "Relative"}, {"kind": "Absolute"}),
        ({"stack_level": 0}, {"stack": 1}, {"stack": 0}),
        ({"connector": "outlet"}, {"connector": 0}, {"connector": 1}),
        ({"connector": "station"}, {"connector": 1}, {"connector": 0}),
        ({"profile_id_max": 20}, {"number": 21}, {"number": 20}),
        ({"periods_max": 2}, {"periods": 3}, {"periods": 2}),
        (
            {"tx_profile_needs_transaction_id": True},
            {"purpose": "TxProfile"},
            {"purpose": "TxProfile", "transaction": 77},
        ),
    ],
    ids=lambda case: next(iter(case), "") if isinstance(case, dict) else None,
)
def test_only_some_profiles_work(limits: dict[str, Any], bad: dict[str, Any], good: dict[str, Any]) -> None:
    pile = Driven(limits=limits).charging()
    assert send(pile, **bad) == "Rejected"
    assert send(pile, **good) == "Accepted"


def test_only_so_many_profiles() -> None:
    pile = Driven(limits={"profiles_max": 1}).charging()
    assert [send(pile, number=1), send(pile, number=2, stack=1)] == ["Accepted", "Rejected"]


def test_periods_and_profiles_are_declared() -> None:
    pile = Driven(limits={"periods_max": 1, "profiles_max": 2})
    keys = ["ChargingScheduleMaxPeriods", "MaxChargingProfilesInstalled"]
    assert [k["value"] for k in pile.ask("GetConfiguration", key=keys)["configurationKey"]] == ["1", "2"]


@pytest.mark.parametrize("how", ["NotSupported", "Rejected"])
def test_how_a_profile_is_refused(how: str) -> None:
    assert send(Driven(limits={"purposes": [], "refusal": how}).charging()) == how


def test_a_profile_may_be_refused_by_an_error() -> None:
    pile = Driven(limits={"purposes": [], "refusal": "error PropertyConstraintViolation"}).charging()
    with pytest.raises(Refused, match="PropertyConstraintViolation"):
        send(pile)


def test_2_0_1_knows_one_word_for_it() -> None:
    pile = Driven("ocpp2.0.1", limits={"purposes": [], "refusal": "NotSupported"}).charging()
    schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 9}]}
    profile = {"id": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile"}
    profile |= {"chargingProfileKind": "Relative", "chargingSchedule": [schedule]}
    assert pile.ask("SetChargingProfile", evseId=1, chargingProfile=profile) == {"status": "Rejected"}


@pytest.mark.parametrize(
    ("limits", "sent_a", "felt_a"),
    [
        ({}, 10.0, 10.0),
        ({}, 10.57, 10.5),
        ({"ignores_accepted": True}, 10.0, 32.0),
        ({"step_a": 1.0}, 10.9, 10.0),
        ({"steps_a": [6.0, 8.0, 10.0, 13.0, 16.0]}, 12.9, 10.0),
        ({"steps_a": [6.0, 8.0, 10.0, 13.0, 16.0]}, 5.0, 0.0),
        ({"floor_a": 8.0}, 7.0, 0.0),
        ({"floor_w": 6_000}, 8.0, 0.0),
        ({"floor_w": 5_000}, 8.0, 8.0),
        ({"raise_ignored_above_a": 16.0}, 20.0, 16.0),
        ({"zero_means": "pause"}, 0.0, 0.0),
        ({"zero_means": "hangs"}, 0.0, 0.0),
        ({"zero_means": "remote_stop"}, 0.0, 32.0),
        ({"one_phase_below_w": 4_500}, 6.0, 18.0),
    ],
    ids=str,
)
def test_what_the_hardware_makes_of_a_limit(limits: dict[str, Any], sent_a: float, felt_a: float) -> None:
    pile = Driven(limits=limits).charging()
    assert send(pile, limit=sent_a) == "Accepted"
    assert pile.current_a == pytest.approx(felt_a)


def test_one_phase_is_one_phase() -> None:
    pile = Driven(limits={"one_phase_below_w": 4_500}).charging()
    send(pile, limit=6.0)
    assert pile.current_a == pytest.approx(18.0)
    assert pile.station.pile.limit().phases == 1


def test_after_a_zero_that_hangs_nothing_helps() -> None:
    pile = Driven(limits={"zero_means": "hangs"}).charging()
    send(pile, limit=0.0)
    assert pile.current_a == 0.0
    send(pile, limit=16.0)
    assert pile.current_a == 0.0


def test_the_first_limit_after_a_pause_is_forgotten() -> None:
    pile = Driven(limits={"first_after_pause_ignored": True}).charging()
    send(pile, limit=0.0)
    assert pile.current_a == 0.0
    assert send(pile, limit=16.0) == "Accepted"
    assert pile.current_a == 0.0
    send(pile, limit=16.0)
    assert pile.current_a == 16.0


def test_limits_are_lost_with_the_connection_where_that_is_known() -> None:
    for stated, left_a in (({"after_reconnect": "lost"}, 32.0), ({"after_reconnect": "kept"}, 10.0), ({}, 10.0)):
        pile = Driven(limits=stated).charging()
        send(pile)
        assert pile.current_a == 10.0
        pile.station.disconnected()
        assert pile.current_a == left_a


def test_the_same_limit_twice_is_dropped_where_that_is_harmful() -> None:
    pile = Driven(limits={"repeat_same": "harmful"}).charging()
    send(pile, limit=10.0)
    send(pile, limit=11.0)
    assert pile.current_a == 11.0
    send(pile, limit=11.0)
    assert pile.current_a == 32.0


@pytest.mark.parametrize(("unit", "text"), [("A", "16"), ("mA", "16000"), ("dA", "160"), ("W", "11040")])
def test_a_key_limits_for_good(unit: str, text: str) -> None:
    pile = Driven(limits={"static_key": "MaxCurrent", "static_unit": unit, "purposes": []}).charging()
    assert pile.ask("ChangeConfiguration", key="MaxCurrent", value=text) == {"status": "Accepted"}
    assert pile.current_a == pytest.approx(16.0)
    assert pile.ask("ChangeConfiguration", key="MaxCurrent", value="much") == {"status": "Rejected"}


def test_it_takes_its_time() -> None:
    assert Driven(limits={"reaction_s": 45.0}).station.pile.reaction_s == 45.0


def composite(pile: Driven) -> dict[str, Any]:
    return pile.ask("GetCompositeSchedule", connectorId=1, duration=600)


@pytest.mark.parametrize(
    ("how", "shows"),
    [
        ("true", {"chargingRateUnit": "A", "limit": 10.0, "startPeriod": 0}),
        ("unlimited", {"limit": 10.0}),
        ("other_unit", {"chargingRateUnit": "W", "limit": 6_900.0}),
        ("impossible", {"startPeriod": 1_006_632_455}),
    ],
)
def test_a_composite_schedule_with_a_period(how: str, shows: dict[str, Any]) -> None:
    pile = Driven(limits={"composite": how}).charging()
    send(pile)
    assert pile.current_a == 10.0
    schedule = composite(pile)["chargingSchedule"]
    told = schedule | schedule["chargingSchedulePeriod"][0]
    assert {name: told[name] for name in shows} == shows


def test_a_composite_schedule_without_a_limit_may_say_minus_one() -> None:
    period = composite(Driven(limits={"composite": "unlimited"}).charging())["chargingSchedule"]
    assert period["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": -1, "numberPhases": -1}]


def test_a_composite_schedule_may_be_noisy_empty_or_nothing() -> None:
    noisy = Driven(limits={"composite": "noisy"}).charging()
    send(noisy, limit=7.3)
    assert noisy.current_a == pytest.approx(7.3)
    limit = composite(noisy)["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"]
    assert limit != round(limit, 1)
    assert limit == pytest.approx(7.3)
    empty = composite(Driven(limits={"composite": "empty"}).charging())["chargingSchedule"]
    assert empty["chargingSchedulePeriod"] == []
    assert "startSchedule" not in empty
    for how in ("none", "not_executed"):
        assert composite(Driven(limits={"composite": how}).charging()) == {"status": "Accepted"}
    assert composite(Driven(limits={"composite": "rejected"}).charging()) == {"status": "Rejected"}


def test_dc_is_limited_in_watts_without_steps() -> None:
    spec = PileSpec("D1", "dc", 3, 100.0, 60_000.0)
    pile = Driven(spec=spec, limits={"floor_w": 1_000}).charging()
    send(pile, unit="W", limit=30_000.0)
    assert pile.current_a * 690 == pytest.approx(30_000.0, abs=70)
    send(pile, unit="W", limit=900.0)
    assert pile.current_a == 0.0


def test_some_calls_get_no_answer() -> None:
    pile = Driven(rpc={"no_reply_actions": ["SetChargingProfile:Absolute", "Reset"]}).charging()
    assert send(pile, kind="Relative") == "Accepted"
    with pytest.raises(Silent):
        send(pile, kind="Absolute")
    with pytest.raises(Silent):
        pile.ask("Reset", type="Hard")
    pile.station.answered()
    assert pile.station.transaction is None, "done all the same"
    assert pile.station.outgoing.durable_count == 1


def test_some_calls_get_an_answer_now_and_then() -> None:
    pile = Driven(rpc={"no_reply_actions": ["ChangeConfiguration:MeterValueSampleInterval"], "no_reply_share": 0.9})
    answers = 0
    for _ in range(200):
        try:
            pile.ask("ChangeConfiguration", key="MeterValueSampleInterval", value="30")
            answers += 1
        except Silent:
            pass
    assert 8 <= answers <= 40
    assert pile.ask("ChangeConfiguration", key="HeartbeatInterval", value="30") == {"status": "Accepted"}
