"""What government and communities are told: how much, how many, where, how well used, how compliant. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monitor.warehouse.grid import avoided_carbon
from monitor.warehouse.report import Asked, Figure, ratio, total
from monitor.warehouse.schema import OWN

Rows = Sequence[Mapping[str, Any]]
QUARTERS_A_DAY = 96
NEEDS = ("hourly", "by_kind", "outlets", "by_region", "sessions", "vehicles", "orders", "calls")
DOUBTED = "by a rule of physics"


def figures(now: Mapping[str, Rows], before: Mapping[str, Rows], asked: Asked, area: str) -> Iterator[Figure]:
    """All of them: own stations, other operators by their orders, and both together."""
    mine, others = total(now["hourly"], "energy_kwh"), total(now["orders"], "energy_kwh")
    yield Figure("energy", mine + others, "kWh", note="metered at own stations, told in the orders of others")
    yield Figure("energy_own", mine, "kWh")
    for row in now["orders"]:
        yield Figure("energy_of_operator", row["energy_kwh"], "kWh", row["operator_id"])
        yield Figure("orders_of_operator", row["orders"], "", row["operator_id"])
        yield Figure("doubted_orders", row["doubted"], "", row["operator_id"], note=DOUBTED)
    if asked.own:
        yield Figure("doubted_orders", total(now["sessions"], "doubted"), "", OWN, note=DOUBTED)
    yield Figure("sessions", total(now["sessions"], "sessions") + total(now["orders"], "orders"))
    yield Figure("vehicles", total(now["vehicles"], "vehicles"), note="users of own stations, by their hashes")
    yield Figure("sessions_without_user", total(now["sessions"], "without_user"))
    yield Figure("charging_time", total(now["sessions"], "charging_h"), "h", note="with energy flowing, own stations")
    plugged = total(now["sessions"], "plugged_h") + total(now["orders"], "hours")
    yield Figure("plugged_time", plugged, "h", note="from start to end")
    yield from coverage(now["outlets"])
    for row in now["by_region"]:
        yield Figure("region_stations", row["stations"], "", row["region_code"] or "-")
        yield Figure("region_energy", row["energy_kwh"], "kWh", row["region_code"] or "-")
        yield Figure("region_coverage", ratio(row["active_stations"], row["stations"]), "1", row["region_code"] or "-")
    yield from utilisation(now["by_kind"], now["outlets"], asked)
    yield from compliance(now["calls"])
    yield avoided_carbon(mine + others, area, asked.last)


def coverage(outlets: Rows) -> Iterator[Figure]:
    """Stations and outlets that there are, and the share of the stations that gave energy in the period."""
    stations, active = total(outlets, "stations"), total(outlets, "active_stations")
    yield Figure("stations", stations, note="a station with outlets of two kinds counts with each")
    for row in outlets:
        yield Figure("outlets", row["outlets"], "", row["kind"] or "-")
    yield Figure("coverage", ratio(active, stations), "1", note="stations that gave energy, of all that are known")


def utilisation(by_kind: Rows, outlets: Rows, asked: Asked) -> Iterator[Figure]:
    """Quarter-hours in which outlets gave energy, of all that they had; at most 1."""
    known = {row["kind"]: row["outlets"] for row in outlets}
    busy = {row["kind"]: row["busy_quarters"] for row in by_kind}
    for kind in sorted({*known, *busy}):
        share = ratio(busy.get(kind, 0), known.get(kind, 0) * asked.days * QUARTERS_A_DAY)
        yield Figure("utilisation", None if share is None else min(share, 1.0), "1", kind or "-")


def compliance(calls: Rows) -> Iterator[Figure]:
    """Interface calls, the share that was accepted, and how long the answer took."""
    for row in calls:
        who = f"{row['direction']} {row['partner']}".strip()
        yield Figure("calls", row["calls"], "", who)
        yield Figure("calls_accepted", ratio(row["accepted"], row["calls"]), "1", who)
        yield Figure("answer_time", row["latency_s"], "s", who, note="mean")
