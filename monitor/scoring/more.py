"""What a platform does not hear of, from a file: complaints and promotions. Pure: text in, figures out.

    operator,month,complaints,promoted_orders,promoted_taken      one line for an operator and month (CSV)

    complaint_rate       complaints of the month / orders that the platform has of it; not without orders
    promotion_response   promoted_taken / promoted_orders: of the orders that a promotion was open to those that took it

A field that is empty is not known and counts nowhere; 0 is known.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from monitor.scoring.table import Figure, TableUnusable

COLUMNS = ("operator", "month", "complaints", "promoted_orders", "promoted_taken")


@dataclass(frozen=True, slots=True)
class More:
    """Of an operator and month; None: not known."""

    operator: str
    month: str
    complaints: int | None
    promoted_orders: int | None
    promoted_taken: int | None


def read_more(text: str) -> list[More]:
    """Raises TableUnusable, which names the line."""
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise TableUnusable(f"the first line lacks the columns {', '.join(missing)}")
    found: dict[tuple[str, str], More] = {}
    for row in rows:
        one = _more(row, rows.line_num)
        if (one.operator, one.month) in found:
            raise TableUnusable(f"line {rows.line_num}: {one.operator} {one.month} was told before")
        found[one.operator, one.month] = one
    return list(found.values())


def _more(row: Mapping[str, str | None], line: int) -> More:
    operator, month = ((row[name] or "").strip() for name in COLUMNS[:2])
    counts = [_count(row[name], line, name) for name in COLUMNS[2:]]
    if not operator or not month:
        raise TableUnusable(f"line {line}: an operator and a month are needed")
    one = More(operator, month, *counts)
    if (one.promoted_orders is None) != (one.promoted_taken is None):
        raise TableUnusable(f"line {line}: promoted_orders and promoted_taken are told together or not at all")
    if (one.promoted_taken or 0) > (one.promoted_orders or 0):
        raise TableUnusable(f"line {line}: more orders took the promotion than it was open to")
    return one


def _count(text: str | None, line: int, name: str) -> int | None:
    words = (text or "").strip()
    if not words:
        return None
    if not words.isdecimal():
        raise TableUnusable(f"line {line}: {name} is a whole number from 0 up, or empty")
    return int(words)


def figures_of_more(rows: Iterable[More], month: str, orders: Mapping[str, float]) -> list[Figure]:
    """Of a month; `orders`: of each operator, as the platform has them."""
    found = []
    for one in rows:
        if one.month != month:
            continue
        had = orders.get(one.operator, 0.0)
        if one.complaints is not None and had > 0:
            found.append(Figure(one.operator, month, "complaint_rate", one.complaints / had, had))
        if one.promoted_orders and one.promoted_taken is not None:
            share = one.promoted_taken / one.promoted_orders
            found.append(Figure(one.operator, month, "promotion_response", share, one.promoted_orders))
    return found
