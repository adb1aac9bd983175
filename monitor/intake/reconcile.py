"""Reconciliation (`check_charge_orders`, section 11.2): the operator's list against accepted orders. Pure.

An order that was not accepted is disputed with reason 1, one whose money differs with 2, whose energy differs with 3;
where both differ the money is named. Accepted orders of the span that the operator does not list are noted for review.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from csms.province.messages import render_reply
from csms.province.profile import Kind, PlatformProfile

NOT_FOUND, MONEY_DIFFERS, ENERGY_DIFFERS = 1, 2, 3
STEP = Decimal("0.005")
"""Half of the last digit of either value."""
UNLISTED_MAX = 10_000
"""Orders of ours that are noted as not listed: a list over years that names none is no reconciliation."""
ROOT_EXTENSION = "evidence_root"
"""Key of a profile's extensions: the wire name under which the day's Merkle root is told (section 17)."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The answer by wire names, and what is kept."""

    answer: dict[str, Any]
    result: dict[str, Any]


def reconcile(
    profile: PlatformProfile,
    fields: Mapping[str, Any],
    accepted: Mapping[str, tuple[Decimal, Decimal]],
    ended: Sequence[str],
    root: str = "",
) -> Checked:
    """`accepted`: energy and money of accepted orders; `ended`: accepted orders that ended in the span."""
    listed = fields.get("ChargeOrders") or []
    disputes = [(row, reason) for row in listed if (reason := dispute(row, accepted.get(row["StartChargeSeq"])))]
    rows = [{**row, "DisputeReason": reason} for row, reason in disputes]
    values = {
        **{name: fields[name] for name in ("CheckOrderSeq", "StartTime", "EndTime")},
        "TotalDisputeOrder": len(rows),
        "TotalDisputePower": _sum(rows, "TotalPower"),
        "TotalDisputeMoney": _sum(rows, "TotalMoney"),
        "DisputeOrders": rows,
    }
    answer = render_reply(profile, Kind.CHECK_ORDERS, values)
    if root and ROOT_EXTENSION in profile.extensions:
        answer[profile.extensions[ROOT_EXTENSION]] = root
    known = {row["StartChargeSeq"] for row in listed}
    result = {
        "listed": len(listed),
        "disputes": [[row["StartChargeSeq"], row["DisputeReason"]] for row in rows],
        "unlisted": [order_id for order_id in ended if order_id not in known][:UNLISTED_MAX],
    }
    return Checked(answer, result)


def dispute(row: Mapping[str, Any], known: tuple[Decimal, Decimal] | None) -> int:
    """The reason to dispute a listed order, 0 for none."""
    if known is None:
        return NOT_FOUND
    energy, money = known
    if abs(_exact(row["TotalMoney"]) - money) > STEP:
        return MONEY_DIFFERS
    return ENERGY_DIFFERS if abs(_exact(row["TotalPower"]) - energy) > STEP else 0


def _exact(value: Any) -> Decimal:
    return Decimal(str(value))


def _sum(rows: Sequence[Mapping[str, Any]], name: str) -> Decimal:
    return sum((_exact(row[name]) for row in rows), Decimal(0))
