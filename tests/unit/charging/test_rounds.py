"""Who is told what in one round."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from csms.charging.discretise import Outlet
from csms.charging.ledger import Ledger
from csms.charging.rounds import LeaseRule, Order, Situation, Target, orders
from csms.model.ids import EvseRef
from csms.model.station import CurrentKind, EvseRating

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
OUTLET = Outlet(EvseRating(CurrentKind.DC, 3, 100.0, 60_000), 3)
A, B = EvseRef("A", 1), EvseRef("B", 1)
RULE = LeaseRule(900, 450)


class Bench:
    """Two piles under one feeder of 10 kW; floors of 0 W are installed."""

    def __init__(self) -> None:
        self.ledger = Ledger(15, 5)
        for ref in (A, B):
            self.ledger.enrol(ref, ("T",), 0, 60_000)
            self.ledger.confirm_floor(ref, NOW)
            self.ledger.trust(ref, NOW, floor=True, limit=True)
            self.ledger.note_car(ref, True)
        self.situation = Situation(NOW, {"T": 10_000}, lambda _: True, lambda _: True)

    def look(self, seconds: float = 0, room_w: int = 10_000, **wanted_w: int) -> dict[str, int]:
        self.situation = replace(self.situation, now=NOW + timedelta(seconds=seconds), room_w={"T": room_w})
        self.found = orders(
            {EvseRef(name, 1): Target(1, "7", OUTLET, OUTLET.setpoint(w)) for name, w in wanted_w.items()},
            self.ledger,
            self.situation,
            RULE,
        )
        return {order.ref.station_id: order.setpoint.value_w for order in self.found}

    def answer(self, seconds: float) -> None:
        for order in self.found:
            self.ledger.acknowledge(order.ref, order.sequence, NOW + timedelta(seconds=seconds))


def test_raises_wait_for_the_decrease_its_answer_and_its_ramp() -> None:
    bench = Bench()
    assert bench.look(A=8_000, B=2_000) == {"A": 8_000, "B": 2_000}
    bench.answer(3)
    assert bench.look(60, A=2_000, B=8_000) == {"A": 2_000}
    assert bench.look(62, A=2_000, B=8_000) == {}
    bench.ledger.acknowledge(A, bench.ledger.account(A).sent.copy().popitem()[0], NOW + timedelta(seconds=63))
    assert bench.look(70, A=2_000, B=8_000) == {}
    assert bench.look(78, A=2_000, B=8_000) == {"B": 8_000}
    assert bench.found[0].raises


def test_an_unchanged_value_is_renewed_before_its_lease_ends() -> None:
    bench = Bench()
    bench.look(A=8_000)
    bench.answer(3)
    assert bench.look(449, A=8_000) == {}
    assert bench.look(450, A=8_000) == {"A": 8_000}


def test_it_is_sent_again_after_a_reconnect_or_without_an_answer() -> None:
    bench = Bench()
    bench.look(A=8_000)
    first: Order = bench.found[0]
    assert bench.look(5, A=8_000) == {}
    bench.ledger.lose(first.sequence)
    assert bench.look(60, A=8_000) == {"A": 8_000}
    bench.answer(62)
    bench.situation = replace(bench.situation, stale=frozenset({A}))
    assert bench.look(80, A=8_000) == {"A": 8_000}


def test_a_fallen_cap_brings_everybody_down_without_a_new_plan() -> None:
    bench = Bench()
    bench.look(A=6_000, B=4_000)
    bench.answer(3)
    assert bench.look(20, room_w=5_000, A=6_000, B=4_000) == {"A": 3_000, "B": 2_000}
    bench.answer(23)
    assert bench.look(60, A=6_000, B=4_000) == {"A": 6_000, "B": 4_000}


def test_who_cannot_be_reached_counts_and_the_others_make_way() -> None:
    bench = Bench()
    bench.look(A=6_000, B=4_000)
    bench.answer(3)
    bench.situation = replace(bench.situation, reachable=lambda station: station == "B", ready=lambda s: s == "B")
    assert bench.look(20, room_w=8_000, A=6_000, B=4_000) == {"B": 2_000}


def test_a_pile_without_a_known_floor_stops_all_raises() -> None:
    bench = Bench()
    bench.ledger.lose_floor(A)
    assert bench.look(B=4_000) == {}, "its floor of 0 holds"


def test_resting_and_busy_outlets_are_left_alone() -> None:
    bench = Bench()
    bench.situation = replace(bench.situation, resting=frozenset({A}), ready=lambda station: station != "B")
    assert bench.look(A=4_000, B=4_000) == {}


def test_one_order_per_station() -> None:
    bench = Bench()
    bench.ledger.enrol(EvseRef("A", 2), ("T",), 0, 60_000)
    bench.ledger.confirm_floor(EvseRef("A", 2), NOW)
    bench.ledger.trust(EvseRef("A", 2), NOW, floor=True, limit=True)
    target = Target(1, "7", OUTLET, OUTLET.setpoint(3_000))
    found = orders({A: target, EvseRef("A", 2): target}, bench.ledger, bench.situation, RULE)
    assert len(found) == 1


def test_most_of_a_raise_goes_out_at_once_and_a_scrap_waits() -> None:
    bench = Bench()
    bench.look(A=2_000, B=7_000)
    bench.answer(3)
    assert bench.look(30, A=3_500, B=6_000) == {"B": 6_000, "A": 3_000}
    bench = Bench()
    bench.look(A=2_000, B=7_500)
    bench.answer(3)
    assert bench.look(30, A=7_000, B=3_000) == {"B": 3_000}
