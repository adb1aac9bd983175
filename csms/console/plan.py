"""`csms plan`: show, explain."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import typer
from rich.text import Text as Styled

from csms.console import units
from csms.console.layout import Cell, Column
from csms.console.work import Output, example, group, json_option, url_option, work
from csms.texts import Text

BARS = " ▁▂▃▄▅▆▇█"


def build(text: Text) -> typer.Typer:
    """The command group."""
    app = group(text, "plan")

    @app.command("show", help=text("plan.show.help"), epilog=example(text, "csms plan show north"))
    def show(
        feeder: str = typer.Argument(help=text("plan.option.feeder"), metavar="FEEDER"),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            plan = api.get(f"/plans/{feeder}")
            if as_json:
                out.document(plan)
            else:
                _show(text, out, plan)

    @app.command("explain", help=text("plan.explain.help"), epilog=example(text, "csms plan explain north"))
    def explain(
        feeder: str = typer.Argument(help=text("plan.option.feeder"), metavar="FEEDER"),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            plan = api.get(f"/plans/{feeder}")
            if as_json:
                out.document(reasons(plan["content"]))
            else:
                for line in _explained(text, plan):
                    out.line(line)

    return app


def reasons(content: Mapping[str, Any]) -> dict[str, Any]:
    """What a plan was made of, in figures: kW, kWh, how many."""
    slot_h = float(content.get("slot_h", 0.25))
    caps = [cap for cap in content.get("cap_kw", []) if cap is not None]
    sessions, shortfalls = content.get("sessions", []), content.get("shortfalls", [])
    found: dict[str, Any] = {
        "cap_kw": [min(caps), max(caps)] if caps else None,
        "base_kw": [min(base), max(base)] if (base := content.get("base_kw")) else None,
        "cars": len(sessions),
        "wanted_kwh": round(sum(row.get("energy_kwh", 0.0) for row in sessions), 1),
        "planned_kwh": round(sum(content.get("charging_kw", [])) * slot_h, 1),
        "short_kwh": round(sum(row["kwh"] for row in shortfalls), 1),
        "forecast": None,
    }
    if forecast := content.get("forecast"):
        found["forecast"] = {
            "made_at": forecast["made_at"],
            "kinds": len(forecast["expected"]),
            "expected_kwh": round(sum(row["energy_kwh"] for row in forecast["expected"]), 1),
            "kept_kwh": round(sum(forecast["expected_kw"]) * slot_h, 1),
        }
    return found


def _explained(text: Text, plan: dict[str, Any]) -> list[str]:
    """One thing in a line."""
    why = reasons(plan["content"])
    lines = [text("plan.explain.made", at=units.local_time(plan["made_at"]), cause=plan["cause"])]
    for name in ("cap_kw", "base_kw"):
        if why[name] is not None:
            low, high = (f"{value:,.1f}" for value in why[name])
            lines.append(text(f"plan.explain.{name}", low=low, high=high))
    lines.append(text("plan.explain.cars", cars=why["cars"], wanted=why["wanted_kwh"], planned=why["planned_kwh"]))
    if why["short_kwh"]:
        lines.append(text("plan.explain.short", kwh=why["short_kwh"]))
    forecast = why["forecast"]
    if forecast is None:
        return [*lines, text("plan.explain.no_forecast")]
    at = units.local_time(forecast["made_at"])
    lines.append(text("plan.explain.forecast", at=at))
    expected = {"expected": forecast["expected_kwh"], "kept": forecast["kept_kwh"]}
    return [*lines, text("plan.explain.expected", **expected)]


def _show(text: Text, out: Output, plan: dict[str, Any]) -> None:
    out.record(
        {
            text("plan.feeder"): plan["feeder_id"],
            text("plan.made"): units.local_time(plan["made_at"]),
            text("plan.cause"): plan["cause"],
            text("plan.method"): plan["method"],
            text("plan.gap"): f"{plan['gap']:.1e}",
            text("plan.solve"): f"{plan['solve_s'] * 1000:.0f} ms",
            text("plan.forecast"): _forecast_of(text, plan["content"]),
        }
    )
    content = plan["content"]
    _picture(text, out, content)
    for name in ("sessions", "shortfalls"):
        rows = content.get(name)
        if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
            out.line("")
            out.line(text(f"plan.{name}"))
            out.table(*_table(rows))


def _forecast_of(text: Text, content: dict[str, Any]) -> str:
    """When the forecast was made that the plan kept in mind."""
    forecast = content.get("forecast")
    return units.local_time(forecast["made_at"]) if forecast else text("plan.none")


def _picture(text: Text, out: Output, content: dict[str, Any]) -> None:
    """Load of each slot as a bar against the highest cap: base load in grey, with charging in its colour below."""
    base, charging = content.get("base_kw"), content.get("charging_kw")
    if not base or not charging or len(base) != len(charging):
        return
    load = [b + c for b, c in zip(base, charging, strict=True)]
    top_kw = max([*load, *(cap for cap in content.get("cap_kw", []) if cap is not None), 0.1])
    out.line("")
    out.line(text("plan.load", top=f"{top_kw:,.1f}", peak=f"{max(load):,.1f}"))
    room = out.console.width
    out.line(Styled(bars(load, top_kw, room), units.STATE_COLOURS["Charging"]))
    out.line(Styled(bars(base, top_kw, room), units.STATE_COLOURS["Unknown"]))


def bars(values: Sequence[float], top: float, room: int) -> str:
    """One character per value, or per group of values (their highest) where there are more than `room`."""
    step = -(-len(values) // room)
    highest = [max(values[start : start + step]) for start in range(0, len(values), step)]
    return "".join(BARS[min(len(BARS) - 1, math.ceil(max(0.0, value) / top * (len(BARS) - 1)))] for value in highest)


def _table(rows: list[dict[str, Any]]) -> tuple[list[Column], list[list[Cell]]]:
    """Rows of the plan under their own names; lists (power by slot) are left to `--json`."""
    names = [name for name, value in rows[0].items() if not isinstance(value, (list, dict))]
    columns = [Column(name, right=isinstance(rows[0][name], (int, float))) for name in names]
    return columns, [[_plain(name, row.get(name)) for name in names] for row in rows]


def _plain(name: str, value: Any) -> str:
    if name == "departure" and isinstance(value, str):
        return units.local_time(value)
    if isinstance(value, float):
        return f"{value:,.1f}"
    return units.NOTHING if value is None else str(value)
