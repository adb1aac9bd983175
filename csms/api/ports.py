"""What the operations routes ask of other rooms.

`StationService` and the store reader fit as they are; the application fills the figures of feeders, partners, gateway.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import Any, Protocol

from fastapi import APIRouter

from csms.access.guard import Guard
from csms.api.listeners import Changes
from csms.charging.status import LadderStatus
from csms.charging.tree_desk import TreeDesk
from csms.model.authentication import SecurityProfile
from csms.model.clock import Clock
from csms.model.command import Command, CommandResult
from csms.model.ids import EvseRef
from csms.model.site import Site
from csms.model.station import RegistrationStatus, Stage
from csms.security.inventory import Kept
from csms.security.revocation import Revoked
from csms.station.alerts import Alerts
from csms.station.doctor import Finding, LimitFact
from csms.station.files import FileDesk
from csms.station.own_certificates import OwnCertificates
from csms.station.registration import Registration
from csms.station.renewals import Renewals
from csms.station.roots import Roots
from csms.station.state import OpenSession, StationState
from csms.station.wishes import Wish
from csms.store.access_tables import AuditRow
from csms.store.response_tables import FeederLoad
from csms.store.samples import StoredSample
from csms.store.security_tables import Alert, InstalledCertificate, SecurityEvent
from csms.store.station_reading import Matters
from csms.store.station_tables import Operation, ReceivedFile, VariableRow
from csms.store.tables import IdToken, PlanRow, ProfileRow, Session, Station
from csms.trace.live import Listener
from csms.trace.reading import Page, Query


class StationsPort(Protocol):
    """The stations of this process (csms.station.service.StationService)."""

    @property
    def stations(self) -> Mapping[str, StationState]:
        """Live state by station id."""
        ...

    async def register(self, registered: Registration) -> None:
        """Make a station known, or change it."""
        ...

    async def order(self, station_id: str, command: Command) -> CommandResult:
        """Ask a station for a person; raises the errors of csms.model.errors."""
        ...

    async def diagnose(self, station_id: str, limits: LimitFact | None = None) -> list[Finding]:
        """What is wrong with a station; raises UnknownStation."""
        ...

    async def settle(self, station_id: str, stage: Stage, wish: RegistrationStatus | None = None) -> None:
        """Approve, commission or reject; raises UnknownStation."""
        ...

    async def put_token(self, token: IdToken) -> None:
        """List a token or change it."""
        ...

    async def delete_token(self, id_token: str) -> bool:
        """Take a token off; False when it was not listed."""
        ...

    async def demand(
        self, station_id: str, profile: SecurityProfile | None = None, serial: str | None = None, lower: bool = False
    ) -> None:
        """Set how a station proves itself; raises UnknownStation, ProofRefused."""
        ...

    async def set_first_password(self, station_id: str, password: str = "") -> str:
        """Note what a station was given by hand, or make one; raises UnknownStation."""
        ...

    async def issue_certificate(self, station_id: str, request_pem: str) -> str:
        """The first certificate of a station; raises UnknownStation, RequestRefused, AuthorityFailed."""
        ...

    def certificate_revoked(self, number: int) -> list[str]:
        """Send away who came in with it."""
        ...

    @property
    def own_certificates(self) -> OwnCertificates:
        """What stations prove themselves with."""
        ...

    @property
    def renewals(self) -> Renewals:
        """Whom we asked to renew its certificate."""
        ...

    @property
    def alerts(self) -> Alerts:
        """What a person should look at."""
        ...

    @property
    def roots(self) -> Roots:
        """Which roots stations may be given."""
        ...

    def has_password(self, station_id: str) -> bool:
        """Whether a password of the station is known."""
        ...

    def wishes(self, station_id: str) -> list[Wish]:
        """How a station should be configured; raises UnknownStation."""
        ...

    async def set_needs(self, evse: EvseRef, energy_wh: float | None, departure: datetime | None) -> None:
        """What the driver wants; raises UnknownStation."""
        ...


class ReadPort(Protocol):
    """Stored rows (the reader of csms.store)."""

    async def variables(self, station_id: str) -> Sequence[VariableRow]:
        """What a station is configured to."""
        ...

    async def token(self, id_token: str) -> IdToken | None:
        """One token."""
        ...

    async def token_page(self, after: str = "", limit: int = 100) -> Sequence[IdToken]:
        """Tokens in their order."""
        ...

    async def stations(self) -> Sequence[Station]:
        """All stations."""
        ...

    async def station(self, station_id: str) -> Station | None:
        """One station."""
        ...

    async def sessions(
        self, limit: int, station_id: str | None = None, status: str | None = None, before_id: int | None = None
    ) -> Sequence[Session]:
        """Sessions, newest first."""
        ...

    async def session(self, session_id: int) -> Session | None:
        """One session."""
        ...

    async def samples(
        self,
        session_id: int | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 1000,
    ) -> Sequence[StoredSample]:
        """Samples of a session in order of time."""
        ...

    async def profiles(self, *, station_id: str | None = None, limit: int = 100) -> Sequence[ProfileRow]:
        """Charging profiles as sent, newest first."""
        ...

    async def find(self, model: Any, *, newest: int | None = None, **given: Any) -> Sequence[Any]:
        """Rows whose columns have the given values (None: any) by their key; `newest`: so many, from the last one."""
        ...

    async def last_plan(self, feeder_id: str) -> PlanRow | None:
        """The plan in force."""
        ...

    async def loads_of_feeders(self, since: datetime, until: datetime) -> Sequence[FeederLoad]:
        """What was seen of all feeders, by quarter-hour."""
        ...

    async def energy_ended_wh(self, since: datetime) -> float:
        """Energy of the sessions that ended since a moment."""
        ...

    async def counts(self) -> Mapping[str, Any]:
        """Totals over all tables."""
        ...

    async def alerts(self, wanted: Matters) -> Sequence[Alert]:
        """Alerts, newest first."""
        ...

    async def open_alerts(self) -> Mapping[str, int]:
        """How many are open, by kind."""
        ...

    async def operation(self, operation_id: int) -> Operation | None:
        """One operation."""
        ...

    async def operations(self, wanted: Matters) -> Sequence[Operation]:
        """Operations, newest first."""
        ...

    async def received_files(self, operation_ids: Sequence[int]) -> Sequence[ReceivedFile]:
        """The files that came for these operations."""
        ...

    async def security_events(
        self, limit: int, station_id: str | None, *, critical: bool | None = None, before_id: int | None = None
    ) -> Sequence[SecurityEvent]:
        """Security events of a station, newest first."""
        ...

    async def audit_head(self) -> AuditRow | None:
        """The newest record of the audit log."""
        ...

    async def audit_after(self, seq: int, limit: int) -> Sequence[AuditRow]:
        """Records of the audit log after `seq`, in their order."""
        ...

    async def audit_page(
        self,
        limit: int,
        *,
        before_seq: int | None = None,
        actor: str | None = None,
        action: str | None = None,
        target: str | None = None,
    ) -> Sequence[AuditRow]:
        """Records of the audit log, newest first."""
        ...

    async def certificates(
        self, *, station_id: str | None = None, expires_before: datetime | None = None
    ) -> Sequence[InstalledCertificate]:
        """Certificates in stations."""
        ...


@dataclass(frozen=True, slots=True)
class FeederFigures:
    """One feeder at one moment; None where nothing is known.

    `cap_w` holds for base load and charging together; `upper_bound_w`, `planned_w` and `metered_w` are charging alone.
    `unproven_w` and `uncontrollable_w`: ratings of outlets that count in full now, and of those that take no limit.
    """

    feeder_id: str
    cap_w: int | None = None
    upper_bound_w: int | None = None
    planned_w: int | None = None
    metered_w: int | None = None
    base_w: int | None = None
    parent_id: str | None = None
    unproven_w: int | None = None
    uncontrollable_w: int | None = None


class FeederPort(Protocol):
    """The feeder tree with its live numbers."""

    def figures(self, at: datetime) -> Sequence[FeederFigures]:
        """Every feeder, parents before children."""
        ...


class LadderPort(Protocol):
    """How limits reach stations (csms.charging.service.ChargingService)."""

    def ladder(self, station_id: str) -> LadderStatus:
        """A known station now."""
        ...

    def climb_again(self, station_id: str) -> None:
        """Begin its ladder anew."""
        ...


class PkiPort(Protocol):
    """The certificates of this server and of its authority (csms.app.pki.Pki)."""

    @property
    def authority(self) -> str:
        """Who signs for stations: `built-in`, or the program of the settings."""
        ...

    @property
    def organization(self) -> str:
        """What stands in certificates of stations; empty: anything may."""
        ...

    @property
    def renew_days(self) -> int:
        """So long before their end certificates of stations are renewed."""
        ...

    async def kept(self) -> list[Kept]:
        """The certificates that this server lives by."""
        ...

    async def root(self, name: str) -> str | None:
        """A root of the built-in authority, PEM; None for a name that it has not."""
        ...

    async def revoke(self, number: int, reason: str) -> None:
        """Put a certificate on the revocation list; raises OSError, ValueError."""
        ...

    async def revoked(self) -> list[Revoked]:
        """The list."""
        ...

    async def revocation_list(self) -> str:
        """The list as others read it (CRL, PEM)."""
        ...


class ProvincePort(Protocol):
    """The provincial platforms (csms.province.office.ProvinceOffice). What names a partner raises CsmsError with the
    code `unknown_partner`."""

    async def status(self) -> Mapping[str, Mapping[str, Any]]:
        """Delivery by partner, with the fields of `PartnerOut`."""
        ...

    async def waiting(self, partner_id: str, *, dead: bool, limit: int) -> Sequence[Any]:
        """What is to be sent, or what was given up."""
        ...

    async def replay(self, partner_id: str, ids: Sequence[int] = (), *, as_sent: bool = False) -> Any:
        """Send given-up messages again (csms.province.renewal.Replayed)."""
        ...

    def key_sets(self) -> Sequence[Any]:
        """Every set of secrets, without the secrets (csms.province.keys.KeyRecord)."""
        ...

    async def renew_keys(
        self, partner_id: str, direction: str, given: Mapping[str, str], *, end_older: bool = False
    ) -> tuple[Any, dict[str, str]]:
        """New secrets, those given or of our own making; the four texts are told when we made them. `end_older`: the
        others count no more."""
        ...

    async def test(self, partner_id: str) -> Any:
        """Ask the partner for a token now."""
        ...

    async def claim(self, partner_id: str, wish: Mapping[str, Any], *, send: bool) -> tuple[dict[str, Any], int]:
        """A subsidy, with all that it was computed from, and how many messages it became."""
        ...

    def check_names(self, partner_id: str) -> Sequence[Any]:
        """Our things as the partner knows them."""
        ...


class MoneyPort(Protocol):
    """What sessions cost (csms.province.picture.Picture)."""

    async def bill(self, row: Session, live: OpenSession | None) -> Sequence[Any]:
        """By tariff period (csms.province.records.ChargeDetail); one that runs as of now."""
        ...

    @property
    def constant(self) -> bool:
        """Whether the price never changes."""
        ...

    def hours(self, day: date) -> Sequence[tuple[datetime, Any]]:
        """Each hour of a local day with its price (csms.province.tariff.Price)."""
        ...


class GatewayPort(Protocol):
    """The OCPP listener."""

    def counters(self) -> Mapping[str, int]:
        """Counters by stable name (frames_in, call_errors_out, handshakes_refused, ...)."""
        ...

    def forgive(self, station_id: str) -> None:
        """What a station failed to prove so far counts no more."""
        ...


class TracesPort(Protocol):
    """The traces of this server (csms.trace.service.Traces)."""

    def listen(self, stations: Collection[str], actions: Collection[str]) -> Listener:
        """Look on."""
        ...

    @property
    def crowded(self) -> bool:
        """Whether as many look on as may."""
        ...

    async def search(self, query: Query) -> Page:
        """A page of what was noted."""
        ...

    def counters(self) -> Mapping[str, int]:
        """Under stable names."""
        ...

    @property
    def fault(self) -> str:
        """Why nothing is written now, as a stable code; empty while all is well."""
        ...


@dataclass(frozen=True, slots=True)
class Condition:
    """How the store and its disk are; `fault` is a stable code, empty while changes are taken. `any_maker`: the
    settings name no root of makers, so firmware signed by whomsoever is given to stations.
    """

    fault: str = ""
    refused: int = 0
    disk_free_mb: int | None = None
    disk_low: bool = False
    clock_stepped: bool = False
    any_maker: bool = False


@dataclass(frozen=True, slots=True)
class ApiDeps:
    """What `create_api` needs; rooms that are switched off stay None. Nobody serves without a guard.

    `price_at`: a moment → (yuan per kWh with service, level of the hour).
    """

    clock: Clock
    stations: StationsPort
    reader: ReadPort
    feeders: FeederPort | None = None
    province: ProvincePort | None = None
    gateway: GatewayPort | None = None
    traces: TracesPort | None = None
    condition: Callable[[], Condition] = Condition
    routers: Callable[[], Sequence[APIRouter]] = tuple
    figures: Callable[[], Iterable[str]] = tuple
    version: str = "0"
    time_zone: tzinfo = UTC
    files: FileDesk | None = None
    ladders: LadderPort | None = None
    tree: TreeDesk | None = None
    pki: PkiPort | None = None
    money: MoneyPort | None = None
    changes: Changes = field(default_factory=Changes)
    sites: Sequence[Site] = ()
    price_at: Callable[[datetime], tuple[Decimal, str]] | None = None
    guard: Guard = field(kw_only=True)
