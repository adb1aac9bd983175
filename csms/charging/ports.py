"""What the charging room asks of others: stations to command and to look at, caps of feeders, a store, a solver."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from csms.charging.feeder import Caps
from csms.model.command import Command, CommandResult
from csms.model.outlook import Outlook
from csms.station.bus import EventBus
from csms.station.state import StationState
from csms.store.change import Change
from csms.store.station_tables import LimitRung
from csms.store.tables import ProfileRow, UpperBoundRow
from optimizer.problem import Plan, Problem

LimitBook = Caps
Solver = Callable[[Problem], Plan]


class Stations(Protocol):
    """The stations of this process (csms.station.service.StationService)."""

    @property
    def stations(self) -> Mapping[str, StationState]:
        """Live state by station id."""
        ...

    @property
    def bus(self) -> EventBus:
        """What happens to them."""
        ...

    async def command(self, station_id: str, command: Command) -> CommandResult:
        """Ask a station; raises the errors of csms.model.errors."""
        ...


class Alerting(Protocol):
    """Tells people (csms.station.alerts.Alerts)."""

    async def raise_(self, kind: str, station_id: str = "", info: str = "") -> None:
        """Open an alert, or count one that is open; raises StoreUnavailable."""
        ...


class Forecasts(Protocol):
    """Who knows what is expected (csms.app.outlook). It is only ever asked for plans, never for a bound."""

    def outlook(self, now: datetime) -> Outlook | None:
        """The newest one; None where there is none, or none that is fresh enough."""
        ...


class ChargingWriter(Protocol):
    """The writing side of the store."""

    async def commit(self, changes: Sequence[Change]) -> None:
        """Wait until durable; raises StoreUnavailable."""
        ...


class ChargingReader(Protocol):
    """The reading side of the store."""

    async def find(self, model: type[LimitRung]) -> Sequence[LimitRung]:
        """The ladders of all stations."""
        ...

    async def upper_bounds(self) -> Sequence[UpperBoundRow]:
        """All upper bounds, past ones too."""
        ...

    async def profiles(
        self, *, station_id: str | None = None, session_id: int | None = None, limit: int = 100
    ) -> Sequence[ProfileRow]:
        """Charging profiles as sent, newest first."""
        ...


class ChargingStore(Protocol):
    """The store, as far as charging needs it."""

    @property
    def writer(self) -> ChargingWriter:
        """To make changes durable."""
        ...

    @property
    def reader(self) -> ChargingReader:
        """To read rows."""
        ...
