"""What makers and agents are told: DC against AC, how reliable each model is, how it grows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from monitor.warehouse.reliability import availability, between_failures
from monitor.warehouse.report import Asked, Figure, change, ratio, total

Rows = Sequence[Mapping[str, Any]]
NEEDS = ("by_kind", "sessions", "connectors", "fault_codes")
CODES_MAX = 10


def figures(now: Mapping[str, Rows], before: Mapping[str, Rows], asked: Asked, area: str) -> Iterator[Figure]:
    """All of them."""
    yield from kinds(now["by_kind"], now["sessions"])
    yield from reliability(now["connectors"])
    yield from success(now["sessions"])
    yield from codes(now["fault_codes"])
    yield from growth(now["sessions"], before["sessions"])


def kinds(by_kind: Rows, sessions: Rows) -> Iterator[Figure]:
    """DC against AC: shares of energy, sessions and charging time."""
    energy, count, hours = (total(rows, name) for rows, name in
                            ((by_kind, "energy_kwh"), (sessions, "sessions"), (sessions, "charging_h")))  # fmt: skip
    for kind in sorted({row["kind"] for row in (*by_kind, *sessions)}):
        mine = [row for row in sessions if row["kind"] == kind]
        metered = total([row for row in by_kind if row["kind"] == kind], "energy_kwh")
        yield Figure("energy", metered, "kWh", kind or "-")
        yield Figure("energy_share", ratio(metered, energy), "1", kind or "-")
        yield Figure("sessions_share", ratio(total(mine, "sessions"), count), "1", kind or "-")
        yield Figure("charging_time_share", ratio(total(mine, "charging_h"), hours), "1", kind or "-")


def reliability(connectors: Rows) -> Iterator[Figure]:
    """Of each model: hours between failures with a 90 % interval, availability, failures."""
    for model, rows in _models(connectors):
        service_h = total(rows, "known_h")
        found = between_failures(service_h, int(total(rows, "faults")))
        yield Figure("mtbf", found.mtbf_h, "h", model, low=found.low_h, high=found.high_h,
                     note="90 % interval; without a failure there is a lower bound only")  # fmt: skip
        yield Figure("failures", found.failures, "", model, note="passages into Faulted")
        share = availability(service_h, total(rows, "faulted_h"), total(rows, "unavailable_h"))
        yield Figure("availability", share, "1", model, note="of the time in which its state was known; UTC days")


def success(sessions: Rows) -> Iterator[Figure]:
    """Of each model: the share of ended sessions that gave energy and ended as somebody wished."""
    for model, rows in _models(sessions):
        yield Figure("session_success", ratio(total(rows, "succeeded"), total(rows, "ended")), "1", model)


def codes(faults: Rows) -> Iterator[Figure]:
    """The fault codes of each model that came most often."""
    for model, rows in _models(faults):
        for row in sorted(rows, key=lambda one: (-one["times"], one["error_code"]))[:CODES_MAX]:
            yield Figure("fault_code", row["times"], "", f"{model}: {row['error_code']}")


def growth(now: Rows, before: Rows) -> Iterator[Figure]:
    """Of each model: energy and sessions against the period before."""
    earlier = dict(_models(before))
    for model, rows in _models(now):
        for name in ("energy_kwh", "sessions"):
            grown = change(total(rows, name), total(earlier.get(model, []), name))
            yield Figure(f"{name.removesuffix('_kwh')}_growth", grown, "1", model, note="against the period before")


def _models(rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(f"{row['vendor']} {row['model']}".strip() or "-", []).append(row)
    return sorted(found.items())
