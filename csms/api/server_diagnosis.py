"""The route of the server's own doctor: what is wrong with its certificates, its data, its clock, and what is open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import AwareDatetime

from csms.access.needs import viewers
from csms.access.routing import Router
from csms.api.ports import ApiDeps, Condition
from csms.api.schemas import Out
from csms.security.inventory import Kept, Role
from csms.station.doctor import EXPIRING_DAYS
from csms.station.own_certificates import is_due
from csms.texts import catalogue

AUTHORITY_DAYS = 365
"""A root is replaced in hundreds of stations: a year is not too long."""

_AHEAD: Mapping[Role, timedelta] = {
    Role.AUTHORITY: timedelta(days=AUTHORITY_DAYS),
    Role.TRUSTED: timedelta(days=AUTHORITY_DAYS),
    Role.SERVER: timedelta(days=EXPIRING_DAYS),
    Role.API: timedelta(days=EXPIRING_DAYS),
}

Severity = Literal["serious", "warning"]


class ServerFindingOut(Out):
    """One thing that is wrong; `code` is stable, `wrong` and `advice` are its words in the language asked for."""

    code: str
    severity: Severity
    wrong: str
    advice: str
    evidence: dict[str, Any]


class ServerDiagnosisOut(Out):
    """What is wrong with the server now, serious things first; nothing found: an empty list."""

    clock_time: AwareDatetime
    serious: bool
    findings: list[ServerFindingOut]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; `evidence` fills the words of its code."""

    code: str
    severity: Severity
    evidence: Mapping[str, str | int] = field(default_factory=dict)


def router(deps: ApiDeps) -> Router:
    """The route over `deps`."""
    routes = Router(tags=["server"])

    @routes.get("/diagnosis", summary="Find out what is wrong with the server")
    @viewers
    async def diagnose(lang: Literal["en", "zh"] = "en") -> ServerDiagnosisOut:
        """Certificates of the server, its authority and its stations; whose firmware is let in; database, disk and
        clock; open alerts.
        """
        now, text = deps.clock.now(), catalogue(lang)
        kept = await deps.pki.kept() if deps.pki is not None else []
        found = [
            *certificates(kept, now),
            *_stations(deps, now),
            *condition(deps.condition()),
            *_alerts(await deps.reader.open_alerts()),
        ]
        found.sort(key=lambda finding: finding.severity != "serious")
        views = [
            ServerFindingOut(
                code=one.code,
                severity=one.severity,
                wrong=text(f"doctor.server.{one.code}.wrong", **one.evidence),
                advice=text(f"doctor.server.{one.code}.advice", **one.evidence),
                evidence=dict(one.evidence),
            )
            for one in found
        ]
        return ServerDiagnosisOut(clock_time=now, serious=any(v.severity == "serious" for v in views), findings=views)

    return routes


def certificates(kept: Sequence[Kept], now: datetime) -> Iterator[Finding]:
    """Of this server: unreadable, ended, ending, or with a key that others can read."""
    for one in kept:
        named = {"role": one.role.value, "name": one.name, "file": one.file}
        if one.key_private is False:
            yield Finding("key_readable", "serious", named)
        if one.expires_at is None:
            yield Finding("certificate_unreadable", "serious", named | {"fault": one.fault})
            continue
        named |= {"until": f"{one.expires_at:%Y-%m-%d}"}
        if one.expires_at <= now:
            yield Finding("certificate_expired", "serious", named)
        elif one.expires_at - now <= _AHEAD[one.role]:
            yield Finding("certificate_expiring", "warning", named)


def _stations(deps: ApiDeps, now: datetime) -> Iterator[Finding]:
    """How many certificates of stations have ended, or are late: a third of their time to renew has passed in vain."""
    if deps.pki is None:
        return
    book = deps.stations.own_certificates
    late = timedelta(days=deps.pki.renew_days) * 2 / 3
    held = [(name, row) for name in book.stations if (row := book.in_use(name)) is not None and row.expires_at]
    ended = [name for name, row in held if row.expires_at is not None and row.expires_at <= now]
    ending = [name for name, row in held if name not in ended and is_due(row, now, late) and not book.waiting(name)]
    if ended:
        yield Finding("station_certificates_expired", "serious", _named(ended))
    if ending:
        yield Finding("station_certificates_expiring", "warning", _named(ending))


def _named(stations: Sequence[str]) -> dict[str, str | int]:
    shown = ", ".join(sorted(stations)[:10])
    return {"count": len(stations), "stations": shown + (" …" if len(stations) > 10 else "")}


def condition(now: Condition) -> Iterator[Finding]:
    """Of the database, its disk and the clock; and of what the settings leave open."""
    if now.fault:
        yield Finding("store_fault", "serious", {"fault": now.fault, "refused": now.refused})
    if now.disk_low:
        yield Finding("disk_low", "serious", {"free_mb": now.disk_free_mb or 0})
    if now.clock_stepped:
        yield Finding("clock_stepped", "warning")
    if now.any_maker:
        yield Finding("firmware_any_maker", "warning")


def _alerts(by_kind: Mapping[str, int]) -> Iterator[Finding]:
    if by_kind:
        kinds = ", ".join(f"{kind} ({count})" for kind, count in sorted(by_kind.items()))
        yield Finding("alerts_open", "warning", {"count": sum(by_kind.values()), "kinds": kinds})
