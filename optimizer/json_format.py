"""Problems and plans as JSON documents.

A problem: {"slot_h": 0.25, "base_load_kw": [...], "cap_kw": [...], "sessions": [...], "weight": [...], "price":
[...], "feeders": [...], "conductors": {...}, "current_limits": [...], "fairness": "priority", "earliest departure" or
"equal share"}. All from weight on may be left out. A list has one number per slot; one plain number stands for all
slots (except for the base load of the site, whose length counts the slots); null in cap_kw means no cap. A session:
{"id": "a", "arrival_slot": 0, "departure_slot": 8, "power_max_kw": 7.0, "energy_kwh": 10.5} and, if wanted, "priority"
(higher is served first), "power_min_kw", "feeder", "lines" (conductors: "1", "23", "123", "1-2", "?"). A feeder:
{"id": "north", "cap_kw": 40} and, if wanted, "parent" (another feeder), "base_load_kw" and "conductors": {"cap_a": 63,
"unbalance_a": 20, "base_a": [5, 8, 3], "neutral_v": 230}, as for the site. A current limit: {"id": "pod", "limit_a":
80, "weights": {"1-2": 1, "1-3": [-0.5, 0.866]}, "feeder": "north"}, a weight a number or [real, imaginary].
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from optimizer.arrays import FloatArray
from optimizer.conductors import Conductors, CurrentLimit
from optimizer.problem import CapSoft, EvSession, Feeder, Plan, Problem, Shortfall

PROBLEM_KEYS = {
    "slot_h": True,
    "base_load_kw": True,
    "cap_kw": True,
    "sessions": True,
    "weight": False,
    "price": False,
    "feeders": False,
    "conductors": False,
    "current_limits": False,
    "fairness": False,
}
SESSION_KEYS = {
    "id": True,
    "arrival_slot": True,
    "departure_slot": True,
    "power_max_kw": True,
    "energy_kwh": True,
    "priority": False,
    "power_min_kw": False,
    "feeder": False,
    "lines": False,
}
FEEDER_KEYS = {"id": True, "cap_kw": True, "parent": False, "base_load_kw": False, "conductors": False}
CONDUCTOR_KEYS = {"cap_a": False, "unbalance_a": False, "base_a": False, "neutral_v": False}
LIMIT_KEYS = {"id": True, "limit_a": True, "weights": True, "feeder": False, "neutral_v": False}
WHOLE = frozenset({"arrival_slot", "departure_slot", "priority"})
Made = TypeVar("Made")
TEXTS = frozenset({"id", "feeder", "lines"})


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


def _object(where: str, value: object, keys: Mapping[str, bool]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where}: an object is expected")
    missing = [key for key, needed in keys.items() if needed and key not in value]
    unknown = [key for key in value if key not in keys]
    if missing:
        raise ValueError(f"{where}: {', '.join(missing)} is missing")
    if unknown:
        raise ValueError(f"{where}: unknown field {', '.join(unknown)}")
    return value


def _number(where: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{where}: a number is expected, got {json.dumps(value, default=str)[:40]}")
    try:
        return float(value)
    except OverflowError as error:
        raise ValueError(f"{where}: this number is too large") from error


def _whole(where: str, value: object) -> int:
    number = _number(where, value)
    if not number.is_integer() or abs(number) > 2**31:
        raise ValueError(f"{where}: a whole number is expected, got {number:g}")
    return int(number)


def _series(name: str, value: object, slots: int | None) -> list[float]:
    if not isinstance(value, list):
        if slots is None:
            raise ValueError(f"{name}: a list with one number per slot is expected")
        value = [value] * slots
    absent = math.inf if name.endswith("cap_kw") else None
    return [
        absent if item is None and absent is not None else _number(f"{name}[{i}]", item) for i, item in enumerate(value)
    ]


def _session(where: str, value: object) -> EvSession:
    given = _object(where, value, SESSION_KEYS)
    fields: dict[str, Any] = {
        key: _whole(f"{where}.{key}", item) if key in WHOLE else _number(f"{where}.{key}", item)
        for key, item in given.items()
        if key not in TEXTS
    }
    if "lines" in given:
        fields["lines"] = _text(f"{where}.lines", given["lines"])
    return EvSession(id=_text(f"{where}.id", given["id"]), feeder=_text(f"{where}.feeder", given, "feeder"), **fields)


def _text(where: str, value: object, key: str = "") -> str:
    """A text that is not empty; of an object the field `key`, which may be missing or empty."""
    if key and isinstance(value, dict):
        value = value.get(key) or " "
    if not isinstance(value, str) or not value:
        raise ValueError(f"{where}: a text is expected")
    return value.strip()


def _feeder(where: str, value: object, slots: int) -> Feeder:
    given = _object(where, value, FEEDER_KEYS)
    base = given.get("base_load_kw")
    return Feeder(
        id=_text(f"{where}.id", given["id"]),
        cap_kw=_series(f"{where}.cap_kw", given["cap_kw"], slots),  # type: ignore[arg-type]
        parent=_text(f"{where}.parent", given, "parent"),
        base_load_kw=None if base is None else _series(f"{where}.base_load_kw", base, slots),  # type: ignore[arg-type]
        conductors=_conductors(f"{where}.conductors", given.get("conductors")),
    )


def _table(where: str, value: object) -> ArrayLike:
    """A number, a list, or lists in a list; null stands for no limit."""
    if isinstance(value, list):
        return [_table(f"{where}[{n}]", item) for n, item in enumerate(value)]  # type: ignore[return-value]
    return math.inf if value is None else _number(where, value)


def _conductors(where: str, value: object) -> Conductors | None:
    if value is None:
        return None
    given = _object(where, value, CONDUCTOR_KEYS)
    volts = {"neutral_v": _number(f"{where}.neutral_v", given["neutral_v"])} if "neutral_v" in given else {}
    rows = {name: _table(f"{where}.{name}", given[name]) for name in CONDUCTOR_KEYS if name in given}
    return _made(where, Conductors, rows | volts)


def _current_limit(where: str, value: object) -> CurrentLimit:
    given = _object(where, value, LIMIT_KEYS)
    if not isinstance(given["weights"], Mapping):
        raise ValueError(f"{where}.weights: an object is expected")
    fields: dict[str, Any] = {
        "id": _text(f"{where}.id", given["id"]),
        "limit_a": _table(f"{where}.limit_a", given["limit_a"]),
        "weights": {key: _complex(f"{where}.weights.{key}", item) for key, item in given["weights"].items()},
        "feeder": _text(f"{where}.feeder", given, "feeder"),
    }
    if "neutral_v" in given:
        fields["neutral_v"] = _number(f"{where}.neutral_v", given["neutral_v"])
    return _made(where, CurrentLimit, fields)


def _complex(where: str, value: object) -> complex:
    parts = value if isinstance(value, list) else [value, 0.0]
    if len(parts) != 2:
        raise ValueError(f"{where}: a number or [real, imaginary] is expected")
    return complex(_number(where, parts[0]), _number(where, parts[1]))


def _made(where: str, kind: type[Made], fields: Mapping[str, Any]) -> Made:
    try:
        return kind(**fields)
    except ValueError as fault:
        raise ValueError(f"{where}: {fault}") from fault


def read_problem(text: str) -> Problem:
    """The problem in a JSON text; ValueError says what is wrong and where."""
    try:
        document = json.loads(text, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    given = _object("problem", document, PROBLEM_KEYS)
    if not isinstance(given["sessions"], list):
        raise ValueError("sessions: a list is expected")
    feeders = given.get("feeders", [])
    if not isinstance(feeders, list):
        raise ValueError("feeders: a list is expected")
    limits = given.get("current_limits", [])
    if not isinstance(limits, list):
        raise ValueError("current_limits: a list is expected")
    base = _series("base_load_kw", given["base_load_kw"], None)
    optional = {
        name: _series(name, given[name], len(base)) for name in ("weight", "price") if given.get(name) is not None
    }
    return Problem(
        slot_h=_number("slot_h", given["slot_h"]),
        base_load_kw=base,  # type: ignore[arg-type]  # Problem makes arrays of lists
        cap_kw=_series("cap_kw", given["cap_kw"], len(base)),  # type: ignore[arg-type]
        sessions=tuple(_session(f"sessions[{i}]", item) for i, item in enumerate(given["sessions"])),
        feeders=tuple(_feeder(f"feeders[{i}]", item, len(base)) for i, item in enumerate(feeders)),
        conductors=_conductors("conductors", given.get("conductors")),
        fairness=_text("fairness", given.get("fairness", "priority")),  # type: ignore[arg-type]  # Problem checks it
        current_limits=tuple(_current_limit(f"current_limits[{i}]", item) for i, item in enumerate(limits)),
        **optional,  # type: ignore[arg-type]
    )


def _caps(values: FloatArray) -> list[float | None]:
    return [None if math.isinf(cap) else cap for cap in values.tolist()]


def problem_document(problem: Problem) -> dict[str, Any]:
    """The problem as `read_problem` takes it."""
    document: dict[str, Any] = {
        "slot_h": problem.slot_h,
        "base_load_kw": problem.base_load_kw.tolist(),
        "cap_kw": _caps(problem.cap_kw),
        "sessions": [{key: getattr(s, key) for key in SESSION_KEYS} for s in problem.sessions],
    }
    for name in ("weight", "price"):
        values = getattr(problem, name)
        if values is not None:
            document[name] = values.tolist()
    if problem.feeders:
        document["feeders"] = [_feeder_document(feeder) for feeder in problem.feeders]
    if problem.conductors is not None:
        document["conductors"] = _conductors_document(problem.conductors)
    if problem.fairness != "priority":
        document["fairness"] = problem.fairness
    if problem.current_limits:
        document["current_limits"] = [_limit_document(limit) for limit in problem.current_limits]
    return document


def _conductors_document(given: Conductors) -> dict[str, Any]:
    document: dict[str, Any] = {name: _nulls(np.asarray(getattr(given, name)).tolist()) for name in CONDUCTOR_KEYS}
    return {name: value for name, value in document.items() if value is not None}


def _limit_document(limit: CurrentLimit) -> dict[str, Any]:
    weights = {key: [complex(item).real, complex(item).imag] for key, item in limit.weights.items()}
    limit_a = _nulls(np.asarray(limit.limit_a).tolist())
    return {
        "id": limit.id, "limit_a": limit_a, "weights": weights, "feeder": limit.feeder, "neutral_v": limit.neutral_v
    }  # fmt: skip


def _nulls(value: Any) -> Any:
    """No limit is null in JSON."""
    if isinstance(value, list):
        return [_nulls(item) for item in value]
    return None if value is not None and math.isinf(value) else value


def _feeder_document(feeder: Feeder) -> dict[str, Any]:
    document: dict[str, Any] = {"id": feeder.id, "cap_kw": _caps(feeder.cap_kw), "parent": feeder.parent}
    if feeder.base_load_kw is not None:
        document["base_load_kw"] = feeder.base_load_kw.tolist()
    if feeder.conductors is not None:
        document["conductors"] = _conductors_document(feeder.conductors)
    return document


def plan_document(problem: Problem, plan: Plan) -> dict[str, Any]:
    """The plan with its proof; powers kW per slot, energies kWh, prices per kWh."""
    return {
        "objective": plan.objective,
        "lower_bound": plan.lower_bound,
        "gap": plan.gap,
        "method": plan.method,
        "iterations": plan.iterations,
        "slot_h": problem.slot_h,
        "sessions": [
            {"id": s.id, "wanted_kwh": s.energy_kwh, "served_kwh": float(served), "power_kw": power.tolist()}
            for s, served, power in zip(problem.sessions, plan.served_kwh, plan.power_kw, strict=True)
        ],
        "load_kw": problem.load_kw(plan.power_kw).tolist(),
        "slot_price": plan.slot_price.tolist(),
        "cap_price": plan.cap_price.tolist(),
        **lacks(plan.shortfalls, plan.cap_soft),
    }


def lacks(shortfalls: Iterable[Shortfall], cap_soft: Iterable[CapSoft]) -> dict[str, list[dict[str, Any]]]:
    """Who lacks what, and where the base load alone is too much."""
    return {
        "shortfalls": [
            {"session_id": s.session_id, "energy_kwh": s.energy_kwh, "reason": s.reason, "feeder": s.feeder}
            | ({"line": s.line} if s.line else {})
            for s in shortfalls
        ],
        "cap_soft": [
            {"slot": c.slot, "excess_kw": c.excess_kw, "feeder": c.feeder}
            | ({"line": c.line, "excess_a": c.excess_a} if c.line else {})
            for c in cap_soft
        ],
    }
