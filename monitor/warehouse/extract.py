"""From what the central system keeps to rows of facts. Pure.

An outlet's energy in a quarter-hour is its register read at both edges, in a straight line between its values; without
a register, mean power times time. Users are hashed with a salt of this warehouse: the same one is the same, and nobody
is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import numpy as np

from csms.store.rollup_reading import StoredRollup
from csms.store.tables import Evse, Session, Station
from monitor.forecast.metered import REGISTER, STEP, power_kwh, register_kwh
from monitor.warehouse.rolled import BUSY_WH

POWER, CHARGE = "Power.Active.Import", "SoC"
MEASURANDS = (REGISTER, POWER, CHARGE)
STEPS_A_DAY = timedelta(days=1) // STEP
Rows = list[dict[str, Any]]


def session_row(session: Session, salt: bytes) -> dict[str, Any]:
    """A session, as far as it is known."""
    ended = session.ended_at
    return {
        "session_id": session.id,
        "station_id": session.station_id,
        "evse_id": session.evse_id,
        "started_at": session.started_at,
        "ended_at": ended,
        "plugged_s": (ended - session.started_at).total_seconds() if ended else None,
        "charging_s": None if session.charging_s is None else float(session.charging_s),
        "energy_wh": session.energy_wh,
        "start_register_wh": session.start_register_wh,
        "end_register_wh": session.end_register_wh,
        "stop_reason": session.stop_reason,
        "user_hash": hashed(session.id_token, salt) if session.id_token else None,
        "cost": session.cost,
    }


def hashed(token: str, salt: bytes) -> str:
    """A name for a user that tells nobody who it is."""
    return blake2b(token.encode(), digest_size=12, key=salt).hexdigest()


def quarter_rows(rollups: Iterable[StoredRollup], since: datetime, until: datetime) -> Rows:
    """The quarter-hours of stations, `since` <= begins_at < `until`, in which something was metered or flowed.
    `since` is a UTC midnight.

    `rollups` may reach back before `since`: where a register stood then is where it begins.
    """
    outlets: dict[tuple[str, int], list[StoredRollup]] = {}
    for one in rollups:
        outlets.setdefault((one.station_id, one.evse_id), []).append(one)
    found: Rows = []
    for (station_id, evse_id), rows in sorted(outlets.items()):
        found += _outlet(station_id, evse_id, rows, since, until)
    return found


def _outlet(station_id: str, evse_id: int, rows: Sequence[StoredRollup], since: datetime, until: datetime) -> Rows:
    steps = (until - since) // STEP
    by_kind = {name: [one for one in rows if one.measurand == name] for name in MEASURANDS}
    registers = [one for one in by_kind[REGISTER] if not one.phase]
    powers = [one for one in by_kind[POWER] if not one.phase]
    energy = np.full(steps, np.nan)
    if registers:
        energy = register_kwh(registers, since, steps)
    elif powers:
        energy = power_kwh(powers, since, steps)
    places: dict[int, dict[str, StoredRollup]] = {}
    for one in (*registers, *powers, *by_kind[CHARGE]):
        places.setdefault((one.begins_at - since) // STEP, {})[one.measurand] = one
    metered = {place for place in places if 0 <= place < steps}
    flowing = {int(place) for place in np.flatnonzero(np.nan_to_num(energy) * 1000.0 > BUSY_WH)}
    return [
        {"station_id": station_id, "evse_id": evse_id, "begins_at": since + place * STEP, "slot": place % STEPS_A_DAY}
        | _values(places.get(place, {}), float(energy[place]))
        for place in sorted(metered | flowing)
    ]


def _values(metered: Mapping[str, StoredRollup], energy_kwh: float) -> dict[str, Any]:
    power, charge = metered.get(POWER), metered.get(CHARGE)
    energy_wh = None if np.isnan(energy_kwh) else energy_kwh * 1000.0
    mean_w = power.mean if power else None if energy_wh is None else energy_wh / (STEP / timedelta(hours=1))
    return {
        "energy_wh": energy_wh,
        "power_mean_w": mean_w,
        "power_max_w": power.maximum if power else mean_w,
        "soc_min": charge.minimum if charge else None,
        "soc_max": charge.maximum if charge else None,
        "samples": sum(one.samples for one in metered.values()),
    }


def station_rows(stations: Iterable[Station], sites: Iterable[Mapping[str, Any]]) -> Rows:
    """Stations with their sites' operator, region and type."""
    names = ("site_id", "feeder_id", "vendor", "model", "firmware", "protocol")
    known = {one["site_id"]: one for one in sites}
    return [
        {"station_id": one.id}
        | {name: getattr(one, name) for name in names}
        | {name: known.get(one.site_id, {}).get(name, "") for name in ("operator_id", "region_code", "station_type")}
        for one in stations
    ]


def evse_rows(evses: Iterable[Evse]) -> Rows:
    """Outlets with their nameplates."""
    names = ("station_id", "evse_id", "kind", "phases", "power_max_w")
    return [{name: getattr(one, name) for name in names} for one in evses]
