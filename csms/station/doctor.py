"""What is wrong with a station: facts in, findings out. Pure; the words for each code stand in texts/parts/doctor.toml.

Each rule looks at the facts of one station and knows nothing of the others; a healthy station has no finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from csms.model.bounds import CLOCK_SKEW_FLAG_S
from csms.model.station import ConnectorStatus
from csms.station.manners import Manners

OFFLINE_S = 900.0
UNBOOTED_S = 120.0
SILENT_BEATS = 2.0
"""A station may say nothing for so many heartbeat intervals, and SILENT_GRACE_S."""
SILENT_GRACE_S = 60.0
EAGER_SHARE = 0.5
"""Heartbeats that come in less than this share of the interval: it does not keep the interval."""
CLOCK_OFF_S = 30.0
METER_SILENT_S = 900.0
START_NEEDED_S = 300.0
STUCK_S = 3 * 3600.0
FLAPPING_CONNECTS = 5
FLAPPING_S = 3600.0
UNANSWERED = 3
UNREADABLE = 3
REPEATED = 2
EXPIRING_DAYS = 30
NOTICES_S = 7 * 86_400.0
"""How far back the doctor looks for things that happened."""

_STUCK = frozenset({ConnectorStatus.PREPARING, ConnectorStatus.FINISHING, ConnectorStatus.OCCUPIED})
_STRAY = ("orphan_stop", "repeated_stop", "differing_stop", "event_after_end")
_RESETS = ("register_reset", "stop_below_start", "start_register_odd")
_FIRMWARE_FAILED = frozenset(
    {
        "DownloadFailed",
        "InstallationFailed",
        "InstallVerificationFailed",
        "InvalidSignature",
        "InvalidCertificate",
        "RevokedCertificate",
    }
)


class Severity(StrEnum):
    """Serious: it does not work. Warning: it works, not as it should."""

    SERIOUS = "serious"
    WARNING = "warning"


Evidence = Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `evidence` fills the words of its code; `evse_id` None: the whole station."""

    code: str
    severity: Severity
    evidence: Evidence = field(default_factory=dict)
    evse_id: int | None = None


@dataclass(frozen=True, slots=True)
class ConnectorFact:
    """A connector as it said last. `since`: when it went into this state; `in_session`: its EVSE has a session."""

    evse_id: int
    connector_id: int
    status: ConnectorStatus
    since: datetime
    error_code: str = ""
    info: str = ""
    in_session: bool = False


@dataclass(frozen=True, slots=True)
class SessionFact:
    """A session that runs. `sample_at`: its newest sample; `energy`: whether its recent samples have the register."""

    session_id: int
    evse_id: int
    started_at: datetime
    sample_at: datetime | None
    energy: bool


@dataclass(frozen=True, slots=True)
class CertificateFact:
    """A certificate in the station whose end is known."""

    use: str
    subject: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class LimitFact:
    """How far its limits are known to act, in the words of the limit ladder; `proof`: why so."""

    state: str
    tried: int
    proof: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """A station at the moment `now`. `happened`: how often each notice came lately; `flags`: of its last sessions.

    `versions`: agreed and spoken, when they differ; `firmware`: the last word about its last update;
    `differs`: settings that are known to be other than they should be. `connect_wait_s`: so long its make may take to
    connect; `start_needed`: nothing begins there without a remote start.
    """

    now: datetime
    heartbeat_s: float
    online: bool
    booted_at: datetime | None
    seen_at: datetime | None
    connected_at: datetime | None
    manners: Manners
    connectors: tuple[ConnectorFact, ...] = ()
    sessions: tuple[SessionFact, ...] = ()
    certificates: tuple[CertificateFact, ...] = ()
    limits: LimitFact | None = None
    happened: Mapping[str, int] = field(default_factory=dict)
    flags: Mapping[str, int] = field(default_factory=dict)
    versions: tuple[str, str] | None = None
    firmware: str = ""
    differs: tuple[str, ...] = ()
    connect_wait_s: float = 0.0
    start_needed: bool = False

    def ago_s(self, moment: datetime) -> float:
        """Seconds since then."""
        return (self.now - moment).total_seconds()

    @property
    def online_s(self) -> float:
        """For how long the connection stands."""
        return self.ago_s(self.connected_at) if self.online and self.connected_at else 0.0


def examine(facts: Facts) -> list[Finding]:
    """Everything that is wrong, serious things first."""
    found = [finding for rule in RULES for finding in rule(facts)]
    return sorted(found, key=lambda finding: (finding.severity is not Severity.SERIOUS, finding.evse_id or 0))


def _connection(facts: Facts) -> Iterator[Finding]:
    if facts.seen_at is None:
        yield Finding("never_connected", Severity.SERIOUS)
    elif not facts.online and facts.ago_s(facts.seen_at) >= max(OFFLINE_S, facts.connect_wait_s):
        minutes = round(facts.ago_s(facts.seen_at) / 60)
        yield Finding("offline", Severity.SERIOUS, {"minutes": minutes})
    recent = [at for at in facts.manners.connects if facts.ago_s(at) <= FLAPPING_S]
    if len(recent) >= FLAPPING_CONNECTS:
        yield Finding("flapping", Severity.WARNING, {"connects": len(recent)})


def _boot(facts: Facts) -> Iterator[Finding]:
    if facts.booted_at is None and facts.online_s >= UNBOOTED_S:
        yield Finding("never_boots", Severity.WARNING, {"minutes": round(facts.online_s / 60)})
    if facts.versions is not None:
        agreed, spoken = facts.versions
        yield Finding("other_version", Severity.SERIOUS, {"agreed": agreed, "spoken": spoken})


def _heartbeat(facts: Facts) -> Iterator[Finding]:
    allowed_s = SILENT_BEATS * facts.heartbeat_s + SILENT_GRACE_S
    if facts.online and facts.seen_at is not None and facts.ago_s(facts.seen_at) > allowed_s:
        evidence = {"minutes": round(facts.ago_s(facts.seen_at) / 60), "wanted_s": round(facts.heartbeat_s)}
        yield Finding("heartbeat_missing", Severity.SERIOUS, evidence)
    every_s = facts.manners.beat_every_s
    if every_s is not None and every_s < EAGER_SHARE * facts.heartbeat_s:
        evidence = {"every_s": round(every_s), "wanted_s": round(facts.heartbeat_s)}
        yield Finding("heartbeat_interval_ignored", Severity.WARNING, evidence)


def _clock(facts: Facts) -> Iterator[Finding]:
    lag_s = facts.manners.clock_lag_s
    if lag_s is not None and abs(lag_s) >= CLOCK_OFF_S:
        severity = Severity.SERIOUS if abs(lag_s) > CLOCK_SKEW_FLAG_S else Severity.WARNING
        yield Finding("clock_wrong", severity, {"offset_s": -round(lag_s)})


def _meter(facts: Facts) -> Iterator[Finding]:
    for session in facts.sessions if facts.online else ():
        quiet_s = min(facts.ago_s(session.sample_at or session.started_at), facts.online_s)
        if quiet_s >= METER_SILENT_S:
            evidence = {"session": session.session_id, "minutes": round(quiet_s / 60)}
            yield Finding("meter_silent", Severity.SERIOUS, evidence, session.evse_id)
        elif session.sample_at is not None and not session.energy:
            yield Finding("meter_without_energy", Severity.SERIOUS, {"session": session.session_id}, session.evse_id)


def _connectors(facts: Facts) -> Iterator[Finding]:
    for at in facts.connectors:
        where: dict[str, str | int | float] = {"connector": at.connector_id, "status": at.status.value}
        if at.status is ConnectorStatus.FAULTED:
            where |= {"error": at.error_code or "-", "info": at.info or "-"}
            yield Finding("connector_faulted", Severity.SERIOUS, where, at.evse_id)
        elif facts.start_needed and at.status is ConnectorStatus.PREPARING and not at.in_session:
            if facts.ago_s(at.since) >= START_NEEDED_S:
                where |= {"minutes": round(facts.ago_s(at.since) / 60)}
                yield Finding("remote_start_needed", Severity.WARNING, where, at.evse_id)
        elif at.status in _STUCK and not at.in_session and facts.ago_s(at.since) >= STUCK_S:
            where |= {"hours": round(facts.ago_s(at.since) / 3600)}
            yield Finding("connector_stuck", Severity.WARNING, where, at.evse_id)


def _limits(facts: Facts) -> Iterator[Finding]:
    if facts.limits is None or facts.limits.state not in ("doubtful", "uncontrollable"):
        return
    severity = Severity.SERIOUS if facts.limits.state == "uncontrollable" else Severity.WARNING
    evidence: Evidence = {"tried": facts.limits.tried, "proof": facts.limits.proof or "-"}
    yield Finding(f"limit_{facts.limits.state}", severity, evidence)


def _certificates(facts: Facts) -> Iterator[Finding]:
    for held in facts.certificates:
        evidence = {"use": held.use, "subject": held.subject or "-", "until": f"{held.expires_at:%Y-%m-%d}"}
        if held.expires_at <= facts.now:
            yield Finding("certificate_expired", Severity.SERIOUS, evidence)
        elif held.expires_at - facts.now <= timedelta(days=EXPIRING_DAYS):
            yield Finding("certificate_expiring", Severity.WARNING, evidence)


def _commands(facts: Facts) -> Iterator[Finding]:
    if facts.manners.unanswered >= UNANSWERED:
        yield Finding("commands_unanswered", Severity.SERIOUS, {"times": facts.manners.unanswered})
    if facts.manners.unreadable >= UNREADABLE:
        yield Finding("frames_unreadable", Severity.WARNING, {"times": facts.manners.unreadable})


def _transactions(facts: Facts) -> Iterator[Finding]:
    stray = sum(facts.happened.get(code, 0) for code in _STRAY)
    if stray >= REPEATED:
        yield Finding("stray_transactions", Severity.WARNING, {"times": stray})
    missing = facts.flags.get("stop_missing", 0)
    if missing >= REPEATED:
        yield Finding("stops_missing", Severity.WARNING, {"times": missing})
    resets = sum(facts.flags.get(flag, 0) for flag in _RESETS)
    if resets:
        yield Finding("register_resets", Severity.WARNING, {"times": resets})


def _firmware(facts: Facts) -> Iterator[Finding]:
    if facts.firmware in _FIRMWARE_FAILED:
        yield Finding("firmware_failed", Severity.WARNING, {"status": facts.firmware})


def _configuration(facts: Facts) -> Iterator[Finding]:
    if facts.differs:
        yield Finding("configuration_differs", Severity.WARNING, {"names": ", ".join(facts.differs)})


Rule = Callable[[Facts], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    _connection,
    _boot,
    _heartbeat,
    _clock,
    _meter,
    _connectors,
    _limits,
    _certificates,
    _commands,
    _transactions,
    _firmware,
    _configuration,
)
