"""What the platform has against what happened at the stations, read from both databases when nobody runs any more."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks.province_fleet import CODES, Truth
from benchmarks.province_parties import OPERATOR, Parties
from csms.province.mapping import kwh

Order = tuple[str, str, str, Decimal]
"""Station, start and end as on the wire, kWh."""


@dataclass(frozen=True, slots=True)
class Judged:
    """`lost`: finished sessions without their order; `surplus`: orders that no session stands behind, second ones among
    them; `differing`: connectors that the platform sees in another state than they are in."""

    sessions: int = 0
    lost: int = 0
    surplus: int = 0
    differing: int = 0
    dead: int = 0
    calls: int = 0
    examples: tuple[str, ...] = ()


def judge(parties: Parties, truth: Truth) -> Judged:
    """The verdict."""
    operator, platform = parties.operator_db, parties.platform_db
    names = dict(rows(operator, "SELECT external, local FROM external_id WHERE scope = ?", f"{OPERATOR}.connector"))
    stations = {external: local.rsplit("/", 2)[0] for external, local in names.items()}
    orders = Counter(
        order_of(json.loads(text), stations) for (text,) in rows(platform, "SELECT content FROM intake_order")
    )
    wanted = Counter(wanted_order(session, parties) for session in truth.sessions)
    states = {stations[name]: code for name, code in rows(platform, "SELECT business_id, status FROM intake_status")}
    true_states = {station: CODES[state] for station, state in truth.states.items()}
    differing = {name for name, code in true_states.items() if states.get(name) != code}
    lost, surplus = wanted - orders, orders - wanted
    ((dead,),) = rows(operator, "SELECT count(*) FROM outbox WHERE state = 'dead'")
    ((calls,),) = rows(platform, "SELECT count(*) FROM intake_message")
    examples = [f"lost {one}" for one in list(lost)[:3]] + [f"surplus {one}" for one in list(surplus)[:3]]
    examples += [f"{name}: {states.get(name)} instead of {true_states[name]}" for name in sorted(differing)[:3]]
    return Judged(
        len(truth.sessions), lost.total(), surplus.total(), len(differing), int(dead), int(calls), tuple(examples)
    )


def order_of(fields: dict[str, Any], stations: dict[str, str]) -> Order:
    """As the platform has it."""
    energy_kwh = Decimal(str(fields["TotalPower"])).quantize(Decimal("0.01"))
    return stations[fields["ConnectorID"]], fields["StartTime"], fields["EndTime"], energy_kwh


def wanted_order(session: tuple[str, str, str, int], parties: Parties) -> Order:
    """As it has to be."""
    station_id, began, ended, energy_wh = session
    times = [datetime.fromisoformat(text).astimezone(UTC).astimezone(parties.profile.zone) for text in (began, ended)]
    start, end = (f"{moment:%Y-%m-%d %H:%M:%S}" for moment in times)
    return station_id, start, end, kwh(float(energy_wh))


def rows(path: Path, query: str, *given: Any) -> list[Any]:
    """What a database answers; nobody else has it open."""
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query, given).fetchall()
