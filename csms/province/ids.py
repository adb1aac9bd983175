"""Identifiers of the interface (section 9): generated once, never recycled, within the platform's lengths.

    StationID      20 digits, left-zero-padded
    EquipmentID    OperatorID (9) + serial (10)                   <= 23
    ConnectorID    EquipmentID (19) + EVSE (4) + connector (3)    = 26
    StartChargeSeq OperatorID (9) + yyyyMMddHHmmss + serial (4)   = 27, also the OrderNo

OCPP identities neither fit nor stay unique at a platform, so the pairs live in a table. The table is kept in memory and
hands out what is not yet saved, to be written in the transaction of the message that uses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from csms.model.errors import CsmsError
from csms.model.ids import ConnectorRef
from csms.province.envelope import format_stamp

SERIALS_PER_SECOND = 10_000


class IdsExhausted(CsmsError):
    """An operator started more than 10,000 sessions in one second: no order number is left."""

    code = "province_ids_exhausted"


@dataclass(frozen=True, slots=True)
class IdPair:
    """Our key and the platform's identifier for it, unique both ways within `scope`."""

    scope: str
    local: str
    external: str


class IdTable:
    """All pairs, loaded at start from `rows`."""

    def __init__(self, rows: Iterable[IdPair] = ()) -> None:
        self._external: dict[tuple[str, str], str] = {}
        self._taken: dict[str, dict[str, str]] = {}
        self._unsaved: dict[IdPair, None] = {}
        for row in rows:
            self._put(row)

    def find(self, scope: str, local: str) -> str | None:
        """The identifier of `local`, None if it has none yet."""
        return self._external.get((scope, local))

    def local(self, scope: str, external: str) -> str | None:
        """What the identifier belongs to, None if to nothing."""
        return self._taken.get(scope, {}).get(external)

    def taken(self, scope: str, external: str) -> bool:
        """Whether the identifier belongs to something already."""
        return external in self._taken.get(scope, ())

    def size(self, scope: str) -> int:
        """How many pairs a scope has."""
        return len(self._taken.get(scope, ()))

    def add(self, scope: str, local: str, external: str) -> str:
        """Keep a new pair; raises ValueError if either side has a partner."""
        if self.find(scope, local) is not None or self.taken(scope, external):
            raise ValueError(f"{scope}: {local} or {external} is already paired")
        pair = IdPair(scope, local, external)
        self._put(pair)
        self._unsaved[pair] = None
        return external

    def unsaved(self) -> tuple[IdPair, ...]:
        """Pairs that no transaction has confirmed yet."""
        return tuple(self._unsaved)

    def saved(self, pairs: Iterable[IdPair]) -> None:
        """These pairs are durable."""
        for pair in pairs:
            self._unsaved.pop(pair, None)

    def _put(self, pair: IdPair) -> None:
        self._external[pair.scope, pair.local] = pair.external
        self._taken.setdefault(pair.scope, {})[pair.external] = pair.local


class Names:
    """The identifiers of one operator's things, as one partner knows them. `starts`: the partner's own numbers of the
    sessions that it asked for, by remote start id."""

    def __init__(self, operator_id: str, table: IdTable, starts: Mapping[int, str] | None = None) -> None:
        self.operator_id = operator_id
        self._table = table
        self._starts = starts if starts is not None else {}

    def station(self, site_id: str) -> str:
        """StationID of a site; a site whose id is a number keeps it."""
        scope = f"{self.operator_id}.station"
        if site_id.isascii() and site_id.isdigit() and len(site_id) <= 20:
            padded = site_id.zfill(20)
            if self._table.find(scope, site_id) is None and not self._table.taken(scope, padded):
                return self._table.add(scope, site_id, padded)
        return self._numbered(scope, site_id, "", 20)

    def equipment(self, station_id: str) -> str:
        """EquipmentID of a pile."""
        return self._numbered(f"{self.operator_id}.equipment", station_id, self.operator_id, 10)

    def connector(self, ref: ConnectorRef) -> str:
        """ConnectorID of a connector; raises ValueError for an EVSE above 9999 or a connector above 999."""
        if not (0 <= ref.evse_id <= 9999 and 0 <= ref.connector_id <= 999):
            raise ValueError(f"{ref} does not fit into a ConnectorID")
        scope, local = f"{self.operator_id}.connector", f"{ref.station_id}/{ref.evse_id}/{ref.connector_id}"
        known = self._table.find(scope, local)
        external = f"{self.equipment(ref.station_id)}{ref.evse_id:04d}{ref.connector_id:03d}"
        return known or self._table.add(scope, local, external)

    def site_of(self, station: str) -> str | None:
        """The site behind a StationID."""
        return self._table.local(f"{self.operator_id}.station", station)

    def connector_of(self, connector: str) -> ConnectorRef | None:
        """The connector behind a ConnectorID."""
        local = self._table.local(f"{self.operator_id}.connector", connector)
        if local is None:
            return None
        station_id, evse_id, connector_id = local.rsplit("/", 2)
        return ConnectorRef(station_id, int(evse_id), int(connector_id))

    def session_of(self, number: str) -> int | None:
        """The session behind a number of our own."""
        local = self._table.local(f"{self.operator_id}.order", number)
        return None if local is None else int(local)

    def sequence(self, moment: datetime, serial: int) -> str:
        """A CheckOrderSeq: 27 characters like an order number."""
        return f"{self.operator_id}{format_stamp(moment)}{serial % SERIALS_PER_SECOND:04d}"

    def order(self, session_id: int, started_at: datetime, remote_start_id: int | None = None) -> str:
        """StartChargeSeq and OrderNo of a session; raises IdsExhausted."""
        if remote_start_id is not None and (given := self._starts.get(remote_start_id)):
            return given
        scope, local = f"{self.operator_id}.order", str(session_id)
        known = self._table.find(scope, local)
        if known is not None:
            return known
        prefix = self.operator_id + format_stamp(started_at)
        for step in range(SERIALS_PER_SECOND):
            external = f"{prefix}{(session_id + step) % SERIALS_PER_SECOND:04d}"
            if not self._table.taken(scope, external):
                return self._table.add(scope, local, external)
        raise IdsExhausted(f"no order number is left for {prefix}")

    def _numbered(self, scope: str, local: str, prefix: str, digits: int) -> str:
        known = self._table.find(scope, local)
        if known is not None:
            return known
        serial = self._table.size(scope) + 1
        while self._table.taken(scope, external := f"{prefix}{serial:0{digits}d}"):
            serial += 1
        return self._table.add(scope, local, external)
