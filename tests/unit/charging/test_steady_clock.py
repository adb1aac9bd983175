"""A clock that is set shows nothing of it until somebody follows; caps count by both times for a day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from csms.charging.feeder import NoCaps
from csms.charging.steady_clock import UNTRUSTED_S, CapsByBothTimes, OtherTimes, SteadyClock
from tests.support.sim_loop import LoopClock, VirtualLoop

HOUR = timedelta(hours=1)


class Window:
    """10 kW from nine to ten, nothing beside it."""

    FROM, TO = datetime(2026, 1, 5, 9, tzinfo=UTC), datetime(2026, 1, 5, 10, tzinfo=UTC)

    def cap_w(self, feeder_id: str, at: datetime) -> int | None:
        return 10_000 if self.FROM <= at < self.TO else None

    def edges(self, feeder_id: str, since: datetime, until: datetime) -> Sequence[datetime]:
        return [at for at in (self.FROM, self.TO) if since < at <= until]

    def lowest_w(self, feeder_id: str, at: datetime) -> int | None:
        return 10_000 if at < self.TO else None


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    found = VirtualLoop()
    yield found
    found.close()


@pytest.mark.parametrize("step_s", [3600.0, -3600.0, 1.5, -1.5])
def test_a_step_shows_when_it_is_followed(loop: VirtualLoop, step_s: float) -> None:
    machine = LoopClock(loop)
    clock, began = SteadyClock(machine), machine.now()
    loop.now_s = 10.0
    assert clock.step() is None
    machine.stepped_s = step_s
    loop.now_s = 20.0
    assert clock.now() == began + timedelta(seconds=20)
    assert clock.step() == timedelta(seconds=step_s)
    clock.follow()
    assert clock.now() == machine.now() == began + timedelta(seconds=20 + step_s)
    assert clock.unix_s() == pytest.approx(machine.unix_s())
    assert clock.step() is None


def test_a_time_server_at_work_is_no_step(loop: VirtualLoop) -> None:
    machine = LoopClock(loop)
    clock = SteadyClock(machine)
    for second in range(1, 100):
        loop.now_s, machine.stepped_s = float(second), 0.4 * second
        assert clock.now() == machine.now()
    assert clock.step() is None


def test_a_limit_does_not_end_because_the_clock_was_set_past_its_end(loop: VirtualLoop) -> None:
    machine = LoopClock(loop)
    times = OtherTimes(machine)
    caps = CapsByBothTimes(Window(), times)
    at = Window.FROM + timedelta(minutes=30)
    assert caps.cap_w("T", at) == 10_000
    assert caps.cap_w("T", at + HOUR) is None
    times.stepped(HOUR)
    assert caps.cap_w("T", at + HOUR) == 10_000, "it is half past nine by the time of before"
    assert caps.cap_w("T", at + 2 * HOUR) is None
    assert caps.edges("T", at, at + 2 * HOUR) == [Window.TO, Window.TO + HOUR]
    assert caps.lowest_w("T", at + HOUR) == 10_000
    loop.now_s = UNTRUSTED_S
    assert caps.cap_w("T", at + HOUR) is None
    assert caps.edges("T", at, at + 2 * HOUR) == [Window.TO]


def test_steps_add_up(loop: VirtualLoop) -> None:
    times = OtherTimes(LoopClock(loop))
    caps = CapsByBothTimes(Window(), times)
    times.stepped(HOUR)
    times.stepped(3 * HOUR)
    at = Window.FROM
    assert [n for n in range(6) if caps.cap_w("T", at + n * HOUR)] == [0, 3, 4]


def test_where_nobody_limits_a_step_limits_nothing(loop: VirtualLoop) -> None:
    times = OtherTimes(LoopClock(loop))
    caps = CapsByBothTimes(NoCaps(), times)
    times.stepped(HOUR)
    now = LoopClock(loop).now()
    assert (caps.cap_w("T", now), caps.lowest_w("T", now), list(caps.edges("T", now, now + HOUR))) == (None, None, [])


def test_a_clock_that_is_put_right_again_leaves_one_other_time(loop: VirtualLoop) -> None:
    times = OtherTimes(LoopClock(loop))
    for _ in range(100):
        times.stepped(2 * HOUR)
        times.stepped(-2 * HOUR)
    assert times.behind() == (-2 * HOUR,)
    times.stepped(timedelta(seconds=0.4))
    assert times.behind() == (-2 * HOUR,)
