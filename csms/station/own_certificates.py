"""The certificates that stations prove themselves with: given by us, or shown by them when they came in (A02, A03).

A station keeps an older certificate beside a new one and may fall back on it (A02.FR.10), so an older one is forgotten
only when a newer one has been used, and stays good until it ends or is revoked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from csms.model.authentication import PeerCertificate
from csms.model.security import SigningUse
from csms.security.facts import facts, serial_of
from csms.store import changes
from csms.store.change import Change
from csms.store.security_tables import InstalledCertificate

USE = SigningUse.STATION.value
LONG_AGO = datetime.min.replace(tzinfo=UTC)


class OwnCertificates:
    """As they are in the store, by station."""

    def __init__(self) -> None:
        self._rows: dict[str, list[InstalledCertificate]] = {}

    def restore(self, rows: Iterable[InstalledCertificate]) -> None:
        """All there are."""
        self._rows.clear()
        for row in rows:
            self._rows.setdefault(row.station_id, []).append(row)

    @property
    def stations(self) -> Mapping[str, list[InstalledCertificate]]:
        """All that are known."""
        return self._rows

    def in_use(self, station_id: str) -> InstalledCertificate | None:
        """The one that the station showed last; of one that showed none the newest that it was given."""
        rows = self._rows.get(station_id, [])
        shown = [row for row in rows if row.told_at is not None]
        return max(shown or rows, key=_moment, default=None)

    def waiting(self, station_id: str) -> InstalledCertificate | None:
        """One that it was given after that and has not used yet."""
        rows, used = self._rows.get(station_id, []), self.in_use(station_id)
        later = [row for row in rows if row is not used and row.told_at is None and row.given_at is not None]
        return max(later, key=_moment, default=None)

    def given(self, station_id: str, chain: str, at: datetime) -> list[Change]:
        """The station has taken a new one. Those that it was given before and never used are of no use any more."""
        told = facts(chain)
        row = InstalledCertificate(
            station_id=station_id,
            use=USE,
            serial=serial_of(told.hash.serial_number),
            serial_number=told.hash.serial_number,
            subject=told.subject,
            begins_at=told.begins_at,
            expires_at=told.expires_at,
            given_at=at,
        )
        rows = self._rows.get(station_id, [])
        gone = [one for one in rows if one.serial != row.serial and one.told_at is None]
        return self._put(row, gone)

    def shown(self, station_id: str, certificate: PeerCertificate, at: datetime) -> list[Change]:
        """The station came in with this one; nothing to store when it is the one that it came with last."""
        number, used = f"{certificate.number:x}", self.in_use(station_id)
        if not certificate.number:
            return []
        if used is not None and used.serial == number and used.told_at is not None:
            return []
        rows = self._rows.get(station_id, [])
        known = next((row for row in rows if row.serial == number), None)
        row = InstalledCertificate(
            station_id=station_id,
            use=USE,
            serial=number,
            serial_number=number,
            subject=f"O={certificate.organization},CN={certificate.common_name}",
            begins_at=certificate.not_before,
            expires_at=certificate.not_after,
            given_at=known.given_at if known is not None else None,
            told_at=at,
        )
        older = [one for one in rows if one.serial != number and _begins(one) <= certificate.not_before]
        return self._put(row, older)

    def _put(self, row: InstalledCertificate, gone: list[InstalledCertificate]) -> list[Change]:
        lost = {one.serial for one in gone} | {row.serial}
        kept = [one for one in self._rows.get(row.station_id, []) if one.serial not in lost]
        self._rows[row.station_id] = [*kept, row]
        drops = [
            changes.delete_rows(InstalledCertificate, station_id=one.station_id, use=one.use, serial=one.serial)
            for one in gone
        ]
        return [*drops, changes.put_row(row)]


def is_due(held: InstalledCertificate, now: datetime, ahead: timedelta) -> bool:
    """Whether a certificate is to be renewed: `ahead` of its end, or in the last third of a short life."""
    if held.expires_at is None:
        return False
    life = held.expires_at - held.begins_at if held.begins_at is not None else ahead * 3
    return held.expires_at - now <= min(ahead, life / 3)


def _moment(row: InstalledCertificate) -> datetime:
    """When it was shown or given last."""
    return row.told_at or row.given_at or LONG_AGO


def _begins(row: InstalledCertificate) -> datetime:
    return row.begins_at or row.given_at or LONG_AGO
