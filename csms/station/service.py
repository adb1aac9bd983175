"""The station room's front: messages in, commands out, live state kept true.

Messages of one station are handled one after the other, also when an old connection still lingers beside a new one.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from csms.model.authentication import Attempt, Decided, SecurityProfile
from csms.model.clock import Clock
from csms.model.command import Command, CommandResult, RawCall, SetVariables
from csms.model.errors import (
    AnswerUnusual,
    CallRefused,
    CallTimeout,
    ConnectionLost,
    CsmsError,
    PeerError,
    StationOffline,
    StoreUnavailable,
    UnknownStation,
)
from csms.model.event import LimitsTouched, SessionNeedsChanged, StationConnected, StationDisconnected
from csms.model.ids import EvseRef
from csms.model.inbound import (
    Extended,
    Inbound,
    Reply,
)
from csms.model.station import Protocol, RegistrationStatus, Stage
from csms.station import (
    asking,
    authentication,
    authorization,
    availability,
    diagnosis,
    greeting,
    lifecycle,
    local_list,
    proving,
    registration,
    remote_control,
    reservation,
    security,
    smart_charging,
    upkeep,
    versions,
)
from csms.station.alerts import Alerts
from csms.station.background import Background
from csms.station.blocks import HANDLERS, PERFORMERS, PLANNERS
from csms.station.bus import EventBus
from csms.station.context import Outside, StationContext, StationSettings
from csms.station.corrections import corrections, not_ahead
from csms.station.doctor import Finding, LimitFact
from csms.station.own_certificates import OwnCertificates
from csms.station.ports import Link
from csms.station.pricing import Pricing
from csms.station.renewals import Renewals
from csms.station.roots import Roots
from csms.station.sessions import number_of
from csms.station.starts import Start, Transaction
from csms.station.state import Needs, StationState
from csms.station.vendor_messages import VendorMessages
from csms.station.wishes import Wish, firmware_of
from csms.station.work import Work
from csms.store import changes
from csms.store.change import Change
from csms.store.engine import Store
from csms.store.station_tables import Operation
from csms.store.tables import IdToken

log = logging.getLogger(__name__)

STARTS_RESTORED = 5000
"""Sessions whose starts are remembered over a restart; a repeat of an older one is looked for in the store."""


class StationService:
    """All stations of this process. Build it, `await restore()`, then hand it to the gateway."""

    def __init__(
        self, clock: Clock, store: Store, bus: EventBus, settings: StationSettings, outside: Outside | None = None
    ) -> None:
        self._background = Background()
        self._context = StationContext(clock, store, bus, settings, outside or Outside(), self._background.start)
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.bus = bus

    @property
    def stations(self) -> Mapping[str, StationState]:
        """Live state by station id."""
        return self._context.stations

    @property
    def vendors(self) -> VendorMessages:
        """Which vendor messages are understood; more may be added."""
        return self._context.vendors

    async def restore(self) -> None:
        """Load stations, connectors and open sessions, so that a restart forgets nothing (pain 6)."""
        await registration.restore(self._context)
        reader = self._context.store.reader
        self._context.session_ids = itertools.count(await reader.max_session_id() + 1)
        operations = await reader.find(Operation, newest=1)
        self._context.operation_ids = itertools.count(operations[0].id + 1 if operations else 1)
        rows = await self._context.store.reader.recent_starts(STARTS_RESTORED)
        complete = len(rows) < STARTS_RESTORED
        self._context.starts.restore([(_start(row), number_of(row), row.received_at) for row in rows], complete)
        named = [(Transaction(row.station_id, row.transaction_id), row.id, row.received_at) for row in rows]
        self._context.transactions.restore(named, complete)
        for block in (reservation, remote_control, availability, smart_charging):
            await block.restore(self._context)

    def price(self, pricing: Pricing) -> None:
        """From now on drivers are told costs by `pricing`."""
        self._context.pricing = pricing

    async def run(self) -> None:
        """What has to be looked at from time to time, until cancelled."""
        await upkeep.run(self._context)

    async def register(self, registered: registration.Registration) -> None:
        """Make a station known, or change its site, feeder or nameplates."""
        await registration.register(self._context, registered)

    async def put_on(self, station_id: str, feeder_id: str, beside: Sequence[Change] = ()) -> None:
        """From now on a station hangs on this feeder, whatever the settings say. Raises UnknownStation."""
        await registration.put_on(self._context, station_id, feeder_id, beside)

    def was_put_on(self, places: Mapping[str, str]) -> None:
        """Another server put stations on other feeders: feeder by station."""
        for station_id, feeder_id in places.items():
            if station_id in self._context.stations:
                self._context.stations[station_id].feeder_id = feeder_id

    async def settle(self, station_id: str, stage: Stage, wish: RegistrationStatus | None = None) -> None:
        """Approve, commission or reject a station, or say what its next boot is answered. Raises UnknownStation."""
        await lifecycle.settle(self._context, station_id, stage, wish)

    async def put_token(self, token: IdToken) -> None:
        """List a token or change it; it counts at once."""
        await authorization.put_token(self._context, token)
        local_list.tokens_changed(self._context)

    async def delete_token(self, id_token: str) -> bool:
        """Take a token off; False when it was not listed."""
        was_listed = await authorization.delete_token(self._context, id_token)
        local_list.tokens_changed(self._context)
        return was_listed

    def admit(self, attempt: Attempt, decided: Decided) -> None:
        """Whether a station is let in; told at once where nothing has to be computed, else later."""
        authentication.judge(self._context, attempt, decided)

    def remembers(self, attempt: Attempt) -> bool:
        """Whether the attempt shows a password that was verified lately."""
        return authentication.remembers(self._context, attempt)

    async def demand(
        self, station_id: str, profile: SecurityProfile | None = None, serial: str | None = None, lower: bool = False
    ) -> None:
        """Set how a station proves itself. Raises UnknownStation, ProofRefused."""
        await proving.demand(self._context, station_id, profile=profile, serial=serial, lower=lower)

    async def set_first_password(self, station_id: str, password: str = "") -> str:
        """Note the password that somebody gives a station by hand; a random one is made if none is given.

        Raises UnknownStation.
        """
        return await proving.set_first_password(self._context, station_id, password)

    async def issue_certificate(self, station_id: str, request_pem: str) -> str:
        """The first certificate of a station, for a key that somebody made for it.

        Raises UnknownStation, RequestRefused, AuthorityFailed.
        """
        return await security.issue(self._context, station_id, request_pem)

    @property
    def own_certificates(self) -> OwnCertificates:
        """What stations prove themselves with."""
        return self._context.own_certificates

    @property
    def renewals(self) -> Renewals:
        """Whom we asked to renew its certificate."""
        return self._context.renewals

    @property
    def alerts(self) -> Alerts:
        """What a person should look at."""
        return self._context.alerts

    @property
    def roots(self) -> Roots:
        """Which roots stations may be given."""
        return self._context.roots

    def certificate_revoked(self, number: int) -> list[str]:
        """Send the stations away that came in with this certificate; which they are."""
        serial = f"{number:x}"
        gone = []
        for station_id, station in self._context.stations.items():
            held = self._context.own_certificates.in_use(station_id)
            by_certificate = station.proof.profile is SecurityProfile.CERTIFICATE
            if held is not None and held.serial == serial and by_certificate and station.link is not None:
                self._background.start(station.link.close(lifecycle.POLICY_VIOLATION, "this certificate is revoked"))
                gone.append(station_id)
        return gone

    def has_password(self, station_id: str) -> bool:
        """Whether a password of the station is known."""
        return self._context.credentials.knows(station_id)

    def alarm(self, kind: str, station_id: str = "", info: str = "", address: str = "") -> None:
        """Keep a security event of this server's own; an id that no station has is told in its words."""
        if station_id and station_id not in self._context.stations:
            station_id, info = "", f"{info} as {station_id}".strip()
        self._context.alarms.raise_(kind, station_id, info, address)

    def version(self, station_id: str) -> Protocol | None:
        """The version that has to be spoken with this station, if there is no choice."""
        return versions.version(self._context, station_id)

    async def connected(self, station_id: str, link: Link) -> None:
        """A connection of the station is up; it replaces an older one."""
        if station_id not in self._context.stations:
            await registration.register(self._context, registration.stranger(station_id, self._context.settings))
        station = self._context.stations[station_id]
        station.link, station.protocol = link, link.protocol
        now = self._context.clock.now()
        station.last_seen_at = station.connected_at = now
        station.manners.connected(now)
        station.corrections = corrections(firmware_of(station), self._context.settings.zone)
        await self._note_sign_of_life(station_id, now, link)
        self.bus.publish(StationConnected(station_id, link.protocol, now))
        # it waits long, and holds the connection in memory meanwhile
        self._background.start_only(f"greeting {station_id}", greeting.greet(self._context, station_id, link))

    async def disconnected(self, station_id: str, link: Link) -> None:
        """A connection is gone; the late end of a replaced one changes nothing (pain 2)."""
        station = self._context.stations.get(station_id)
        if station is None or station.link is not link:
            return
        station.link = None
        self._background.give_up(f"greeting {station_id}")
        now = self._context.clock.now()
        await self._note_sign_of_life(station_id, now, link)
        self.bus.publish(StationDisconnected(station_id, now))

    async def receive(self, station_id: str, message: Inbound, received_at: datetime) -> Reply:
        """Handle one message; what it says is durable when this returns.

        Raises PeerError (SecurityError) for what a station that is not accepted may not say, StoreUnavailable when it
        could not be stored (the station will send it again).
        """
        station = self._context.stations[station_id]
        station.last_seen_at = received_at
        async with self._turns[station_id]:
            extras: list[Inbound] = []
            while isinstance(message, Extended):
                extras += message.extras
                message = message.message
            lifecycle.check_message(station, message)
            message = _put_right(station, message, received_at)
            for extra in extras:
                await HANDLERS[type(extra)](self._context, station_id, extra, received_at)
            return await HANDLERS[type(message)](self._context, station_id, message, received_at)

    def take(
        self, station_id: str, message: Inbound, received_at: datetime, done: Callable[[Reply | CsmsError], None]
    ) -> bool:
        """Handle a frequent message without a task: `done` is called once it is durable, with what `receive` would
        have returned or raised. False, and nothing was done, when this message cannot be handled like that now.
        """
        context, turn, planner = self._context, self._turns.get(station_id), PLANNERS.get(type(message))
        writer, station = context.store.writer, context.stations[station_id]
        if planner is None or (turn is not None and turn.locked()) or not writer.has_room:
            return False
        if station.registration is not RegistrationStatus.ACCEPTED:
            return False
        message = _put_right(station, message, received_at)
        work = planner(context, station_id, message, received_at)
        if work is None:
            return False
        station.last_seen_at = received_at
        if work.changes:
            writer.submit(work.changes, partial(_finish, work, done))
        else:
            _finish(work, done, None)
        return True

    async def command(self, station_id: str, command: Command) -> CommandResult:
        """Ask a station. Raises UnknownStation, StationOffline, StationNotAccepted, NotForThisStation and what
        `Link.send` raises.
        """
        station = self._context.stations.get(station_id)
        if station is None:
            raise UnknownStation(f"no station {station_id!r} is registered")
        if station.link is None:
            raise StationOffline(f"station {station_id} is not connected")
        known = firmware_of(station)
        if known is not None:
            asking.check(known, station.link, command)
        lifecycle.check_command(station, command)
        performer, send = PERFORMERS.get(type(command)), asking.sender(self._context, station, station.link)
        try:
            if performer is None:
                result = await send(command)
            else:
                result = await performer(self._context, station_id, command, send)
        except AnswerUnusual:
            raise
        except CallTimeout:
            station.manners.unanswered += 1
            raise
        except (CallRefused, PeerError):
            station.manners.unanswered = 0  # an answer all the same
            raise
        station.manners.unanswered = 0
        return result

    async def order(self, station_id: str, command: Command) -> CommandResult:
        """What a person asks of a station: as `command`; who keeps the limits hears of it when it touches them.

        What certainly changed nothing (the station is away, or refuses) is no news: a limit that counts no more takes
        room from everybody.
        """
        try:
            result = await self.command(station_id, command)
        except (CallTimeout, ConnectionLost, PeerError):
            self._tell_touched(station_id, command)
            raise
        if result.accepted or isinstance(command, RawCall | SetVariables):
            self._tell_touched(station_id, command)
        return result

    def _tell_touched(self, station_id: str, command: Command) -> None:
        if smart_charging.touches_limits(self._context.stations[station_id], command):
            self._context.bus.publish(LimitsTouched(station_id, self._context.clock.now()))

    async def diagnose(self, station_id: str, limits: LimitFact | None = None) -> list[Finding]:
        """What is wrong with a station. Raises UnknownStation."""
        if station_id not in self._context.stations:
            raise UnknownStation(f"no station {station_id!r} is registered")
        return await diagnosis.diagnose(self._context, station_id, limits)

    def wishes(self, station_id: str) -> list[Wish]:
        """How a station should be configured. Raises UnknownStation."""
        if station_id not in self._context.stations:
            raise UnknownStation(f"no station {station_id!r} is registered")
        return diagnosis.wished(self._context, self._context.stations[station_id])

    def misheard(self, station_id: str) -> None:
        """A frame of the station could not be read."""
        station = self._context.stations.get(station_id)
        if station is not None:
            station.manners.unreadable += 1

    async def set_needs(self, evse: EvseRef, energy_wh: float | None, departure: datetime | None) -> None:
        """What the driver wants from this plug-in; kept with the running session or for the next one.

        Raises UnknownStation for an EVSE that is not known.
        """
        station = self._context.stations.get(evse.station_id)
        state = station.evses.get(evse.evse_id) if station else None
        if state is None:
            raise UnknownStation(f"no EVSE {evse} is registered")
        state.want(driver=Needs(energy_wh, departure))
        if state.session is not None:
            wanted = changes.update_session(
                state.session.session_id, wanted_wh=state.needs.energy_wh, departure_at=state.needs.departure
            )
            await self._context.store.writer.commit([wanted])
        self.bus.publish(SessionNeedsChanged(evse, self._context.clock.now()))

    async def close(self) -> None:
        """End what still waits in the background."""
        await self._background.close()
        self._context.credentials.close()

    async def _note_sign_of_life(self, station_id: str, at: datetime, link: Link) -> None:
        """Nobody was told that this is kept, so a database that is away is no reason to send a station away."""
        try:
            await self._context.store.writer.commit([changes.station_seen(station_id, at=at, protocol=link.protocol)])
        except StoreUnavailable as fault:
            log.warning("sign_of_life_not_stored", extra={"station": station_id, "fault": str(fault)})


def _start(row: Any) -> Start:
    return Start(row.station_id, row.evse_id, row.id_token, row.started_at, row.start_register_wh)


def _put_right(station: StationState, message: Inbound, received_at: datetime) -> Inbound:
    if station.corrections is not None:
        message = station.corrections.right(message, received_at, booted=station.booted_here)
    return not_ahead(message, received_at)


def _finish(work: Work, done: Callable[[Reply | CsmsError], None], fault: CsmsError | None) -> None:
    if fault is None and work.after is not None:
        work.after()
    done(work.reply if fault is None else fault)
