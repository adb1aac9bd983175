"""Limits before and after a station is let in, as plain values: no sockets, no waiting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.gateway.admission import (
    HOLD_S,
    IDLE_S,
    PAUSE_S,
    AdmissionLimits,
    Allowance,
    Arrivals,
    Attempts,
)
from csms.security.addresses import address_behind, address_of


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("203.0.113.5:4711", "203.0.113.5"),
        ("::ffff:203.0.113.5:4711", "203.0.113.5"),
        ("2001:db8:1:2:3:4:5:6:4711", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1:4711", "2001:db8:1:2::"),
        ("::1:4711", "::"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_an_address_is_that_of_a_customer(peer: str, address: str) -> None:
    assert address_of(peer) == address


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ([], "10.0.0.1"),
        (["198.51.100.7"], "198.51.100.7"),
        (["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
        (["1.1.1.1", "198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        (["198.51.100.7, nonsense"], "10.0.0.1"),
        (["10.0.0.2"], "10.0.0.1"),
        (["2001:db8::5"], "2001:db8::"),
    ],
)
def test_a_trusted_proxy_is_believed_from_its_end(forwarded: list[str], address: str) -> None:
    assert address_behind("10.0.0.1:5", forwarded, frozenset({"10.0.0.1", "10.0.0.2"})) == address
    assert address_behind("10.0.0.9:5", forwarded, frozenset({"10.0.0.1"})) == "10.0.0.9"


def test_a_proxy_is_trusted_by_its_very_address() -> None:
    assert address_behind("::1:5", ["198.51.100.7"], frozenset({"::1"})) == "198.51.100.7"
    assert address_behind("::2:5", ["198.51.100.7"], frozenset({"::1"})) == "::", "its neighbour is none"
    assert address_behind("::ffff:10.0.0.1:5", ["2001:db8::5"], frozenset({"10.0.0.1"})) == "2001:db8::"


def failing(attempts: Attempts, address: str, who: str, now_s: float) -> bool:
    """Whether it was let try."""
    if attempts.wait_s(address, who, now_s) > 0:
        return False
    attempts.began(address, who, now_s)
    attempts.failed(address, now_s)
    return True


def test_the_wait_doubles_up_to_its_end_and_ends_with_a_success() -> None:
    attempts = Attempts(AdmissionLimits(failures_free=2, failures_wait_s=1, failures_wait_max_s=5))
    now_s, waits = 0.0, []
    for _ in range(6):
        assert failing(attempts, "a", "x", now_s)
        wait_s = attempts.wait_s("a", "x", now_s)
        waits.append(wait_s)
        now_s += wait_s
    assert waits == [0, 0, 1, 2, 4, 5]
    attempts.succeeded("a", "x")
    assert attempts.wait_s("a", "x", now_s) == 0


def test_only_the_pair_waits() -> None:
    attempts = Attempts(AdmissionLimits(failures_free=1))
    for _ in range(3):
        failing(attempts, "a", "x", 0.0)
    assert attempts.wait_s("a", "x", 0.0) > 0
    assert attempts.wait_s("a", "y", 0.0) == 0
    assert attempts.wait_s("b", "x", 0.0) == 0


def test_what_was_our_fault_does_not_count() -> None:
    attempts = Attempts(AdmissionLimits(failures_free=1))
    for _ in range(10):
        attempts.began("a", "x", 0.0)
        attempts.undecided("a", "x")
    assert attempts.wait_s("a", "x", 0.0) == 0


def test_an_address_that_fails_too_often_gets_little_and_recovers() -> None:
    limits = AdmissionLimits(address_failures_burst=5, address_failures_per_s=1)
    attempts = Attempts(limits)
    told = [failing(attempts, "a", f"x{number}", 0.0) for number in range(8)]
    assert told == [True] * 8, "each id once"
    assert attempts.wait_s("a", "x7", 0.0) > 0, "it has failed once"
    assert attempts.wait_s("b", "x7", 0.0) == 0
    assert attempts.wait_s("a", "new", 10.0) == 0


def test_a_new_password_is_a_new_beginning_for_that_station_everywhere() -> None:
    attempts = Attempts(AdmissionLimits(failures_free=1))
    for address in ("a", "b"):
        for who in ("x", "x\ncertificate", "xy"):
            failing(attempts, address, who, 0.0)
            failing(attempts, address, who, 0.0)
    attempts.forgive("x")
    for address in ("a", "b"):
        told = [attempts.wait_s(address, who, 0.0) > 0 for who in ("x", "x\ncertificate", "xy")]
        assert told == [False, False, True]


def test_what_is_remembered_is_bounded() -> None:
    attempts = Attempts(AdmissionLimits(addresses_max=100))
    for number in range(1000):
        failing(attempts, f"a{number}", "x", 0.0)
    assert len(attempts._pairs._known) <= 100
    assert len(attempts._addresses._levels) <= 100


class Door:
    """Arrivals with a clock in hand."""

    def __init__(self, **limits: int) -> None:
        self.now_s, self.cut, self.told = 0.0, [], []
        proxies = frozenset({"10.0.0.1"})
        self.arrivals = Arrivals(
            AdmissionLimits(trusted_proxies=proxies, **limits), lambda: self.now_s, self.told.append
        )

    def come(self, address: str, name: str = ""):
        return self.arrivals.begin(f"{address}:5", lambda: self.cut.append(name))


def test_the_oldest_that_says_nothing_makes_room() -> None:
    door = Door(handshakes_per_address_max=2)
    first = door.come("a", "first")
    assert first is not None
    first.asked = True
    assert door.come("a", "second")
    assert door.come("a", "third") is None, "nobody has been silent for long yet"
    door.now_s += IDLE_S
    assert door.come("a", "fourth")
    assert door.cut == ["second"]
    assert door.told == ["a:5", "a:5"]
    assert (door.arrivals.of("a"), len(door.arrivals)) == (2, 2)


def test_other_addresses_come_in_up_to_the_whole_number() -> None:
    door = Door(handshakes_per_address_max=2, handshakes_max=4)
    kept = [door.come(address) for address in ("a", "a", "b", "c")]
    assert all(kept)
    assert door.come("d") is None
    door.arrivals.end(kept[0])
    door.arrivals.end(kept[0])
    assert door.come("d")
    assert door.arrivals.of("a") == 1


def test_a_trusted_proxy_is_not_one_address() -> None:
    door = Door(handshakes_per_address_max=2)
    assert all(door.come("10.0.0.1") for _ in range(5))


LIMITS = AdmissionLimits(messages_per_s=10, messages_burst=100, excess_s=5)


def sends(allowance: Allowance, now_s: float) -> float:
    """One message; how long to read nothing."""
    allowance.left -= 1
    return allowance.hold_s(now_s, LIMITS) if allowance.left < 0 else 0.0


def test_who_keeps_to_the_rate_is_never_slowed() -> None:
    allowance = Allowance(LIMITS.messages_burst, 0.0)
    assert [sends(allowance, number / 10) for number in range(5000)] == [0.0] * 5000


def test_a_burst_passes_and_then_the_rate_counts() -> None:
    allowance, now_s = Allowance(LIMITS.messages_burst, 0.0), 0.0
    for _ in range(400):
        now_s += sends(allowance, now_s)
    assert 29 < now_s < 31


@given(st.lists(st.floats(0, 3, allow_nan=False), min_size=1, max_size=300))
def test_nobody_sends_more_than_twice_the_burst_and_the_rate(pauses_s: list[float]) -> None:
    allowance, now_s = Allowance(LIMITS.messages_burst, 0.0), 0.0
    for number, pause_s in enumerate(pauses_s):
        now_s += pause_s + sends(allowance, now_s)
        assert number + 1 <= 2 * LIMITS.messages_burst + LIMITS.messages_per_s * now_s + 1


def test_a_flood_that_does_not_end_is_in_excess_and_one_with_a_pause_is_not() -> None:
    allowance, now_s = Allowance(0, 0.0), 0.0
    while not allowance.in_excess(LIMITS):
        now_s += sends(allowance, now_s)
    assert LIMITS.excess_s <= now_s < LIMITS.excess_s + 1
    allowance, now_s = Allowance(0, 0.0), 0.0
    for _ in range(20):
        sends(allowance, now_s)
        assert sends(allowance, now_s) >= HOLD_S
        assert not allowance.in_excess(LIMITS)
        now_s += PAUSE_S + 1
        for _ in range(PAUSE_BURST):
            sends(allowance, now_s)


PAUSE_BURST = 110
