"""What every functional block works with: clock, store, events, live stations and the house rules."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any
from weakref import WeakValueDictionary

from cryptography.x509 import Certificate

from csms.model.authentication import SecurityProfile
from csms.model.bounds import CLOCK_SKEW_FLAG_S, STRANGERS_MAX
from csms.model.clock import Clock
from csms.model.command import Command, CommandResult
from csms.model.ids import EvseRef
from csms.model.inbound import Inbound, Reply
from csms.model.station import CurrentKind, EvseRating, RegistrationStatus
from csms.security.buckets import Buckets
from csms.security.numbers import Scrambler
from csms.security.revocation import RevocationList
from csms.station.alarms import Alarms
from csms.station.alerts import Alerts
from csms.station.bus import EventBus
from csms.station.credentials import CredentialBook
from csms.station.files import FileDesk
from csms.station.own_certificates import OwnCertificates
from csms.station.ports import CertificateAuthority, ContractCheck, ContractProvider, StatusSource
from csms.station.pricing import EnergyPrice, Pricing
from csms.station.renewals import Renewals
from csms.station.roots import Known, Roots
from csms.station.starts import RecentSessions, Start, Transaction
from csms.station.state import Awaited, EvseState, StationState
from csms.station.tokens import TokenBook
from csms.station.vendor_messages import VendorMessages
from csms.store.engine import Store
from csms.store.station_tables import Reservation, WantedAvailability

EVSE_ID_MAX = 256
"""A station with more outlets does not exist; larger numbers are garbage (lbbrhzn/ocpp#1997) and cost no memory."""

SIGNINGS_AT_ONCE, SIGNINGS_PER_S = 10, 1 / 600.0
"""Signing requests of one station: it asks again after CertSigningWaitMinimum, doubled each time (A02.FR.18), so a
station with manners stays far below."""

THREE_PHASE_32_A = EvseRating(CurrentKind.AC, 3, 32.0, 22_080)
"""What an outlet of a stranger is taken for: the largest usual AC outlet, so that its load is never underrated."""


@dataclass(frozen=True, slots=True)
class StationSettings:
    """House rules. `unknown_tokens` False refuses cards that are not listed.

    `unknown_boot` is what the boot of a stranger is answered. `refuse_concurrent` lets a token charge at one EVSE at a
    time. Tokens of the group `master_pass_group` may end every session and start none (C16). `keep_local_lists`: lists
    that stations have follow the tokens by themselves. `read_device_model`: stations that are new or changed are asked
    for all that they can tell (B07.FR.14).
    `profiles`: the security profiles that stations may come by. `expired_accepted`: stations that are let in, and held,
    with a certificate that has ended (A00.FR.429).
    `renew_days`: so long before its end a station is asked to renew its certificate; 0: never. `unsigned_for`: patterns
    of the ids of stations that may be given firmware without its maker's signature.
    `plans`: whether somebody makes charging profiles here. `remote_wait_s`: how long a remote start or stop may take to
    come true. `price_per_kwh`: what drivers are told that a kWh costs, None for nothing.
    `zone`: the local time of stations.
    """

    accept_unknown: bool = False
    unknown_boot: RegistrationStatus = RegistrationStatus.ACCEPTED
    strangers_max: int = STRANGERS_MAX
    unknown_tokens: bool = True
    refuse_concurrent: bool = False
    master_pass_group: str = ""
    keep_local_lists: bool = False
    read_device_model: bool = False
    heartbeat_s: int = 300
    meter_interval_s: int = 60
    boot_grace_s: float = 30.0
    default_feeder: str = ""
    default_site: str = ""
    default_rating: EvseRating = THREE_PHASE_32_A
    profiles: frozenset[SecurityProfile] = frozenset(SecurityProfile)
    expired_accepted: frozenset[str] = frozenset()
    renew_days: int = 45
    unsigned_for: tuple[str, ...] = ()
    plans: bool = True
    remote_wait_s: float = 300.0
    price_per_kwh: float | None = None
    zone: tzinfo = UTC


def _nobody_waits(work: Coroutine[Any, Any, None]) -> None:
    """Without a service nothing goes on in the background."""
    work.close()


@dataclass(frozen=True, slots=True)
class Outside:
    """Whom the blocks turn to beyond the store; what is None is not to be had here.

    `client_check` knows whether a station's certificate is revoked, `revocations` is our own list of those that are.
    `organization` stands in certificates of stations (2.0.1 OrganizationName, 1.6 CpoName); empty: any may.
    `numbers` makes transaction ids of 1.6.
    `signs_stations`: whether stations are let in with the certificates that `authority` signs.
    `known_roots`: fingerprints of the roots of the house. `makers`: below whose roots firmware is signed; none: any.
    """

    files: FileDesk | None = None
    authority: CertificateAuthority | None = None
    signs_stations: bool = True
    status_source: StatusSource | None = None
    contracts: ContractProvider | None = None
    contract_check: ContractCheck | None = None
    client_check: ContractCheck | None = None
    revocations: RevocationList | None = None
    organization: str = ""
    numbers: Scrambler = field(default_factory=Scrambler)
    known_roots: Known = frozenset
    makers: Sequence[Certificate] = ()


@dataclass(slots=True)
class StationContext:
    """Shared by the blocks of one `StationService`. `awaited`: remote starts and stops that nothing has followed yet;
    `held`: reservations that stations may hold; both by id. `wanted`: availability by station, EVSE and connector.
    `spawn` starts work that goes on after an answer. `lists_due`: local lists follow the tokens soon. `claims`: what
    the certificates of strangers are made out to that are about to come in. `signing_requests`: how often stations ask
    for certificates.
    """

    clock: Clock
    store: Store
    bus: EventBus
    settings: StationSettings
    outside: Outside = field(default_factory=Outside)
    spawn: Callable[[Coroutine[Any, Any, None]], None] = _nobody_waits
    stations: dict[str, StationState] = field(default_factory=dict)
    strangers: set[str] = field(default_factory=set)
    session_ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    operation_ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    starts: RecentSessions[Start] = field(default_factory=RecentSessions)
    transactions: RecentSessions[Transaction] = field(default_factory=RecentSessions)
    awaited: dict[int, Awaited] = field(default_factory=dict)
    held: dict[int, Reservation] = field(default_factory=dict)
    wanted: dict[tuple[str, int, int], WantedAvailability] = field(default_factory=dict)
    vendors: VendorMessages = field(default_factory=VendorMessages)
    pricing: Pricing = field(init=False)
    operation_turns: WeakValueDictionary[int, asyncio.Lock] = field(default_factory=WeakValueDictionary)
    tokens: TokenBook = field(init=False)
    list_turns: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    lists_due: bool = False
    credentials: CredentialBook = field(init=False)
    claims: dict[str, str] = field(default_factory=dict)
    own_certificates: OwnCertificates = field(default_factory=OwnCertificates)
    renewals: Renewals = field(default_factory=Renewals)
    signing_requests: Buckets = field(default_factory=lambda: Buckets(SIGNINGS_PER_S, SIGNINGS_AT_ONCE))
    alerts: Alerts = field(init=False)
    alarms: Alarms = field(init=False)
    roots: Roots = field(init=False)

    def __post_init__(self) -> None:
        self.pricing = EnergyPrice(self.settings.price_per_kwh)
        self.tokens = TokenBook(self.clock, self.store.reader)
        self.credentials = CredentialBook(self.clock)
        self.alerts = Alerts(self.clock, self.store)
        self.alarms = Alarms(self.clock, self.store, self.spawn, self.alerts)
        self.roots = Roots(self.clock, self.store, self.outside.known_roots)

    def evse(self, station_id: str, evse_id: int) -> EvseState | None:
        """The live EVSE, made on first mention with the default nameplate; None for the station itself and garbage."""
        if not 1 <= evse_id <= EVSE_ID_MAX:
            return None
        station = self.stations[station_id]
        if evse_id not in station.evses:
            rating = station.unlisted_rating or self.settings.default_rating
            station.evses[evse_id] = EvseState(EvseRef(station_id, evse_id), rating)
        return station.evses[evse_id]

    def count_stranger(self, station: StationState) -> None:
        """Strangers are counted, because only so many are let in."""
        if station.registered:
            self.strangers.discard(station.station_id)
        else:
            self.strangers.add(station.station_id)

    def event_time(self, said: datetime | None, received_at: datetime) -> datetime:
        """The station's time when it is usable, else the time of arrival (RB-35: clocks at 1970, pain 22)."""
        if said is None or said.year < received_at.year - 10:
            return received_at
        return min(said, received_at) if (said - received_at).total_seconds() > CLOCK_SKEW_FLAG_S else said

    def clock_flags(self, said: datetime | None, received_at: datetime) -> list[str]:
        """`clock_odd` for a time that could not be taken as it was told (RB-35, RB-39, HP-D7), else nothing."""
        return [] if said is not None and self.event_time(said, received_at) == said else ["clock_odd"]

    def fresh(self, said: datetime | None, received_at: datetime) -> bool:
        """Whether what a station says happened just now, by a clock that is set: no late repeat of something old."""
        return said is not None and abs((received_at - said).total_seconds()) <= CLOCK_SKEW_FLAG_S


Handler = Callable[[StationContext, str, Any, datetime], Awaitable[Reply]]
"""What a block does with a message of a station: what it says is durable when the answer is there."""

Handlers = Mapping[type[Inbound], Handler]

Send = Callable[[Command], Awaitable[CommandResult]]
"""Send a command on the station's link; raises as `Link.send` does."""

Performer = Callable[[StationContext, str, Any, Send], Awaitable[CommandResult]]
"""What a block does around a command (context, station, command, send): note it before, enter the answer after."""

Performers = Mapping[type[Command], Performer]
