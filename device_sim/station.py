"""One simulated station: its pile, the cars of its timetable, its transactions, its words with the central system.

`tick(now_s)` moves everything on to that moment, event by event at its exact time (arrival, departure, meter sample,
reboot). What is said in which OCPP version is left to a subclass: `client16`, `client201`.
"""

from __future__ import annotations

import random
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from device_sim.behaviour import Behaviour
from device_sim.clock import SimClock, at, wall_now
from device_sim.outgoing import Payload
from device_sim.pile import Pile, PileSpec, Reading
from device_sim.profile_book import ProfileBook, Rules
from device_sim.renewal import Renewal, common_name
from device_sim.sessions import Visit
from device_sim.smart_charging import Profile
from device_sim.speaker import NEVER_S, Speaker
from device_sim.stats import FleetStats

CONNECTION_WAIT_S = 120.0  # how long a remote start waits for a cable
BOOT_S = 10.0
SERIAL_LENGTH_MAX = 25
REACTION_MIN_S, REACTION_MAX_S = 1.0, 3.0


@dataclass(slots=True)
class Transaction:
    """A running transaction. `remote_id`: the number that a 1.6 central system gives it, 0 until it is known."""

    local_id: str
    tag: str
    start_s: float
    start_wh: float
    next_meter_s: float
    remote_id: int = 0
    seq_no: int = 0
    remote_start_id: int | None = None
    state: str = ""
    sampled_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A remote start that waits for a car."""

    tag: str
    until_s: float
    remote_start_id: int | None
    profile: Profile | None


def written(epoch_s: float) -> str:
    """A moment as OCPP writes it, to the millisecond."""
    return at(epoch_s).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Station(Speaker):
    """What both versions share. Attributes are the station's state; subclasses say it in messages."""

    def __init__(
        self,
        spec: PileSpec,
        visits: Iterable[Visit],
        url: str,
        clock: SimClock,
        stats: FleetStats,
        rng: random.Random,
        behaviour: Behaviour | None = None,
    ) -> None:
        super().__init__(spec, url, clock, stats, rng, behaviour)
        self.visits = deque(sorted(visits, key=lambda visit: visit.session.arrival))
        self.pile = Pile(spec, clock.epoch_s(), reaction_s=rng.uniform(REACTION_MIN_S, REACTION_MAX_S))
        self.book = ProfileBook(self.rules())
        self.visit: Visit | None = None
        self.transaction: Transaction | None = None
        self.operative = True
        self.boot_reason = "PowerUp"
        self.on_plugged: Callable[[Station, Visit], None] | None = None
        self._waiting: Waiting | None = None
        self._authorizing = False
        self._ended_by_command = False
        self._reset_when_idle = False
        self._back_s = NEVER_S
        self._status = ""
        self.renewal = Renewal(spec.certificate, spec.key)
        self.serial_number = (common_name(spec.certificate) or spec.station_id)[:SERIAL_LENGTH_MAX]
        self.behaviour.attach(self)

    # -- its own certificate -----------------------------------------------------------------------------------------

    @abstractmethod
    def say_signing_request(self, request: str) -> None:
        """SignCertificate with a request in PEM form."""

    def ask_for_certificate(self) -> None:
        """A new key, and a request for a certificate of it (A02.FR.02, A02.FR.03)."""
        self.say_signing_request(self.renewal.request())

    def certificate_signed(self, payload: Payload) -> Payload:
        """CertificateSigned: take it and come back with it, or refuse it (A02.FR.06 to A02.FR.08)."""
        taken = self.renewal.can and self.renewal.take(payload["certificateChain"], wall_now())
        if taken:
            self.after_reply(self.link.change_certificate)
        return {"status": "Accepted" if taken else "Rejected"}

    # -- what the versions say ---------------------------------------------------------------------------------------

    @abstractmethod
    def rules(self) -> Rules:
        """What the pile accepts as profiles."""

    @abstractmethod
    def say_status(self, status: str) -> None:
        """StatusNotification: available, preparing, charging, suspended_ev, suspended_evse, finishing, unavailable."""

    @abstractmethod
    def say_authorize(self, tag: str, decided: Callable[[bool], None]) -> None:
        """Authorize; `decided` is told whether the tag may charge."""

    @abstractmethod
    def say_started(self, tx: Transaction, reading: Reading) -> None:
        """The transaction began."""

    @abstractmethod
    def say_metered(self, tx: Transaction, reading: Reading, context: str) -> None:
        """A sample of the meter."""

    @abstractmethod
    def say_state(self, tx: Transaction, reading: Reading) -> None:
        """`tx.state` changed."""

    @abstractmethod
    def say_ended(self, tx: Transaction, reading: Reading, reason: str) -> None:
        """The transaction is over."""

    def shown_as(self, status: str) -> str:
        """How a status reads on the wire; what reads alike is not said twice."""
        return status

    # -- time --------------------------------------------------------------------------------------------------------

    def tick(self, now_s: float) -> None:
        """Move on to `now_s` (simulated seconds since 1970)."""
        while (due_s := self._next_due_s()) <= now_s:
            self._advance(due_s)
            self._happen(due_s)
        self._advance(now_s)
        self._watch()
        if self.outgoing:
            self.link.wake()

    def _next_due_s(self) -> float:
        due_s = min(self._back_s, self.boot_again_s, self.heartbeat_s)
        if self.transaction is not None:
            due_s = min(due_s, self.transaction.next_meter_s)
        if self.visit is not None:
            due_s = min(due_s, self.visit.session.departure_s)
        elif self.visits:
            due_s = min(due_s, self.visits[0].session.arrival_s)
        return due_s

    def _advance(self, to_s: float) -> None:
        before_wh = self.pile.register_wh
        self.pile.advance(to_s)
        if self.visit is not None and self.pile.register_wh > before_wh:
            self.stats.deliver(self.visit.session.session_id, self.pile.register_wh - before_wh)

    def _happen(self, now_s: float) -> None:
        """Everything that is due now."""
        if self._back_s <= now_s:
            self._come_back()
        self.speak_due(now_s)
        if self.visit is not None and self.visit.session.departure_s <= now_s:
            self._leave()
        if self.visit is None and self.visits and self.visits[0].session.arrival_s <= now_s:
            self._arrive(self.visits.popleft())
        if self.transaction is not None and self.transaction.next_meter_s <= now_s:
            self._meter(self.transaction, now_s)

    def _meter(self, tx: Transaction, now_s: float) -> None:
        tx.next_meter_s = self._next_sample_s(now_s)
        reading = self.pile.read()
        if reading.at_s > max(tx.start_s, tx.sampled_s):  # no two samples of one moment
            tx.sampled_s = reading.at_s
            self.say_metered(tx, reading, "Sample.Periodic")

    def _next_sample_s(self, now_s: float) -> float:
        interval_s = self.variables.meter_interval_s
        return now_s + interval_s if interval_s > 0 else NEVER_S

    def _watch(self) -> None:
        tx = self.transaction
        if tx is None:
            return
        state = self._charging_state()
        if state != tx.state:
            tx.state = state
            self.say_state(tx, self.pile.read())
            self._show(state)

    def _charging_state(self) -> str:
        if self.pile.suspended_by_pile:
            return "suspended_evse"
        return "suspended_ev" if self.pile.satisfied else "charging"

    def retime(self) -> None:
        """The meter interval may have changed: count it from now."""
        if self.transaction is not None:
            self.transaction.next_meter_s = self._next_sample_s(self.clock.epoch_s())
        if self.heartbeat_s < NEVER_S:
            self.heartbeat_s = self.clock.epoch_s() + self.variables.heartbeat_s

    # -- cars --------------------------------------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether no car is here, none will come, and there is nothing left to say."""
        return self.visit is None and not self.visits and not self.outgoing

    def _arrive(self, visit: Visit) -> None:
        self.visit, self._ended_by_command = visit, False
        self.pile.plug(visit.car)
        self._show("preparing")
        if self.on_plugged is not None:
            self.on_plugged(self, visit)
        self._ask_to_start()

    def _leave(self) -> None:
        self._waiting = None
        if self.transaction is not None:
            self.end_transaction("EVDisconnected")
        self.visit = None
        self.pile.unplug()
        self._show("available" if self.operative else "unavailable")

    def unplug_all(self) -> None:
        """The car here leaves at once and the rest of the timetable is dropped."""
        self.visits.clear()
        if self.visit is not None:
            self._leave()

    def _ask_to_start(self) -> None:
        """The driver shows the card, unless a remote start waits for this car."""
        if self.visit is None or self.transaction is not None or not self._can_start():
            return
        waiting, self._waiting = self._waiting, None
        if waiting is not None and waiting.until_s >= self.pile.at_s:
            self.begin_transaction(waiting.tag, waiting.remote_start_id, waiting.profile)
        elif not self.behaviour.cards_start:
            self._waiting = waiting
        elif not self.outgoing.accepted or not self.link.online:
            self.begin_transaction(self.visit.tag)  # offline: the pile trusts the card
        elif not self._authorizing:
            self._authorizing = True
            visit, tag = self.visit, self.visit.tag
            self.say_authorize(tag, lambda good: self._authorized(visit, tag, good))

    def _can_start(self) -> bool:
        return self.pile.powered and self.operative and not self._ended_by_command

    def _authorized(self, visit: Visit, tag: str, good: bool) -> None:
        self._authorizing = False
        if self.visit is not visit:
            self._ask_to_start()
        elif good and self.transaction is None and self._can_start():
            self.begin_transaction(tag)

    def begin_transaction(self, tag: str, remote_start_id: int | None = None, profile: Profile | None = None) -> None:
        """Close the contactor and say so. A profile of a remote start is installed for this transaction."""
        self._advance(self.clock.epoch_s())
        now_s = self.pile.at_s
        local_id = f"{self.rng.getrandbits(128):032x}"
        tx = Transaction(local_id, tag, now_s, self.pile.register_wh, self._next_sample_s(now_s))
        tx.remote_start_id = remote_start_id
        self.transaction = tx
        self.stats.sessions_started += 1
        if profile is not None:
            self.install(profile)
        self.pile.close(now_s)
        self.say_started(tx, self.pile.read())

    def end_transaction(self, reason: str, by_command: bool = False) -> None:
        """Open the contactor and say so; the transaction's profiles go with it."""
        tx = self.transaction
        if tx is None:
            return
        self.pile.open()
        self._ended_by_command = self._ended_by_command or by_command
        self.transaction = None
        self.stats.sessions_ended += 1
        self.say_ended(tx, self.pile.read(), reason)
        if self.book.end_transaction():
            self.pile.obey(self.book.active())
        self._show("finishing")
        if self._reset_when_idle:
            self._reset_when_idle = False
            self.reboot("ScheduledReset")

    # -- profiles ----------------------------------------------------------------------------------------------------

    def install(self, profile: Profile) -> str | None:
        """Store a profile and obey it after the reaction time; the reason if it is refused."""
        self._advance(self.clock.epoch_s())
        self.stats.profiles_received += 1
        refusal = self.book.install(profile, self.transaction_name())
        if refusal is None:
            self.stats.profiles_accepted += 1
            self.pile.obey(self.book.active())
        return refusal

    def cleared(self, count: int) -> bool:
        """After profiles were removed from the book: obey what is left; whether there was anything to remove."""
        if count:
            self._advance(self.clock.epoch_s())
            self.pile.obey(self.book.active())
        return count > 0

    def transaction_name(self) -> str | None:
        """The id under which profiles name the running transaction."""
        return None if self.transaction is None else self.transaction.local_id

    def resumed(self) -> None:
        """After a boot or a reconnection: the status again, and a car that waits may start."""
        self._show(self._status or ("available" if self.operative else "unavailable"), always=True)
        self._ask_to_start()

    def _show(self, status: str, always: bool = False) -> None:
        changed = self.shown_as(status) != self.shown_as(self._status)
        self._status = status
        if changed or always:
            self.say_status(status)

    # -- commands and mishaps ----------------------------------------------------------------------------------------

    def remote_start(self, tag: str, remote_start_id: int | None, profile: Profile | None) -> bool:
        """Whether a transaction will begin: now, or when a car comes within CONNECTION_WAIT_S."""
        if self.transaction is not None or not self.operative or not self.pile.powered:
            return False
        until_s = self.clock.epoch_s() + CONNECTION_WAIT_S
        self._waiting, self._ended_by_command = Waiting(tag, until_s, remote_start_id, profile), False
        self.after_reply(self._ask_to_start)
        return True

    def remote_stop(self, name: str) -> bool:
        """Whether the transaction of that name runs; it ends after the answer."""
        if self.transaction is None or self.transaction_name() != name:
            return False
        self.after_reply(lambda: self._stop_now("Remote", True))
        return True

    def _stop_now(self, reason: str, by_command: bool = False) -> None:
        self._advance(self.clock.epoch_s())
        self.end_transaction(reason, by_command)

    def set_operative(self, operative: bool) -> str:
        """Accepted, or Scheduled while a transaction runs (it goes on)."""
        changed, self.operative = operative != self.operative, operative
        if self.transaction is not None:
            return "Scheduled" if changed and not operative else "Accepted"
        if changed:
            status = "preparing" if self.visit else "available"
            self.after_reply(lambda: self._show(status if operative else "unavailable"))
            self.after_reply(self._ask_to_start)
        return "Accepted"

    def reset(self, reason: str, when_idle: bool = False) -> str:
        """Accepted, or Scheduled when it waits for the end of the transaction."""
        if when_idle and self.transaction is not None:
            self._reset_when_idle = True
            return "Scheduled"
        self.after_reply(lambda: self._reset_now(reason))
        return "Accepted"

    def _reset_now(self, reason: str) -> None:
        self._stop_now(reason)
        self.reboot("RemoteReset")

    def reboot(self, boot_reason: str, down_s: float = BOOT_S) -> None:
        """Go away for `down_s` simulated seconds, then connect and boot anew."""
        self.outgoing.accepted = self._authorizing = False
        self.behaviour.rebooted()
        self.boot_reason = boot_reason
        self._back_s = self.clock.epoch_s() + down_s
        self.link.hold(True)

    def lose_power(self, down_s: float) -> None:
        """The mains fail: nothing flows, the connection is gone, the transaction is over; back after `down_s`."""
        self._advance(self.clock.epoch_s())
        self.pile.set_powered(False)
        self._stop_now("PowerLoss")
        self.reboot("PowerUp", down_s)

    def _come_back(self) -> None:
        self._back_s = NEVER_S
        self.pile.set_powered(True)
        self._status = "unavailable" if not self.operative else "preparing" if self.visit else "available"
        self.link.hold(False)
