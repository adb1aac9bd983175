"""From an order to the command that carries it: which rung, which outlets it speaks to, which number stands in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from csms.charging.discretise import Setpoint
from csms.charging.journal import Sending
from csms.charging.ladder import Role, Rung, static_value
from csms.charging.ladders import Ladders
from csms.charging.ledger import Ledger
from csms.charging.outlets import Outlets
from csms.charging.profiles import Lease, ProfileRules, connector, floor_profile, lease, limit_profile
from csms.charging.rounds import Order, Situation, enter
from csms.charging.settings import ChargingSettings
from csms.charging.traits import limits_of, pauses, repeats, rules_for
from csms.model.charging_profile import ProfilePurpose
from csms.model.command import Command, SetChargingProfile, SetVariables
from csms.model.ids import EvseRef
from csms.station.state import StationState
from firmware_profiles import Limits


class Reach(NamedTuple):
    """The outlets that one command speaks to; `each` gets the value, else all of them together."""

    refs: tuple[EvseRef, ...]
    each: bool = True


class Shaper:
    """Knows of every station how its limits look. Enters in the ledger what an order means for other outlets.

    `told_w`: the last value that an outlet was told in this connection.
    """

    def __init__(
        self,
        stations: Mapping[str, StationState],
        ladders: Ladders,
        ledger: Ledger,
        outlets: Outlets,
        settings: ChargingSettings,
        told_w: Mapping[EvseRef, int],
    ) -> None:
        self._stations, self._ladders, self._ledger = stations, ladders, ledger
        self._outlets, self._settings, self._told_w = outlets, settings, told_w

    def lease(self, ref: EvseRef, lease_s: float, now: datetime) -> Lease:
        """How long a limit told to this outlet counts."""
        rung = self._ladders.rung(ref.station_id, Role.LIMIT)
        if rung is None:
            return Lease(lease_s)
        return lease(rung, self._rules(ref), lease_s, self._outlets.age_s(ref, now))

    def reach(self, ref: EvseRef, rung: Rung) -> Reach:
        """Whom a command on this rung speaks to (1.6 section 3.13.1; `station_only` of the firmware profile)."""
        if not rung.station_wide and not self._limits(ref).station_only:
            return Reach((ref,))
        return Reach(self._outlets.of_station(ref.station_id), each=rung.purpose is not ProfilePurpose.STATION_MAX)

    def floor(self, ref: EvseRef, rung: Rung, now: datetime, situation: Situation) -> Sending:
        """The lasting floor. On a rung that is the limit as well it replaces a limit, so it stands in the ledger."""
        reach = self.reach(ref, rung)
        floors = [self._outlets.floor(other) for other in reach.refs]
        told = min(floors, key=lambda floor: floor.value_w) if reach.each else together(floors)
        entries: list[tuple[EvseRef, int]] = []
        if rung == self._ladders.rung(ref.station_id, Role.LIMIT) and rung.lasting:
            rule = self._settings.lease
            entries = [(o, enter(o, self._outlets.floor(o), self._ledger, situation, rule)) for o in reach.refs]
        command = self._floor_command(ref, rung, told, now)
        return Sending(ref, command, rung, told, now, reach.refs, tuple(entries), each=reach.each)

    def _floor_command(self, ref: EvseRef, rung: Rung, floor: Setpoint, now: datetime) -> Command:
        if rung.purpose is None:
            return static(rung, floor, self._limits(ref))
        earlier = now - self._ledger.account(ref).behind
        profile = floor_profile(rung, ref.evse_id, floor, earlier, self._rules(ref))
        return SetChargingProfile(connector(rung, ref.evse_id), profile)

    def limit(self, order: Order, rung: Rung, now: datetime, situation: Situation) -> Sending:
        """The limit of a session; where it reaches further than its outlet, what that means for the others."""
        order = self._varied(order, situation)
        reach = self.reach(order.ref, rung)
        told, entries = self._shared(order, reach, situation)
        return Sending(
            order.ref,
            self._limit_command(order, rung, told, reach, now),
            rung,
            told,
            now,
            reach.refs,
            entries,
            order.target.session_id,
            order.raises or len(entries) > 1,
            reach.each,
        )

    def _varied(self, order: Order, situation: Situation) -> Order:
        """Some stations ignore a limit that they are told twice in one connection: they are told a step less."""
        same = self._told_w.get(order.ref) == order.setpoint.value_w > 0
        if not same or repeats(self._limits(order.ref)):
            return order
        lower = order.target.outlet.at_most(order.setpoint.value_w - order.target.outlet.step_w)
        self._ledger.withdraw(order.ref, order.sequence)
        sequence = enter(order.ref, lower, self._ledger, situation, self._settings.lease)
        return replace(order, setpoint=lower, sequence=sequence)

    def _shared(
        self, order: Order, reach: Reach, situation: Situation
    ) -> tuple[Setpoint, tuple[tuple[EvseRef, int], ...]]:
        """What the command says, and its entries. A value for each outlet may be no more than every one of them may
        have; the value for all of them is the sum of what each was told."""
        others = [ref for ref in reach.refs if ref != order.ref]
        if not others:
            return order.setpoint, ((order.ref, order.sequence),)
        ledger, rule = self._ledger, self._settings.lease
        if not reach.each:
            told = [self._outlets.at_most(other, ledger.told_w(other)) for other in others]
            more = [(o, enter(o, kept, ledger, situation, rule)) for o, kept in zip(others, told, strict=True)]
            return together([order.setpoint, *told]), ((order.ref, order.sequence), *more)
        ledger.withdraw(order.ref, order.sequence)
        value = self._outlets.at_most(order.ref, min(order.setpoint.value_w, *self._possible_w(others, situation)))
        entries = [(ref, enter(ref, value, ledger, situation, rule)) for ref in reach.refs]
        return value, tuple(entries)

    def _possible_w(self, refs: Sequence[EvseRef], situation: Situation) -> list[int]:
        """What each of these outlets may have if all of them get the same."""
        ledger, now = self._ledger, situation.now
        found = []
        for ref in refs:
            settled_w = ledger.settled_w(ref, now, True)
            free_w = ledger.free_w(ref, now, situation.room_w, situation.lines_ma)
            spare_w = free_w - ledger.upper_bound_w(ref, now)
            found.append(max(settled_w, settled_w + spare_w // (len(refs) + 1)))
        return found

    def _limit_command(self, order: Order, rung: Rung, told: Setpoint, reach: Reach, now: datetime) -> Command:
        ref, limits = order.ref, self._limits(order.ref)
        floors = [self._outlets.floor(other) for other in reach.refs]
        floor = min(floors, key=lambda one: one.value_w) if reach.each else together(floors)
        told = floor if told.value_w == 0 and not pauses(limits) else told
        if rung.purpose is None:
            return static(rung, told, limits)
        profile = limit_profile(
            rung,
            ref.evse_id,
            order.target.transaction_id,
            told,
            floor,
            now - self._ledger.account(ref).behind,
            self._settings.lease_s,
            self._outlets.age_s(ref, now),
            self._rules(ref),
        )
        return SetChargingProfile(connector(rung, ref.evse_id), profile)

    def _limits(self, ref: EvseRef) -> Limits:
        return limits_of(self._stations.get(ref.station_id))

    def _rules(self, ref: EvseRef) -> ProfileRules:
        return rules_for(self._limits(ref), self._ladders.declared(ref.station_id), self._settings.profiles)


def together(setpoints: Sequence[Setpoint]) -> Setpoint:
    """The sum of what several outlets of one station may draw."""
    first = setpoints[0]
    return Setpoint(
        first.kind,
        sum(setpoint.value_w for setpoint in setpoints),
        sum(setpoint.limit_a for setpoint in setpoints),
        max(setpoint.phases for setpoint in setpoints),
    )


def static(rung: Rung, setpoint: Setpoint, limits: Limits) -> SetVariables:
    """A limit as a configuration key, in whole units of the key, rounded down."""
    return SetVariables({rung.static_key: str(static_value(limits, setpoint.limit_a, setpoint.value_w))})
