"""Stations of partners as the intake was told of them (T/CEC 102), as offers to drivers. Pure.

Coordinates of the interface are GCJ-02; here they become WGS-84, as all others are. What a partner leaves out or tells
in another form is left out, never guessed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from csms.province.mapping import FAULT, IDLE, OFFLINE, from_gcj02
from monitor.dashboard.web.drivers.offers import Offer, Outlets
from monitor.store.intake_reading import ToldState, ToldStation

OPEN = 50
"""StationStatus: in service."""
DC_PILE, AC_PILE = (1, 3), (2,)
"""EquipmentType: 1 DC, 2 AC, 3 both in one."""
DC_PLUG, AC_PLUGS = 4, (1, 2, 3)
"""ConnectorType: 4 DC plug; 1 to 3 sockets and plugs for AC."""


def partner_offers(
    stations: Iterable[ToldStation], states: Mapping[tuple[str, str], ToldState], names: Mapping[str, str]
) -> list[Offer]:
    """Those in service, by operator and id. `names`: of operators by their numbers."""
    return [offer for told in stations if (offer := _offer(told, states, names)) is not None]


def _offer(told: ToldStation, states: Mapping[tuple[str, str], ToldState], names: Mapping[str, str]) -> Offer | None:
    content = told.content
    if content.get("StationStatus", OPEN) != OPEN:
        return None
    outlets, told_at = _outlets(told.operator_id, content, states)
    if not outlets:
        return None
    fees = " · ".join(str(content[name]) for name in ("ElectricityFee", "ServiceFee") if content.get(name))
    return Offer(
        key=f"{told.operator_id}/{told.business_id}",
        operator=names.get(told.operator_id, told.operator_id),
        name=str(content.get("StationName", told.business_id)),
        address=str(content.get("Address", "")),
        spot=_spot(content),
        outlets=outlets,
        fees=fees,
        area_code=str(content.get("AreaCode", "")),
        told_at=told_at or told.received_at,
    )


def _outlets(
    operator: str, content: Mapping[str, Any], states: Mapping[tuple[str, str], ToldState]
) -> tuple[tuple[Outlets, ...], datetime | None]:
    """By kind and power; what of their states was told last, and when."""
    groups: defaultdict[tuple[str, int], list[ToldState | None]] = defaultdict(list)
    for connector_id, kind, power_w in _connectors(content):
        groups[kind, power_w].append(states.get((operator, connector_id)))
    told_at = max((state.received_at for own in groups.values() for state in own if state), default=None)
    return tuple(_group(kind, power_w, own) for (kind, power_w), own in sorted(groups.items())), told_at


def _group(kind: str, power_w: int, states: list[ToldState | None]) -> Outlets:
    known = [state.status for state in states if state is not None]
    broken = sum(status in (OFFLINE, FAULT) for status in known)
    return Outlets(kind, power_w, len(states), known.count(IDLE) if known else None, broken)


def _connectors(content: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """Id, ac or dc, W; those whose kind or power nobody tells are left out."""
    for pile in _dicts(content.get("EquipmentInfos")):
        for connector in _dicts(pile.get("ConnectorInfos")):
            kind = _kind(pile.get("EquipmentType"), connector.get("ConnectorType"))
            power_kw = connector.get("Power", pile.get("Power"))
            if kind and isinstance(power_kw, int | float) and power_kw > 0 and connector.get("ConnectorID"):
                yield str(connector["ConnectorID"]), kind, round(float(power_kw) * 1000)


def _kind(pile: object, connector: object) -> str:
    if connector == DC_PLUG:
        return "dc"
    if connector in AC_PLUGS:
        return "ac"
    return "dc" if pile in DC_PILE else "ac" if pile in AC_PILE else ""


def _dicts(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _spot(content: Mapping[str, Any]) -> tuple[float, float] | None:
    longitude, latitude = content.get("StationLng"), content.get("StationLat")
    if not isinstance(longitude, int | float) or not isinstance(latitude, int | float):
        return None
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90) or (longitude, latitude) == (0, 0):
        return None
    return from_gcj02(float(longitude), float(latitude))
