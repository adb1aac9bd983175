"""What operators are told: revenue by period and level, utilisation, energy loss, success. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monitor.warehouse.government import utilisation
from monitor.warehouse.report import Asked, Figure, change, ratio, total
from monitor.warehouse.schema import LEVELS

Rows = Sequence[Mapping[str, Any]]
NEEDS = ("hourly", "by_kind", "outlets", "sessions", "revenue", "orders")


def figures(now: Mapping[str, Rows], before: Mapping[str, Rows], asked: Asked, area: str) -> Iterator[Figure]:
    """All of them."""
    yield from revenue(now["sessions"], before["sessions"], now["revenue"])
    yield from utilisation(now["by_kind"], now["outlets"], asked)
    yield from loss(now["hourly"], now["sessions"])
    ended = total(now["sessions"], "ended")
    yield Figure("sessions", total(now["sessions"], "sessions"))
    yield Figure("session_success", ratio(total(now["sessions"], "succeeded"), ended), "1", note="of ended sessions")
    for row in now["orders"]:
        yield Figure("revenue_of_operator", row["money_yuan"], "yuan", row["operator_id"], note="as told in orders")
        share = ratio(row["succeeded"], row["orders"])
        yield Figure("order_success", share, "1", row["operator_id"], note="orders that gave energy")


def revenue(now: Rows, before: Rows, months: Rows) -> Iterator[Figure]:
    """Yuan for electricity and service at the prices of the tariff, by month; parking and discounts are not known."""
    parts = {name: total(now, f"{name}_yuan") for name in ("electricity", "service")}
    for name, money in parts.items():
        yield Figure("revenue", money, "yuan", name, note="at the tariff's prices; parking and discounts are not known")
    both = sum(parts.values())
    earlier = total(before, "electricity_yuan") + total(before, "service_yuan")
    yield Figure("revenue_change", change(both, earlier), "1", note="against the period before")
    yield Figure("revenue_told", total(now, "told_yuan"), "yuan", note="what drivers were told at the end of a session")
    for row in months:
        yield Figure("revenue_of_month", row["electricity_yuan"] + row["service_yuan"], "yuan", str(row["month"]))
    energy = {level: total(now, f"{level}_kwh") for level in LEVELS}
    for level, kwh in energy.items():
        yield Figure("level_energy", kwh, "kWh", level, note="of sessions that began in the period")
        yield Figure("level_share", ratio(kwh, sum(energy.values())), "1", level)


def loss(hourly: Rows, sessions: Rows) -> Iterator[Figure]:
    """Energy that outlets metered and no session has, by the whole; sessions over an edge of the period blur it."""
    metered, sold = total(hourly, "energy_kwh"), total(sessions, "energy_kwh")
    yield Figure("energy_metered", metered, "kWh")
    yield Figure("energy_in_sessions", sold, "kWh")
    lost = None if metered <= 0 else (metered - sold) / metered
    yield Figure(
        "energy_loss", lost, "1", note="metered at outlets and in no session, of all; edges of the period blur it"
    )
