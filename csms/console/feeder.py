"""`csms feeder`: the supply tree as it is configured; show it, change it, hang stations elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import typer

from csms.console import units
from csms.console.client import ApiClient, Refused, path_segment
from csms.console.layout import Cell, Column
from csms.console.many import ask_all, chosen, report, stations_argument
from csms.console.work import Output, example, group, json_option, url_option, work
from csms.texts import Text

CURVE = 96
"""Values of a base load by quarter-hour of the day."""


def build(text: Text) -> typer.Typer:
    """The command group."""
    app = group(text, "feeder")
    for mount in (_list, _show, _set, _move, _remove, _forget_meter):
        mount(app, text)
    return app


def _feeder_argument(text: Text) -> Any:
    return typer.Argument(help=text("feeder.option.feeder"), metavar="FEEDER")


def _list(app: typer.Typer, text: Text) -> None:
    @app.command("list", help=text("feeder.list.help"), epilog=example(text, "csms feeder list"))
    def list_(url: str = url_option(text), as_json: bool = json_option(text)) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.get("/feeder-tree")
            if as_json:
                out.document(answer)
            else:
                out.table(*_table(text, answer["feeders"]))


def _table(text: Text, feeders: list[dict[str, Any]]) -> tuple[list[Column], list[list[Cell]]]:
    figures = ("rating_w", "lowest_cap_w", "floors_w", "floor_room_w")
    columns = [Column(text("feeder.column.feeder"))]
    columns += [Column(text(f"feeder.column.{name}"), right=True, whole=True) for name in (*figures, "stations")]
    columns.append(Column(text("feeder.column.origin"), whole=True))
    rows: list[list[Cell]] = [
        [
            "  " * depth + feeder["feeder_id"],
            *(units.kilo(feeder[name]) for name in figures),
            str(len(feeder["stations"])),
            text(f"feeder.origin.{feeder['origin']}"),
        ]
        for depth, feeder in _as_tree(feeders)
    ]
    return columns, rows


def _as_tree(feeders: list[dict[str, Any]], parent: str | None = None, depth: int = 0) -> Iterator[tuple[int, Any]]:
    for feeder in feeders:
        if feeder["parent_id"] == parent:
            yield depth, feeder
            yield from _as_tree(feeders, feeder["feeder_id"], depth + 1)


def _show(app: typer.Typer, text: Text) -> None:
    @app.command("show", help=text("feeder.show.help"), epilog=example(text, "csms feeder show T1"))
    def show(
        feeder: str = _feeder_argument(text), url: str = url_option(text), as_json: bool = json_option(text)
    ) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.get(f"/feeders/{path_segment(feeder)}")
            if as_json:
                out.document(answer)
            else:
                _record(text, out, answer)


def _record(text: Text, out: Output, feeder: dict[str, Any]) -> None:
    loads = feeder["base_load_w"]
    load = units.kilo(loads[0]) if len(loads) == 1 else f"{units.kilo(min(loads))} – {units.kilo(max(loads))}"
    names = ("rating_w", "lowest_cap_w", "lowest_ordered_w", "floors_w", "floor_room_w")
    out.record(
        {
            text("feeder.column.feeder"): feeder["feeder_id"],
            text("feeder.column.parent"): feeder["parent_id"] or units.NOTHING,
            text("feeder.column.origin"): text(f"feeder.origin.{feeder['origin']}"),
            **{text(f"feeder.column.{name}"): units.kilo(feeder[name]) for name in names},
            text("feeder.column.base_load"): load,
            **_phases(text, feeder),
            text("feeder.column.stations"): ", ".join(feeder["stations"]) or units.NOTHING,
        }
    )
    for one in feeder["leaving"]:
        out.line(text("feeder.leaving", station=one["station_id"], until=units.local_time(one["until"])))


def _phases(text: Text, feeder: dict[str, Any]) -> dict[str, str]:
    if feeder["phase_a"] is None:
        return {}
    bounds = " / ".join(f"{bound:.1f}" for bound in feeder["phase_bounds_a"])
    return {
        text("feeder.column.phase_a"): f"{feeder['phase_a']:g}",
        text("feeder.column.phase_bounds"): bounds or units.NOTHING,
    }


def _set(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms feeder set T2 --parent site --rating-kw 250 --lowest-cap-kw 60")

    @app.command("set", help=text("feeder.set.help"), epilog=shown)
    def set_(
        feeder: str = _feeder_argument(text),
        parent: str | None = typer.Option(None, "--parent", help=text("feeder.set.parent")),
        root: bool = typer.Option(False, "--root", help=text("feeder.set.root")),
        rating_kw: float | None = typer.Option(None, "--rating-kw", help=text("feeder.set.rating")),
        lowest_cap_kw: float | None = typer.Option(None, "--lowest-cap-kw", help=text("feeder.set.lowest_cap")),
        base_load_kw: str | None = typer.Option(None, "--base-load-kw", help=text("feeder.set.base_load")),
        phase_a: float | None = typer.Option(None, "--phase-a", min=0, help=text("feeder.set.phase")),
        lower_floors: bool = typer.Option(False, "--lower-floors", help=text("feeder.lower_floors")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        given: dict[str, Any] = {
            "rating_w": _watts(text, rating_kw, "--rating-kw"),
            "lowest_cap_w": _watts(text, lowest_cap_kw, "--lowest-cap-kw"),
            "base_load_w": _loads(text, base_load_kw),
            "parent_id": parent,
            "phase_a": phase_a or None,
        }
        with work(text, url, as_json) as (api, out):
            known = _known(api, feeder)
            if known is None and rating_kw is None:
                raise typer.BadParameter(text("feeder.set.new_needs_rating"), param_hint="--rating-kw")
            body = (known or {}) | {name: value for name, value in given.items() if value is not None}
            body |= {"lower_floors": lower_floors} | ({"parent_id": None} if root else {})
            body |= {"phase_a": None} if phase_a == 0 else {}
            answer = api.put(f"/feeders/{path_segment(feeder)}", body)
            if as_json:
                out.document(answer)
            else:
                out.line(text("feeder.set.done", feeder=feeder, rating=units.kilo(answer["rating_w"])))


def _known(api: ApiClient, feeder: str) -> dict[str, Any] | None:
    """What of the feeder as it is goes into a body; None when there is none."""
    try:
        answer = api.get(f"/feeders/{path_segment(feeder)}")
    except Refused as fault:
        if fault.code != "unknown_feeder":
            raise
        return None
    return {name: answer[name] for name in ("parent_id", "rating_w", "lowest_cap_w", "base_load_w", "phase_a")}


def _watts(text: Text, kw: float | None, hint: str) -> int | None:
    if kw is not None and not (math.isfinite(kw) and kw >= 0):
        raise typer.BadParameter(text("feeder.bad_power", value=kw), param_hint=hint)
    return None if kw is None else round(kw * 1000)


def _loads(text: Text, words: str | None) -> list[int] | None:
    """One value or 96 with commas between."""
    if words is None:
        return None
    try:
        loads = [_watts(text, float(part), "--base-load-kw") for part in words.split(",")]
    except ValueError:
        loads = []
    if len(loads) not in (1, CURVE):
        raise typer.BadParameter(text("feeder.set.bad_base_load", value=words), param_hint="--base-load-kw")
    return [load for load in loads if load is not None]


def _move(app: typer.Typer, text: Text) -> None:
    @app.command("move", help=text("feeder.move.help"), epilog=example(text, "csms feeder move CP-1,CP-2 --to T2"))
    def move(
        stations: str = stations_argument(text),
        to: str = typer.Option(..., "--to", help=text("feeder.move.to"), metavar="FEEDER"),
        lower_floors: bool = typer.Option(False, "--lower-floors", help=text("feeder.lower_floors")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        body = {"feeder_id": to, "lower_floors": lower_floors}

        def ask(api: ApiClient, station_id: str) -> dict[str, Any]:
            moved = api.put(f"/stations/{path_segment(station_id)}/feeder", body)
            both = moved["both_until"]
            status = text("feeder.move.both", until=units.local_time(both)) if both else text("feeder.move.done")
            return {**moved, "status": status}

        with work(text, url, as_json) as (api, out):
            report(out, ask_all(out, api, chosen(text, api, stations), ask))


def _remove(app: typer.Typer, text: Text) -> None:
    @app.command("remove", help=text("feeder.remove.help"), epilog=example(text, "csms feeder remove T2"))
    def remove(
        feeder: str = _feeder_argument(text), url: str = url_option(text), as_json: bool = json_option(text)
    ) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.delete(f"/feeders/{path_segment(feeder)}")
            if as_json:
                out.document(answer or {"feeder_id": feeder, "removed": True})
            else:
                out.line(text("feeder.remove.done", feeder=feeder))


def _forget_meter(app: typer.Typer, text: Text) -> None:
    @app.command("forget-meter", help=text("feeder.forget.help"), epilog=example(text, "csms feeder forget-meter T2"))
    def forget_meter(
        feeder: str = _feeder_argument(text), url: str = url_option(text), as_json: bool = json_option(text)
    ) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.delete(f"/feeders/{path_segment(feeder)}/base-load")
            if as_json:
                out.document(answer)
            else:
                said = "feeder.forget.done" if answer["was_known"] else "feeder.forget.unknown"
                out.line(text(said, feeder=feeder))
