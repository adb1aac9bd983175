"""Whole sites as JSON documents.

A site: {"slot_h": 0.25, "base_load_kw": [...]} and, if wanted, "sessions", "feeders", "conductors" and
"current_limits" as in `optimizer.json_format`, "storages", "cars" (that feed back), "generators", "flexible_loads"
(each a list of objects with the fields of `optimizer.models`), "pv_kw", "price", "sell_price", "weight",
"import_max_kw", "export_max_kw" (a number or one per slot), "peak_price", "peak_so_far_kw", "confidence", "scenarios":
{"values": [[...], ...], "weights": [...]} in kW, and "availability": {"car-1": {"arrive": [...], "depart": [...],
"weights": [...]}} in slots.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

import numpy as np

from optimizer import json_format
from optimizer.models import Availability, FlexibleLoad, Generator, ScenarioSet, Storage, V2gSession
from optimizer.site import Site, SitePlan

LISTS: dict[str, type[Any]] = {
    "storages": Storage,
    "cars": V2gSession,
    "generators": Generator,
    "flexible_loads": FlexibleLoad,
}
ROWS = ("pv_kw", "price", "sell_price", "weight", "import_max_kw", "export_max_kw")
NUMBERS = ("peak_price", "peak_so_far_kw", "confidence")
PLAIN = ("slot_h", "base_load_kw", "sessions", "feeders", "conductors", "current_limits")
SETS = ("scenarios", "availability")
OWN = frozenset({*LISTS, *NUMBERS, *SETS, "pv_kw", "sell_price", "import_max_kw", "export_max_kw"})
"""Fields that make a document a site rather than a problem."""
Model = TypeVar("Model")


def is_site(document: object) -> bool:
    """Whether a JSON document describes a site."""
    return isinstance(document, dict) and bool(OWN & document.keys())


def read_site(text: str) -> Site:
    """The site in a JSON text; ValueError says what is wrong and where."""
    given = json.loads(text)
    if not isinstance(given, dict):
        raise ValueError("site: an object is expected")
    unknown = [key for key in given if key not in (*PLAIN, *LISTS, *ROWS, *NUMBERS, *SETS)]
    if unknown:
        raise ValueError(f"site: unknown field {', '.join(unknown)}")
    plain = {"sessions": [], **{key: given[key] for key in PLAIN if key in given}, "cap_kw": None}
    problem = json_format.read_problem(json.dumps(plain))
    given_fields: dict[str, Any] = {name: _models(name, given.get(name, []), model) for name, model in LISTS.items()}
    given_fields |= {name: _row(name, given[name], problem.slots) for name in ROWS if given.get(name) is not None}
    given_fields |= {name: _number(name, given[name]) for name in NUMBERS if name in given}
    some = given.get("scenarios")
    return Site(
        slot_h=problem.slot_h,
        base_load_kw=problem.base_load_kw,
        sessions=problem.sessions,
        feeders=problem.feeders,
        conductors=problem.conductors,
        current_limits=problem.current_limits,
        scenarios=None if some is None else _scenarios(some),
        availability=_availability(given.get("availability", {})),
        **given_fields,
    )


def _models(name: str, entries: object, model: type[Model]) -> tuple[Model, ...]:
    if not isinstance(entries, list):
        raise ValueError(f"{name}: a list is expected")
    return tuple(_model(f"{name}[{n}]", entry, model) for n, entry in enumerate(entries))


def _model(where: str, entry: object, model: type[Model]) -> Model:
    known = {field.name: field.default is MISSING for field in fields(model)}  # type: ignore[arg-type]
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where}: an object is expected")
    missing = [name for name, needed in known.items() if needed and name not in entry]
    unknown = [name for name in entry if name not in known]
    if missing or unknown:
        raise ValueError(f"{where}: {', '.join(missing or unknown)} is {'missing' if missing else 'unknown'}")
    try:
        return model(**entry)
    except TypeError as fault:
        raise ValueError(f"{where}: a field is not of the expected kind") from fault


def _row(name: str, value: object, slots: int) -> list[float]:
    values = value if isinstance(value, list) else [value] * slots
    return [np.inf if item is None and name.endswith("max_kw") else _number(name, item) for item in values]


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name}: a number is expected")
    return float(value)


def _scenarios(given: object) -> ScenarioSet:
    if not isinstance(given, Mapping) or "values" not in given:
        raise ValueError("scenarios: an object with values is expected")
    try:
        return ScenarioSet(given["values"], given.get("weights") or np.zeros(0))
    except TypeError as fault:
        raise ValueError("scenarios: tables of numbers expected") from fault


def _availability(given: object) -> dict[str, Availability]:
    if not isinstance(given, Mapping):
        raise ValueError("availability: an object by car expected")
    return {str(name): _one_availability(entry) for name, entry in given.items()}


def _one_availability(entry: object) -> Availability:
    if not isinstance(entry, Mapping) or not {"arrive", "depart"} <= entry.keys():
        raise ValueError("availability: arrive and depart expected for every car")
    rows = [entry[name] for name in ("arrive", "depart")] + [entry.get("weights") or []]
    if not all(isinstance(row, list) and all(isinstance(item, int | float) for item in row) for row in rows):
        raise ValueError("availability: lists of numbers expected")
    return Availability(*(np.array(row) for row in rows))


def site_plan_document(site: Site, plan: SitePlan) -> dict[str, Any]:
    """The plan with its proof; powers kW per slot, energies kWh."""
    batteries = [b.id for b in site.storages] + [c.id for c in site.cars]
    return {
        "objective": plan.objective,
        "lower_bound": plan.lower_bound,
        "gap": plan.gap,
        "cost": plan.cost,
        "peak_kw": plan.peak_kw,
        "iterations": plan.iterations,
        "slot_h": site.slot_h,
        "sessions": [
            {"id": s.id, "wanted_kwh": s.energy_kwh, "served_kwh": float(served), "power_kw": power.tolist()}
            for s, served, power in zip(site.sessions, plan.served_kwh, plan.power_kw, strict=True)
        ],
        "batteries": [
            {"id": name, "charge_kw": c.tolist(), "discharge_kw": d.tolist(), "stored_kwh": e.tolist()}
            for name, c, d, e in zip(batteries, plan.charge_kw, plan.discharge_kw, plan.stored_kwh, strict=True)
        ],
        "sources_kw": {name: power.tolist() for name, power in plan.source_kw.items()},
        "load_kw": plan.load_kw.tolist(),
        "slot_price": plan.slot_price.tolist(),
        **json_format.lacks(plan.shortfalls, plan.cap_soft),
    }
