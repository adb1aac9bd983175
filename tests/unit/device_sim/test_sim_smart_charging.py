"""Which limit rules: the vectors of the field notes (section 6.3) and the clauses of both standards, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from device_sim.smart_charging import FOREVER, Kind, Period, Profile, Purpose, Supply, composite_schedule, limit_at

THREE_PHASE = Supply(3, 32.0)
DAY_S = 86_400.0
NOON_S = 43_200.0


def profile(purpose: Purpose, *periods: Period | float, unit: str = "A", number: int = 1, **values: Any) -> Profile:
    made = tuple(p if isinstance(p, Period) else Period(0.0, p) for p in periods)
    known: dict[str, Any] = {"stack_level": 0, "kind": Kind.RELATIVE, "evse": 1}
    return Profile(number, purpose=purpose, unit=unit, periods=made, **(known | values))


def amps(profiles: list[Profile], at_s: float = 0.0, supply: Supply = THREE_PHASE, start_s: float = 0.0) -> float:
    return limit_at(profiles, supply, start_s, at_s).current_a


DEFAULT_7000_W = profile(Purpose.DEFAULT, 7_000.0, unit="W", evse=0)


@pytest.mark.parametrize(
    ("profiles", "current_a"),
    [
        ([DEFAULT_7000_W], 10.144),
        ([DEFAULT_7000_W, profile(Purpose.TRANSACTION, 10.0)], 10.0),
        ([DEFAULT_7000_W, profile(Purpose.TRANSACTION, 5_000.0, unit="W")], 7.246),
        ([DEFAULT_7000_W, profile(Purpose.TRANSACTION, 0.0)], 0.0),
        ([], 32.0),
    ],
)
def test_vectors_of_the_field_notes(profiles: list[Profile], current_a: float) -> None:
    assert amps(profiles) == pytest.approx(current_a, abs=1e-3)  # the notes cut 10.1449 to 10.144


@pytest.mark.req("1.6:3.13.1")
def test_a_transaction_profile_overrules_the_default_even_upwards() -> None:
    assert amps([profile(Purpose.DEFAULT, 6.0), profile(Purpose.TRANSACTION, 20.0)]) == 20.0


@pytest.mark.req("1.6:3.13.3", "K08.FR.04")
def test_the_stations_maximum_is_merged_by_the_smaller() -> None:
    ceiling = profile(Purpose.MAX, 12.0, evse=0)
    assert amps([ceiling, profile(Purpose.TRANSACTION, 20.0)]) == 12.0
    assert amps([ceiling, profile(Purpose.TRANSACTION, 8.0)]) == 8.0
    assert amps([ceiling]) == 12.0


@pytest.mark.req("K01.FR.17", "1.6:3.13.2")
def test_the_highest_stack_level_leads() -> None:
    low, high = profile(Purpose.DEFAULT, 8.0), profile(Purpose.DEFAULT, 16.0, number=2, stack_level=3)
    assert amps([low, high]) == 16.0


@pytest.mark.req("1.6:3.13.1")
def test_on_one_level_the_outlets_own_default_replaces_the_stations() -> None:
    assert amps([profile(Purpose.DEFAULT, 8.0, evse=0), profile(Purpose.DEFAULT, 16.0, number=2, evse=1)]) == 16.0


@pytest.mark.req("K01.FR.36", "K01.FR.37")
def test_validity_includes_its_start_and_excludes_its_end() -> None:
    one = [profile(Purpose.DEFAULT, 8.0, valid_from_s=100.0, valid_to_s=200.0)]
    assert [amps(one, at_s) for at_s in (99.9, 100.0, 199.9, 200.0)] == [32.0, 8.0, 8.0, 32.0]
    assert limit_at(one, THREE_PHASE, 0.0, 0.0).until_s == 100.0
    assert limit_at(one, THREE_PHASE, 0.0, 150.0).until_s == 200.0
    assert limit_at(one, THREE_PHASE, 0.0, 200.0).until_s == FOREVER


@pytest.mark.req("K01.FR.12")
def test_a_period_holds_until_the_next_and_the_last_one_until_the_duration_ends() -> None:
    one = [profile(Purpose.TRANSACTION, Period(0, 10), Period(60, 20), duration_s=120.0)]
    assert [amps(one, at_s) for at_s in (0.0, 59.9, 60.0, 119.9, 120.0)] == [10.0, 10.0, 20.0, 20.0, 32.0]


@pytest.mark.req("K01.FR.11")
def test_a_period_past_the_duration_never_runs() -> None:
    one = [profile(Purpose.TRANSACTION, Period(0, 10), Period(120, 20), duration_s=120.0)]
    assert amps(one, 130.0) == 32.0


def test_without_a_duration_the_last_period_holds_for_ever() -> None:
    assert amps([profile(Purpose.TRANSACTION, Period(0, 10), Period(60, 20))], 1e9) == 20.0


@pytest.mark.req("1.6:5.16.4")
def test_after_its_duration_a_lower_level_takes_over_and_then_the_default() -> None:
    lease = profile(Purpose.TRANSACTION, 20.0, duration_s=60.0, number=3, stack_level=1)
    floor = profile(Purpose.TRANSACTION, 6.0, duration_s=120.0)
    default = profile(Purpose.DEFAULT, 8.0, number=2)
    assert [amps([lease, floor, default], at_s) for at_s in (0.0, 60.0, 120.0)] == [20.0, 6.0, 8.0]


@pytest.mark.req("K01.FR.30")
def test_an_absolute_schedule_in_the_future_waits_for_its_start() -> None:
    one = [profile(Purpose.DEFAULT, 8.0, kind=Kind.ABSOLUTE, start_s=500.0)]
    assert [amps(one, at_s) for at_s in (499.0, 500.0)] == [32.0, 8.0]


@pytest.mark.req("K01.FR.41")
def test_a_relative_schedule_starts_with_the_transaction() -> None:
    one = [profile(Purpose.DEFAULT, Period(0, 8), Period(60, 16))]
    assert amps(one, 1_059.0, start_s=1_000.0) == 8.0
    assert amps(one, 1_060.0, start_s=1_000.0) == 16.0


@pytest.mark.req("1.6E:3.79")
@pytest.mark.parametrize("repeat_s", [DAY_S, 7 * DAY_S])
def test_a_recurring_schedule_comes_again_at_the_same_time(repeat_s: float) -> None:
    one = [
        profile(
            Purpose.DEFAULT, Period(0, 8), kind=Kind.RECURRING, start_s=NOON_S, duration_s=3_600.0, repeat_s=repeat_s
        )
    ]
    base_s = 5 * repeat_s + NOON_S
    assert [amps(one, base_s + s) for s in (-1.0, 0.0, 3_599.0, 3_600.0)] == [32.0, 8.0, 8.0, 32.0]
    assert limit_at(one, THREE_PHASE, 0.0, base_s + 3_600.0).until_s == base_s + repeat_s


@pytest.mark.req("1.6E:3.44")
def test_what_is_longer_than_the_recurrence_is_cut() -> None:
    one = [
        profile(
            Purpose.DEFAULT,
            Period(0, 8),
            Period(90_000, 16),
            kind=Kind.RECURRING,
            start_s=0.0,
            duration_s=2 * DAY_S,
            repeat_s=DAY_S,
        )
    ]
    assert amps(one, DAY_S + 3_700.0) == 8.0


@pytest.mark.parametrize(
    ("phases", "supply", "current_a", "used"),
    [
        (1, THREE_PHASE, 4_600.0 / 230.0, 1),
        (None, THREE_PHASE, 4_600.0 / 690.0, 3),
        (None, Supply(1, 32.0), 4_600.0 / 230.0, 1),
        (3, Supply(1, 32.0), 4_600.0 / 230.0, 1),
    ],
)
@pytest.mark.req("K01.FR.49", "K01.FR.50")
def test_watts_are_shared_by_the_phases_in_use(phases: int | None, supply: Supply, current_a: float, used: int) -> None:
    limit = limit_at([profile(Purpose.TRANSACTION, Period(0, 4_600, phases), unit="W")], supply, 0.0, 0.0)
    assert (limit.current_a, limit.phases) == (pytest.approx(current_a), used)


def test_no_profile_allows_more_than_the_rating_or_less_than_nothing() -> None:
    assert amps([profile(Purpose.TRANSACTION, 80.0)]) == 32.0
    assert amps([profile(Purpose.TRANSACTION, -1.0)]) == 0.0


@pytest.mark.req("K08.FR.02")
def test_the_composite_schedule_merges_and_counts_from_the_request() -> None:
    ceiling = profile(Purpose.MAX, Period(0, 16), Period(90, 12), kind=Kind.ABSOLUTE, start_s=1_000.0, evse=0)
    own = profile(Purpose.TRANSACTION, Period(0, 20), Period(60, 10), Period(120, 10), number=2)
    found = composite_schedule([ceiling, own], THREE_PHASE, 1_000.0, 1_030.0, 600.0)
    assert found == [Period(0.0, 16.0, 3), Period(30.0, 10.0, 3)]


def test_the_composite_schedule_in_watts_and_without_profiles() -> None:
    assert composite_schedule([], THREE_PHASE, None, 0.0, 60.0, "W") == [Period(0.0, 22_080.0, 3)]
    assert composite_schedule([DEFAULT_7000_W], THREE_PHASE, None, 0.0, 60.0, "W") == [
        Period(0.0, pytest.approx(7_000.0), 3)
    ]


@pytest.mark.req("K08.FR.06")
def test_without_a_transaction_it_is_as_if_one_began_now() -> None:
    one = [profile(Purpose.DEFAULT, Period(0, 8), Period(60, 16))]
    assert composite_schedule(one, THREE_PHASE, None, 5_000.0, 120.0) == [Period(0.0, 8.0, 3), Period(60.0, 16.0, 3)]
