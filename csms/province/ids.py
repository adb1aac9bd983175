"""Identifiers of the interface (section 9): generated once, never recycled, within the platform's lengths.

    StationID      20 digits, left-zero-padded
    EquipmentID    OperatorID (9) + serial (10)                   <= 23
    ConnectorID    EquipmentID (19) + EVSE (4) + connector (3)    = 26
    StartChargeSeq OperatorID (9) + yyyyMMddHHmmss + serial (4)   = 27, also the OrderNo

OCPP identities neither fit nor stay unique at a platform, so the pairs live in a table. Those of things are kept in
memory; those of orders grow for ever, so that only the newest are, and `Names.know` fetches what is asked for. It
hands out what is not yet saved, to be written in the transaction of the message that uses it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from csms.model.errors import CsmsError
from csms.model.ids import ConnectorRef
from csms.province.envelope import format_stamp

THINGS = ("station", "equipment", "connector")
"""Scopes of an operator that are held in memory as a whole."""
ORDERS = ".order"
"""How the scope of an operator's orders ends."""
SERIALS_PER_SECOND = 10_000
ORDERS_KEPT = 20_000
"""Orders in memory: some ten megabytes; a night's check asks for the sessions of a day by the ten thousand at most."""
LOOKED_AHEAD = (4, 100)
"""How many numbers are looked up for a session at first, and at a time when those are taken."""


class IdsExhausted(CsmsError):
    """An operator started more than 10,000 sessions in one second: no order number is left."""

    code = "province_ids_exhausted"


class NumberNotLooked(CsmsError):
    """An order number was wanted of a session that `Names.know` was not asked for: it might have one already."""

    code = "province_number_not_looked"


@dataclass(frozen=True, slots=True)
class IdPair:
    """Our key and the platform's identifier for it, unique both ways within `scope`."""

    scope: str
    local: str
    external: str


Stored = Callable[[str, Sequence[str], Sequence[str]], Awaitable[Iterable[IdPair]]]
"""The stored pairs of a scope with one of these local keys or one of these identifiers."""


class IdTable:
    """All pairs, loaded at start from `rows`; with `stored` those of orders are left there and fetched by `load`."""

    def __init__(
        self, rows: Iterable[IdPair] = (), stored: Stored | None = None, orders_kept: int = ORDERS_KEPT
    ) -> None:
        self._external: dict[tuple[str, str], str] = {}
        self._taken: dict[str, dict[str, str]] = {}
        self._unsaved: dict[IdPair, None] = {}
        self._stored = stored
        self._orders_kept = orders_kept
        self._orders: OrderedDict[IdPair, None] = OrderedDict()
        self._looked: OrderedDict[tuple[str, str], tuple[str, ...]] = OrderedDict()
        for row in rows:
            self._put(row)

    async def load(self, scope: str, locals_: Sequence[str], externals: Sequence[str] = ()) -> None:
        """Bring into memory what is stored of these keys and identifiers."""
        unknown = [local for local in locals_ if (scope, local) not in self._external]
        missing = [external for external in externals if not self.taken(scope, external)]
        if self._stored is None or not (unknown or missing):
            return
        found = await self._stored(scope, unknown, missing)
        self._forget()
        for pair in found:
            if (pair.scope, pair.local) not in self._external:
                self._put(pair)

    def looked(self, scope: str, local: str, externals: Iterable[str]) -> None:
        """These identifiers were looked up for a key that has none, and are free."""
        self._looked.pop((scope, local), None)
        self._looked[scope, local] = tuple(externals)
        while len(self._looked) > self._orders_kept:
            self._looked.popitem(last=False)

    def free(self, scope: str, local: str, wanted: Iterable[str]) -> Iterator[str]:
        """Those of the wanted identifiers that may be given to a key; raises NumberNotLooked."""
        if self._stored is not None:
            if (scope, local) not in self._looked:
                raise NumberNotLooked(f"{scope}: {local} may have an identifier already")
            wanted = self._looked[scope, local]
        return (external for external in wanted if not self.taken(scope, external))

    @property
    def orders_held(self) -> int:
        """How many pairs of orders are in memory."""
        return len(self._orders)

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
        self._unsaved[pair] = None
        self._put(pair)
        self._looked.pop((scope, local), None)
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
        if self._stored is not None and pair.scope.endswith(ORDERS):
            self._orders[pair] = None

    def _forget(self) -> None:
        """The oldest orders that are saved; what is fetched stays until the next time."""
        while len(self._orders) > self._orders_kept:
            pair = next(iter(self._orders))
            if pair in self._unsaved:
                return
            del self._orders[pair], self._external[pair.scope, pair.local], self._taken[pair.scope][pair.external]


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

    async def session_of(self, number: str) -> int | None:
        """The session behind a number of our own."""
        await self._table.load(self._orders, (), (number,))
        local = self._table.local(self._orders, number)
        return None if local is None else int(local)

    async def know(self, sessions: Sequence[tuple[int, datetime]]) -> None:
        """Look up the numbers of sessions (id and start), or which are free for those without one; before `order`."""
        await self._table.load(self._orders, [str(session_id) for session_id, _ in sessions])
        first, more = LOOKED_AHEAD
        left = [one for one in sessions if self._table.find(self._orders, str(one[0])) is None]
        place, count = 0, first
        while left and place < SERIALS_PER_SECOND:
            wanted = {one: list(self._numbers(*one, place, count)) for one in left}
            await self._table.load(self._orders, (), [number for numbers in wanted.values() for number in numbers])
            free = {one: [n for n in some if not self._table.taken(self._orders, n)] for one, some in wanted.items()}
            for (session_id, _), numbers in free.items():
                self._table.looked(self._orders, str(session_id), numbers)
            left = [one for one in left if not free[one]]
            place, count = place + count, more

    def _numbers(self, session_id: int, started_at: datetime, place: int, count: int) -> Iterator[str]:
        """In the order in which they would be given."""
        prefix = self.operator_id + format_stamp(started_at)
        for step in range(place, min(place + count, SERIALS_PER_SECOND)):
            yield f"{prefix}{(session_id + step) % SERIALS_PER_SECOND:04d}"

    @property
    def _orders(self) -> str:
        return self.operator_id + ORDERS

    def sequence(self, moment: datetime, serial: int) -> str:
        """A CheckOrderSeq: 27 characters like an order number."""
        return f"{self.operator_id}{format_stamp(moment)}{serial % SERIALS_PER_SECOND:04d}"

    def order(self, session_id: int, started_at: datetime, remote_start_id: int | None = None) -> str:
        """StartChargeSeq and OrderNo of a session; raises IdsExhausted, and NumberNotLooked without `know` before."""
        if remote_start_id is not None and (given := self._starts.get(remote_start_id)):
            return given
        scope, local = self._orders, str(session_id)
        known = self._table.find(scope, local)
        if known is not None:
            return known
        wanted = self._numbers(session_id, started_at, 0, SERIALS_PER_SECOND)
        for external in self._table.free(scope, local, wanted):
            return self._table.add(scope, local, external)
        raise IdsExhausted(f"no order number is left for {self.operator_id} at {started_at}")

    def _numbered(self, scope: str, local: str, prefix: str, digits: int) -> str:
        known = self._table.find(scope, local)
        if known is not None:
            return known
        serial = self._table.size(scope) + 1
        while self._table.taken(scope, external := f"{prefix}{serial:0{digits}d}"):
            serial += 1
        return self._table.add(scope, local, external)
