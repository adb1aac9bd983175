"""What the ledger and its journal make of a clock that somebody sets (grid-limits B3, B4, B5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from csms.charging.journal import Journal
from csms.charging.ledger import Ledger
from csms.model.clock import Uptime
from csms.model.ids import EvseRef
from csms.store.tables import UpperBoundRow
from tests.support.sim_store import Disk, Hold

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
A = EvseRef("A", 1)
HOUR = timedelta(hours=1)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def ledger() -> Ledger:
    """One outlet with a floor of 1 kW; 10 kW until 300 s, ramp and skew 20 s."""
    found = enrolled()
    found.acknowledge(A, found.send(A, 10_000, NOW, at(300), at(100)), NOW)
    return found


def enrolled() -> Ledger:
    found = Ledger(ramp_s=15, skew_s=5)
    found.enrol(A, ("T",), 1_000, 20_000)
    found.confirm_floor(A, NOW)
    found.trust(A, NOW, floor=True, limit=True)
    found.note_car(A, True)
    return found


def bounds(ledger: Ledger, step: timedelta, *seconds: float) -> list[int]:
    """So many seconds after 8:00, by the time as it was set."""
    return [ledger.upper_bound_w(A, at(s) + step) for s in seconds]


def test_set_on_a_lease_lasts_as_long_as_before(ledger: Ledger) -> None:
    ledger.move(HOUR, at(60))
    assert bounds(ledger, HOUR, 60, 319, 320) == [10_000, 10_000, 1_000]
    acknowledged = ledger.account(A).acknowledged
    assert acknowledged is ledger.account(A).commanded, "it is still the one that was told last"
    assert acknowledged is not None
    assert acknowledged.renew_by == at(100) + HOUR


def test_set_back_it_lasts_by_the_clock_of_a_station_that_follows(ledger: Ledger) -> None:
    ledger.move(-HOUR, at(60))
    assert bounds(ledger, -HOUR, 60, 319, 3919, 3920) == [10_000, 10_000, 10_000, 1_000]
    acknowledged = ledger.account(A).acknowledged
    assert acknowledged is not None
    assert acknowledged.renew_by == at(100) - HOUR, "it is renewed when as much time has passed"


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_a_ramp_takes_as_long_as_it_takes(ledger: Ledger, step: timedelta) -> None:
    ledger.acknowledge(A, ledger.send(A, 3_000, at(60), at(360)), at(60))
    ledger.move(step, at(65))
    assert bounds(ledger, step, 65, 74, 75) == [10_000, 10_000, 3_000]


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_values_without_an_answer_are_moved_too(ledger: Ledger, step: timedelta) -> None:
    sequence = ledger.send(A, 12_000, at(60), at(360))
    ledger.move(step, at(65))
    ledger.lose(sequence)
    assert ledger.in_doubt(A)
    assert bounds(ledger, step, 65, 379) == [12_000, 12_000]
    ledger.acknowledge(A, ledger.send(A, 2_000, at(70) + step, at(370) + step), at(70) + step)
    assert bounds(ledger, step, 71, 84, 85) == [12_000, 12_000, 2_000]


def test_an_outlet_that_hangs_elsewhere_counts_in_both_places_for_as_long(ledger: Ledger) -> None:
    ledger.enrol(A, ("N",), 1_000, 20_000, at(10))
    ledger.move(HOUR, at(20))
    assert ledger.account(A).left_until == at(320) + HOUR


def test_a_lease_that_has_ended_rules_again_where_clocks_are_set_back(ledger: Ledger) -> None:
    ledger.expire(at(400))
    assert ledger.upper_bound_w(A, at(400)) == 1_000
    ledger.move(-timedelta(seconds=200), at(400))
    assert [ledger.upper_bound_w(A, at(s)) for s in (200, 319, 320)] == [10_000, 10_000, 1_000]


def test_what_was_replaced_does_not(ledger: Ledger) -> None:
    ledger.expire(at(400))
    ledger.acknowledge(A, ledger.send(A, 2_000, at(400), at(700)), at(400))
    ledger.move(-timedelta(seconds=200), at(450))
    assert ledger.upper_bound_w(A, at(250)) == 2_000


def test_what_has_ended_rules_again_where_the_clock_of_a_station_turns_out_to_be_behind(ledger: Ledger) -> None:
    ledger.expire(at(400))
    noted(ledger, 400, behind_s=900)
    assert [ledger.upper_bound_w(A, at(s)) for s in (400, 1219, 1220)] == [10_000, 10_000, 1_000]


def test_what_has_ended_may_not_be_told_again_because_nobody_knows_when_leases_end(ledger: Ledger) -> None:
    ledger.expire(at(1400))
    noted(ledger, 1400, behind_s=900)
    assert ledger.settled_w(A, at(1400), True) == 1_000
    assert not ledger.may_raise(A, 10_000, at(1400), {"T": 5_000})


def test_an_end_that_was_told_in_the_time_of_the_station_is_no_later(ledger: Ledger) -> None:
    noted(ledger, 50, behind_s=900)
    assert ledger.upper_bound_w(A, at(1219)) == 10_000
    ledger.acknowledge(A, ledger.send(A, 9_000, at(60), at(360)), at(60))
    assert [ledger.upper_bound_w(A, at(s)) for s in (76, 379, 380)] == [9_000, 9_000, 1_000]
    noted(ledger, 70, behind_s=1_000)
    assert ledger.upper_bound_w(A, at(479)) == 9_000, "it is still later than was known"
    noted(ledger, 80, behind_s=0)
    assert ledger.upper_bound_w(A, at(380)) == 1_000


def test_a_clock_that_is_wrong_for_a_while_leaves_nothing_behind(ledger: Ledger) -> None:
    for step in (-timedelta(days=365), timedelta(days=365)):
        ledger.move(step, at(60))
    noted(ledger, 60, behind_s=0)
    assert [ledger.upper_bound_w(A, at(s)) for s in (319, 320)] == [10_000, 1_000]


def noted(ledger: Ledger, seconds: float, behind_s: float) -> None:
    ledger.note_station(A, at(seconds), away=False, forgets=False, reaction_s=0, behind_s=behind_s)


async def restored(written: Ledger, at_write: Uptime, now: datetime, uptime: Uptime) -> Ledger:
    """What a process knows that begins at `now`, with a bound that was written at 8:00."""
    disk = Disk()
    hold = Hold(disk, lambda what: None)
    bound = written.kept(A, NOW).bound
    plain = UpperBoundRow(
        station_id="A",
        evse_id=1,
        upper_bound_w=bound.value_w,
        until=bound.until,
        updated_at=NOW,
        boot=at_write.boot,
        uptime_s=at_write.seconds,
    )
    disk.bounds["A", 1] = plain.model_dump()
    found = enrolled()
    await Journal(hold, lambda: uptime).restore(found, {}, now)  # type: ignore[arg-type]
    return found


@pytest.mark.req("GL-B5")
@pytest.mark.parametrize(
    ("shown_s", "uptime", "ends_s"),
    [
        (60.0, Uptime("one", 1060.0), 320.0),  # an ordinary restart
        (60.0 + 3600, Uptime("one", 1060.0), 320.0 + 3600),  # set on while no server ran
        (60.0 - 3600, Uptime("one", 1060.0), 320.0),  # set back: a station may have followed, its lease is as written
        (60.0, Uptime("two", 30.0), 380.0),  # another run of the machine: perhaps no time has passed
        (60.0 + 86_400, Uptime("two", 30.0), 380.0 + 86_400),
        (60.0, Uptime("", 0.0), 380.0),  # nobody knows
        (60.0, Uptime("one", 900.0), 380.0),  # an uptime that went back is none
    ],
)
async def test_a_restart_knows_how_much_time_has_passed(
    ledger: Ledger, shown_s: float, uptime: Uptime, ends_s: float
) -> None:
    found = await restored(ledger, Uptime("one", 1000.0), at(shown_s), uptime)
    assert found.upper_bound_w(A, at(ends_s - 1)) == 10_000
    assert found.upper_bound_w(A, at(ends_s)) == 1_000


async def test_a_board_that_starts_without_the_time_keeps_no_bound_for_years(ledger: Ledger) -> None:
    past = NOW - timedelta(days=20_000)
    found = await restored(ledger, Uptime("one", 1000.0), past, Uptime("two", 20.0))
    assert found.upper_bound_w(A, past + timedelta(days=1)) == 10_000, "stations may have followed"
    found.move(timedelta(days=20_000), past + timedelta(seconds=30))
    noted(found, 30, behind_s=0)
    assert [found.upper_bound_w(A, at(s)) for s in (319, 350)] == [10_000, 1_000]
