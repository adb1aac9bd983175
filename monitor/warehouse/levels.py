"""A session's energy and money by the tariff level in which it was drawn (section 1.6 of the tariff rules). Pure.

The register is read at the edges of the levels between the values next to them: an edge is an hour, so the last value
of the quarter-hour before and the first of the one after are those values, and roll-ups are as good as samples.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from csms.province.tariff import split
from csms.store.rollup_reading import StoredRollup
from csms.store.tables import Session
from monitor.warehouse.calendar import TariffBook
from monitor.warehouse.schema import LEVELS

VEHICLE_CLASSES = {"dc": "charges by DC", "ac-3": "charges by AC on three phases", "ac-1": "charges by AC on one phase",
                   "ac": "charges by AC", "": "unknown"}  # fmt: skip
"""What is known of a car without knowing the car."""
LONGEST = timedelta(days=35)
"""A session that claims to last longer has a wrong clock, and no levels."""


def level_values(session: Session, registers: Iterable[StoredRollup], book: TariffBook) -> dict[str, Any]:
    """Wh by level, yuan for electricity and service; empty while it runs, and for one whose times cannot be."""
    begin, end = session.started_at, session.ended_at
    if end is None or not begin <= end <= begin + LONGEST or session.energy_wh < 0:
        return {}
    found = split(begin, end, session.energy_wh, book, drawn(session, registers))
    known = book.letter(begin)
    return {
        "tariff_id": known[0].id if known else "",
        **{f"{level}_wh": float(found.levels.get(level, 0)) * 1000.0 for level in LEVELS},
        "electricity_yuan": float(sum(detail.elec_money for detail in found.details)) if found.levels else None,
        "service_yuan": float(sum(detail.service_money for detail in found.details)),
    }


def drawn(session: Session, registers: Iterable[StoredRollup]) -> list[tuple[datetime, float]]:
    """Wh since the start, as the register told between start and end."""
    values = sorted({(at, value) for one in registers for at, value in
                     ((one.first_at, one.first), (one.last_at, one.last))})  # fmt: skip
    inside = [(at, value) for at, value in values if session.started_at <= at <= (session.ended_at or at)]
    start = session.start_register_wh
    if start is None:
        start = inside[0][1] if inside else 0.0
    return [(at, value - start) for at, value in inside]


def vehicle_class(session: Session, kind: str) -> str:
    """By what the outlet gives and on how many phases the car took it."""
    if kind != "ac":
        return kind if kind in VEHICLE_CLASSES else ""
    return f"ac-{session.phases_used}" if session.phases_used in (1, 3) else "ac"
