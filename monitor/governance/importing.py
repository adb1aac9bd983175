"""From a file to facts: rows that can be read become orders with lineage, the others wait in quarantine with reasons.

What is repaired is written down: blanks around names are taken off, a row that says the same as one before is dropped.
The rules of physics then look at the orders of the file together; what they doubt stays a fact and carries its cause.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from monitor.governance.facts import Orders, facts, table
from monitor.governance.files import digest, rows
from monitor.governance.mapping import FileMapping, ImportedOrder, RowFault, read_mapping, read_row
from monitor.governance.partner_orders import read_partner_order
from monitor.governance.rules.judge import judge
from monitor.governance.station_orders import OWN, read_station_order
from monitor.store.governance import GovernanceStore
from monitor.store.governance_rows import Batch
from monitor.store.governance_tables import GovernedOrder, GovernedRepair, GovernedSource, Kind, QuarantinedRow, State

DUPLICATE, TRIMMED = "duplicate_dropped", "blanks_removed"


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file."""

    file: str
    already_known: bool
    rows: int
    orders: int
    quarantined: int
    repairs: Mapping[str, int]
    reasons: Mapping[str, int]
    causes: Mapping[str, int]


def import_file(store: GovernanceStore, path: Path, mapping: FileMapping, now: datetime) -> Imported:
    """Read a file once; one with the same content changes nothing. Raises ValueError and OSError as `files.rows`."""
    sha256 = digest(path)
    if store.known(sha256):
        return Imported(path.name, True, 0, 0, 0, {}, {}, {})
    taken = Batch()
    seen: dict[ImportedOrder, int] = {}
    count = 0
    for row in rows(path, mapping):
        count += 1
        found = [row.fault] if row.fault else read_row(mapping, row.cells, now)
        if isinstance(found, list):
            taken.held.append(_held(row.line, found, row.cells))
        elif found in seen:
            taken.repairs.append(_repair(row.line, DUPLICATE, f"line {seen[found]}"))
        else:
            seen[found] = row.line
            taken.orders.append(_order(row.line, found))
            taken.repairs += [_repair(row.line, TRIMMED, repr(cell)) for cell in _padded(mapping, row.cells)]
    _doubt(taken.orders, now)
    source = GovernedSource(kind=Kind.FILE, digest=sha256, name=path.name, mapping=mapping.text, taken_at=now)
    reasons = Counter(fault["reason"] for row in taken.held for fault in row.faults)
    causes = Counter(order.cause for order in taken.orders if order.cause)
    store.take_in(source, taken)
    by_rule = Counter(repair.rule for repair in taken.repairs)
    return Imported(path.name, False, count, len(taken.orders), len(taken.held), by_rule, reasons, causes)


def release(
    store: GovernanceStore, number: int, corrections: Mapping[str, str], now: datetime, note: str
) -> list[RowFault]:
    """Make a held row a fact with corrected cells; what is still wrong with it, else an empty list.

    Raises LookupError for a row that is not held, ValueError for a column that the row does not have.
    """
    found = store.quarantined(number)
    if found is None or found[0].state != State.HELD:
        raise LookupError(f"no row {number} is held")
    row, source = found
    if unknown := sorted(corrections.keys() - row.raw.keys()):
        raise ValueError(f"the row has no column {', '.join(unknown)}; it has {', '.join(row.raw)}")
    cells = {**row.raw, **corrections}
    if source.kind == Kind.PARTNER:
        read = read_partner_order(cells, source.name, now)
    elif source.kind == Kind.STATIONS:
        read = read_station_order(cells, OWN, now)
    else:
        read = read_row(read_mapping(source.mapping), cells, now)
    if isinstance(read, list):
        return read
    told = "; ".join(filter(None, (note, *(f"{column}={value}" for column, value in corrections.items()))))
    if not store.decide(number, State.RELEASED, now, told, _order(row.key, read, released=True)):
        raise LookupError(f"no row {number} is held")
    return []


def _padded(mapping: FileMapping, cells: Mapping[str, str]) -> list[str]:
    return [cells[column] for column in mapping.used if cells[column] != cells[column].strip()]


def _order(line: int | str, read: ImportedOrder, *, released: bool = False) -> GovernedOrder:
    return GovernedOrder(source_id=0, key=str(line), released=released, **asdict(read))


def _held(line: int, faults: Sequence[RowFault], cells: Mapping[str, str]) -> QuarantinedRow:
    return QuarantinedRow(source_id=0, key=str(line), faults=[asdict(fault) for fault in faults], raw=dict(cells))


def _repair(line: int, rule: str, detail: str) -> GovernedRepair:
    return GovernedRepair(source_id=0, key=str(line), rule=rule, detail=detail)


def _doubt(orders: Sequence[GovernedOrder], now: datetime) -> None:
    """Let the rules of physics name the cause of each order that they doubt."""
    columns = table(
        Orders,
        key=_codes([order.number for order in orders]),
        operator=_codes([order.operator for order in orders]),
        station=_codes([order.station for order in orders]),
        connector=_codes([f"{order.station}\n{order.connector}" for order in orders]),
        start_s=[order.start.timestamp() for order in orders],
        end_s=[order.end.timestamp() for order in orders],
        energy_wh=[order.energy_wh for order in orders],
        meter_start_wh=[np.nan if order.meter_start_wh is None else order.meter_start_wh for order in orders],
        meter_stop_wh=[np.nan if order.meter_stop_wh is None else order.meter_stop_wh for order in orders],
    )
    judged = judge(facts(now.timestamp(), columns))
    for row, order in enumerate(orders):
        order.cause = judged.cause(row)


def _codes(names: Sequence[str]) -> list[int]:
    known: dict[str, int] = {}
    return [known.setdefault(name, len(known)) for name in names]
