"""The siting report as plain numbers: what JSON, CSV and the page say is this, rounded once. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

import numpy as np

from monitor.siting.area import Area
from monitor.siting.datum import Fit
from monitor.siting.holdout import Judged
from monitor.siting.plan import NEIGHBOUR_KM, REASONS, Plan, Proposal, Rejected
from monitor.siting.presence import USERS_MIN
from monitor.siting.surroundings import RINGS_KM

VERSION = 1
PLACE = ("longitude", "latitude")


def document_of(area: Area, fit: Fit, judged: Judged, plan: Plan, made_at: str) -> dict[str, Any]:
    """Everything that the report shows; energies are kWh a day unless named otherwise."""
    document = {
        "version": VERSION,
        "area": area.name,
        "made_at": made_at,
        "data": _data(area, fit),
        "skill": {"verdict": judged.verdict, **asdict(judged)},
        "wishes": asdict(plan.wishes),
        "assumed": {
            "piles": plan.piles,
            "break_even_kwh": plan.break_even_kwh,
            "break_even_given": plan.wishes.break_even_kwh is not None,
            "busiest_share": plan.busiest_share,
            "busiest_measured": area.hourly is not None and plan.wishes.busiest_share is None,
            "session_kwh": plan.session_kwh,
            "session_measured": area.session_kwh is not None and plan.wishes.session_kwh is None,
            "rings_km": list(RINGS_KM),
            "users_min": USERS_MIN,
            "neighbour_km": NEIGHBOUR_KM,
            "field": plan.field,
        },
        "market": _market(plan),
        "choice": {
            "candidates": plan.candidates,
            "chosen": len(plan.proposals),
            "unmet_kwh": plan.unmet_kwh,
            "reached": plan.reached,
            "gap": plan.gap,
            "greedy_share": plan.greedy_share,
            "firm": _firm(plan),
            "same_least": min((one.same for one in plan.variants), default=0),
            "near_least": min((one.near for one in plan.variants), default=0),
            "reasons": {name: Counter(one.reason for one in plan.rejected)[name] for name in REASONS},
        },
        "proposals": [_proposal(number, one) for number, one in enumerate(plan.proposals, 1)],
        "rejected": [asdict(one) for one in sorted(plan.rejected, key=_closest)],
        "variants": [asdict(one) for one in plan.variants],
    }
    rounded: dict[str, Any] = _rounded(document)
    return rounded


def _closest(one: Rejected) -> tuple[int, float, str]:
    """By reason, those that came nearest to being proposed first."""
    sign = 1.0 if one.reason == "unknown_ground" else -1.0
    return REASONS.index(one.reason), sign * one.figure, one.name


def _firm(plan: Plan) -> bool:
    """Whether at least half of the proposals have one in their neighbourhood with every other radius and decay."""
    return all(2 * one.near >= len(plan.proposals) for one in plan.variants)


def _data(area: Area, fit: Fit) -> dict[str, Any]:
    sites, notes = area.sites, area.notes
    rows = len(sites) + notes.get("without_place", 0)
    checks = {
        name: 1.0 - notes.get(name, 0) / rows
        for name in ("without_place", "without_piles", "unused", "busier_than_time")
    }
    return {
        "sites": len(sites),
        "used_sites": len(area.used.sites),
        "piles": float(sites.piles.sum()),
        "points": len(area.longitude),
        "cells_with_users": None if area.presence is None else len(area.presence),
        "transformers": len(area.transformers) if area.transformers else 0,
        "span_h": area.span_h,
        "span_known": area.span_known,
        "span": area.span,
        "energy_kwh": float(sites.energy_kwh.sum()),
        "counted": area.sites.counted.shape[1],
        "bounded": area.bounds is not None,
        "full_known": bool(np.isfinite(sites.full_h).any()),
        "datum": {"chosen": fit.chosen, "median_m": {name: 1000.0 * km for name, km in fit.median_km.items()}},
        "notes": dict(notes),
        "checks": checks,
        "quality": 100.0 * float(np.mean(list(checks.values()))),
    }


def _market(plan: Plan) -> dict[str, Any]:
    market = plan.market
    low, high = (market.quantile(share) for share in (0.05, 0.95))
    columns = {
        "supply_kwh": market.supply, "demand_kwh": market.demand, "demand_low_kwh": low, "demand_high_kwh": high,
        "gap_kwh": market.gap, "unmet_kwh": market.unmet, "gap_sure": market.sure, "sites": market.sites,
        "piles": market.piles,
    }  # fmt: skip
    cells = [
        {"cell": cell, **{name: float(values[row]) for name, values in columns.items()}}
        for row, cell in enumerate(market.cells)
    ]
    totals = {"supply_kwh": float(market.supply.sum()), "demand_kwh": float(market.demand.sum())}
    return {"alpha": market.alpha, "slopes": market.slopes.tolist(), "seen": market.seen, **totals, "cells": cells}


def _proposal(number: int, one: Proposal) -> dict[str, Any]:
    document = {"number": number, **asdict(one)}
    document["load_kw"] = one.size.load_kw
    document["size_at_limit"], document["size_high_at_limit"] = one.size.at_limit, one.size_high.at_limit
    document["room_left_kw"] = None if one.room_kw is None else one.room_kw - one.size.load_kw
    return document


def _rounded(value: Any) -> Any:
    """Six significant digits, places to a tenth of a metre; what is not finite is null, which JSON can say."""
    if isinstance(value, dict):
        return {name: round(one, 6) if name in PLACE else _rounded(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value


def tables(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The CSV files of a report: name -> rows, what is nested being spread out as `kind.name`."""
    skill = [
        {"split": split, "method": method, **_flat(scores)}
        for split, methods in document["skill"]["scores"].items()
        for method, scores in methods.items()
    ]
    return {
        "proposals": [_flat(one) for one in document["proposals"]],
        "rejected": document["rejected"],
        "cells": document["market"]["cells"],
        "skill": skill,
        "variants": document["variants"],
    }


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    named = value.items() if isinstance(value, dict) else enumerate(value, 1)
    found: dict[str, Any] = {}
    for name, one in named:
        path = f"{prefix}{name}"
        found |= _flat(one, f"{path}.") if isinstance(one, dict | list) else {path: one}
    return found
