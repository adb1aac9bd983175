"""The supply tree: that of the settings, as administrators changed it, and the desk where they change it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from csms.access.tokens import AccessTokens
from csms.app.grid import feeder_of
from csms.app.section import SettingsInvalid
from csms.app.settings import Settings
from csms.charging.base_load_keeper import restore
from csms.charging.feeder import FeederTree
from csms.charging.service import ChargingService
from csms.charging.tree_desk import TreeDesk, merged, newest_change
from csms.grid.service import LimitService
from csms.model.access import Role
from csms.model.clock import Clock
from csms.station.service import StationService
from csms.store.engine import Store
from csms.store.supply_tables import FeederRow, StationPlaceRow


@dataclass(frozen=True, slots=True)
class Supply:
    """The tree, and what of it an administrator set. `places`: feeder by station; `number`: of the last change."""

    tree: FeederTree
    rows: dict[str, FeederRow]
    places: dict[str, str]
    number: int = 0


async def read_supply(settings: Settings, store: Store) -> Supply:
    """The tree as it is now. Raises SettingsInvalid where the settings contradict what was changed."""
    number = await newest_change(store.reader)
    rows = {row.id: row for row in await store.reader.find(FeederRow)}
    places = {row.station_id: row.feeder_id for row in await store.reader.find(StationPlaceRow)}
    try:
        feeders = merged(map(feeder_of, settings.feeders), rows.values())
        tree = FeederTree(feeders, ZoneInfo(settings.time_zone))
    except ValueError as fault:
        changed = ", ".join(sorted(rows))
        raise SettingsInvalid(
            f"{fault}" + (f" (changed since by an administrator: {changed})" if rows else "")
        ) from None
    for station in settings.stations:
        feeder_id = places.get(station.id, station.feeder)
        if feeder_id and feeder_id not in tree:
            raise SettingsInvalid(f"stations: {station.id}: feeder {feeder_id} was removed by an administrator")
    await restore(tree, store.reader)
    return Supply(tree, rows, places, number)


def tree_desk(
    settings: Settings,
    clock: Clock,
    store: Store,
    supply: Supply,
    stations: StationService,
    limits: LimitService,
    charging: ChargingService,
    tokens: AccessTokens,
) -> TreeDesk:
    """Where the tree is changed."""
    section, named = settings.charging, named_in(settings)

    async def named_by(feeder_id: str) -> Sequence[str]:
        operators = [one for one in await tokens.listed() if one.role == Role.GRID_OPERATOR and one.revoked_at is None]
        return [*named(feeder_id), *(f"token {one.name}" for one in operators if feeder_id in one.bound_to)]

    return TreeDesk(
        clock,
        store.writer,
        supply.tree,
        stations,
        limits,
        named_by,
        charging if section.control else None,
        section.reserve_share,
        timedelta(seconds=section.lease_s + section.ramp_s),
        supply.rows,
        store.reader,
        [feeder_of(feeder) for feeder in settings.feeders],
        supply.number,
    )


def named_in(settings: Settings) -> Callable[[str], list[str]]:
    """Which sections of the settings name a feeder."""
    sections: list[tuple[str, set[str]]] = []
    sections += [(f"limit_sources {one.name}", {*one.feeders, *one.failsafe_kw}) for one in settings.limit_sources]
    sections += [(f"openadr {one.name}", {*one.mapped, *one.emergency_kw}) for one in settings.openadr]
    sections += [(f"openadr2 {one.name}", {*one.mapped}) for one in settings.openadr2]
    sections += [(f"limit_files {one.name}", {*one.feeders}) for one in settings.limit_files]
    sections += [(f"limit_plugs {one.name}", {*one.feeders}) for one in settings.limit_plugs]
    sections += [(f"response.contracts {one.operator}", {one.feeder}) for one in settings.response.contracts]
    return lambda feeder_id: [name for name, feeders in sections if feeder_id in feeders]
