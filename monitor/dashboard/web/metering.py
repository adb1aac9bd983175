"""Metered values as people read them: the newest of each kind by phase, and schedules of stations as lines. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from monitor.dashboard.history import Json
from monitor.dashboard.look import moment
from monitor.dashboard.web.figures import NOTHING

VOLTAGE, CURRENT, POWER, CHARGE = "Voltage", "Current.Import", "Power.Active.Import", "SoC"
SHOWN = {VOLTAGE: "V", CURRENT: "A", POWER: "kW", CHARGE: "%", "Temperature": "°C"}
"""Kinds in their order, with the unit in which they are shown."""
PHASE_V = 230.0
"""As OCPP counts a limit in ampere."""
Line = list[tuple[str, float]]


def newest(samples: Iterable[Json]) -> dict[str, str]:
    """Unit -> the newest value, or those of the phases with a stroke between; samples come in order of time."""
    found: dict[str, dict[str, float]] = {}
    for sample in samples:
        if sample["measurand"] in SHOWN and sample["location"] != "Inlet":
            found.setdefault(sample["measurand"], {})[sample["phase"].removesuffix("-N")] = sample["value"]
    return {unit: _phases(found[kind], kind) for kind, unit in SHOWN.items() if kind in found}


def _phases(values: dict[str, float], kind: str) -> str:
    """The value of the whole where there is one for power, else phase by phase."""
    if kind == POWER:
        whole = values.get("", sum(values.values()))
        return f"{whole / 1000:,.1f}"
    digits = 0 if kind in (VOLTAGE, CHARGE) else 1
    by_phase = [values[name] for name in sorted(values) if name] or list(values.values())
    return " / ".join(f"{value:,.{digits}f}" for value in by_phase) or NOTHING


def from_then_on(line: Line, start: datetime) -> Line:
    """A line of steps from a moment on: what held at the moment, then what came."""
    before = [value for at, value in line if moment(at) <= start]
    after = [(at, value) for at, value in line if moment(at) > start]
    return [(start.isoformat(), before[-1]), *after] if before else after


def composite_line(composite: Json, phases: int, asked_at: datetime, duration_s: int) -> Line:
    """What a station says it will do, kW from its start on; stretches without a limit are left out."""
    start = moment(composite["start"]) if composite["start"] else asked_at
    line: Line = []
    periods: Sequence[Json] = composite["periods"]
    for number, period in enumerate(periods):
        if period["limit"] is None:
            continue
        until_s = periods[number + 1]["start_s"] if number + 1 < len(periods) else duration_s
        limit_kw = kilowatts(period["limit"], composite["unit"], phases)
        line += [((start + timedelta(seconds=at)).isoformat(), limit_kw) for at in (period["start_s"], until_s)]
    return line


def kilowatts(limit: float, unit: str | None, phases: int) -> float:
    """A limit of a schedule in kW; ampere count for each phase."""
    return round((limit * PHASE_V * phases if unit == "A" else limit) / 1000, 2)
