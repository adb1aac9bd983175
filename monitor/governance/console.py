"""`csms data`: import files, look at repairs, decide on what is held in quarantine, make a city."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from csms.model.clock import clock_from_environment
from csms.texts import Text
from monitor.console import work
from monitor.console.work import FAILED, USAGE, json_option
from monitor.governance import gather_console, judge_console, origin_console, rules_console, synthetic_console
from monitor.governance.store_console import data_dir_option, limit_option, note_option, on_store

if TYPE_CHECKING:
    from monitor.governance.mapping import FileMapping

SHIPPED = Path(__file__).parent / "mappings"


def build(text: Text) -> typer.Typer:
    """The command group."""
    made = (_import, gather_console.gather, _orders, gather_console.export)
    told = (gather_console.lineage, origin_console.mount, gather_console.scores, rules_console.mount)
    righted = (_repairs, gather_console.undo, judge_console.mount, synthetic_console.mount)
    app = work.group(text, "data", (*made, *told, *righted))
    app.add_typer(work.group(text, "data.quarantine", (_list, _show, _release, _drop)), name="quarantine")
    return app


def _mapping(text: Text, named: str, as_json: bool) -> FileMapping:
    from monitor.governance.mapping import read_mapping

    shipped = SHIPPED / f"{named}.toml"
    path = shipped if shipped.is_file() else Path(named)
    if not path.is_file():
        there = ", ".join(sorted(one.stem for one in SHIPPED.glob("*.toml")))
        work.fail(text("data.no_mapping", named=named, there=there), USAGE, as_json, "no_mapping")
    return work.read(text, path, as_json, lambda path: read_mapping(path.read_text(encoding="utf-8")))


def _import(app: typer.Typer, text: Text) -> None:
    shown = work.example(text, "csms data import sessions.csv.gz --mapping perth --data-dir d")

    @app.command("import", help=text("data.import.help"), epilog=shown)
    def import_(
        files: list[Path] = typer.Argument(..., metavar="FILE...", help=text("data.option.files")),
        mapping: str = typer.Option(..., "--mapping", help=text("data.option.mapping")),
        data_dir: Path = data_dir_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.governance.importing import import_file

        read = _mapping(text, mapping, as_json)
        now = clock_from_environment().now()
        made = []
        with Console(stderr=True, quiet=as_json).status("") as status:
            for path in files:
                status.update(path.name)
                made.append(
                    on_store(text, data_dir, as_json, lambda s, p=path: import_file(s, p, read, now), make=True)  # type: ignore[misc]
                )
        if as_json:
            work.document([asdict(each) for each in made])
            return
        for each in made:
            words = "data.known" if each.already_known else "data.imported"
            typer.echo(text(words, **{**asdict(each), "repairs": sum(each.repairs.values())}))
            for reason, count in sorted(each.reasons.items()):
                typer.echo(f"  {count:>7}  {text(f'data.reason.{reason}')}")
            for cause, count in sorted(each.causes.items()):
                typer.echo(f"  {count:>7}  {text('data.doubted', rule=rules_console.named(text, cause))}")


def _orders(app: typer.Typer, text: Text) -> None:
    shown = work.example(text, "csms data orders --data-dir d --doubted")

    @app.command("orders", help=text("data.orders.help"), epilog=shown)
    def orders(
        data_dir: Path = data_dir_option(text),
        doubted: bool = typer.Option(False, "--doubted", help=text("data.option.doubted")),
        kind: str = typer.Option("", "--from", metavar="file|stations|partner", help=text("data.option.kind")),
        limit: int = limit_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.store.governance_rows import document
        from monitor.store.governance_tables import Kind

        if kind and kind not in set(Kind):
            work.fail(text("data.no_kind", kind=kind), USAGE, as_json, "no_kind")
        wanted = Kind(kind) if kind else None
        found = on_store(text, data_dir, as_json, lambda store: store.orders(limit, doubted=doubted, kind=wanted))
        if as_json:
            work.document([document(row, source=name) for row, name in found])
            return
        for row, name in found:
            when = f"{row.start:%Y-%m-%d %H:%M} - {row.end:%Y-%m-%d %H:%M} UTC"
            told = f"{row.number}  {when}  {row.energy_wh / 1000:.3f} kWh  {row.cause}".rstrip()
            typer.echo(f"{row.id:>6}  {name}:{row.key}  {told}")


def _repairs(app: typer.Typer, text: Text) -> None:
    shown = work.example(text, "csms data repairs --data-dir d --limit 20")

    @app.command("repairs", help=text("data.repairs.help"), epilog=shown)
    def repairs(
        data_dir: Path = data_dir_option(text), limit: int = limit_option(text), as_json: bool = json_option(text)
    ) -> None:
        from monitor.store.governance_rows import document

        found = on_store(text, data_dir, as_json, lambda store: store.repairs(limit))
        if as_json:
            work.document([document(row, source=name) for row, name in found])
            return
        for row, name in found:
            change = f"  {row.before} -> {row.after}" if row.after else ""
            typer.echo(f"{row.id:>6}  {name}:{row.key}  {text(f'data.repair.{row.rule}')}  {row.detail}{change}")


def _list(app: typer.Typer, text: Text) -> None:
    shown = work.example(text, "csms data quarantine list --data-dir d")

    @app.command("list", help=text("data.quarantine.list.help"), epilog=shown)
    def list_(
        data_dir: Path = data_dir_option(text),
        everything: bool = typer.Option(False, "--all", help=text("data.option.all")),
        limit: int = limit_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.store.governance_rows import document
        from monitor.store.governance_tables import State

        state = None if everything else State.HELD
        found = on_store(text, data_dir, as_json, lambda store: store.quarantine(state, limit))
        if as_json:
            work.document([document(row, source=name) for row, name in found])
            return
        for row, name in found:
            for fault in row.faults:
                reason = text(f"data.reason.{fault['reason']}")
                typer.echo(f"{row.id:>6}  {name}:{row.key}  {fault['column']}  {reason}  {fault['value']!r}")


def _show(app: typer.Typer, text: Text) -> None:
    shown = work.example(text, "csms data quarantine show 17 --data-dir d")

    @app.command("show", help=text("data.quarantine.show.help"), epilog=shown)
    def show(
        number: int = typer.Argument(..., metavar="ROW", help=text("data.option.row")),
        data_dir: Path = data_dir_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.store.governance_rows import document

        found = on_store(text, data_dir, as_json, lambda store: store.quarantined(number))
        if found is None:
            work.fail(text("data.not_held", row=number), FAILED, as_json, "not_held")
        row, source = found
        if as_json:
            work.document(document(row, source=source.name))
            return
        typer.echo(f"{source.name}:{row.key}  {text(f'data.state.{row.state}')}  {row.note}")
        for fault in row.faults:
            typer.echo(f"  {fault['column']}: {text('data.reason.' + fault['reason'])} {fault['value']!r}")
        for column, cell in row.raw.items():
            typer.echo(f"  {column} = {cell!r}")


def _release(app: typer.Typer, text: Text) -> None:
    shown = work.example(text, "csms data quarantine release 17 --set 'Total kWh=3.2' --note 'by letter' --data-dir d")

    @app.command("release", help=text("data.quarantine.release.help"), epilog=shown)
    def release_(
        number: int = typer.Argument(..., metavar="ROW", help=text("data.option.row")),
        corrected: list[str] = typer.Option([], "--set", metavar="COLUMN=VALUE", help=text("data.option.set")),
        note: str = note_option(text),
        data_dir: Path = data_dir_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.governance.importing import release

        if wrong := [pair for pair in corrected if "=" not in pair]:
            work.fail(text("data.no_pair", pair=wrong[0]), USAGE, as_json, "no_pair")
        corrections = dict(pair.split("=", 1) for pair in corrected)
        now = clock_from_environment().now()
        try:
            faults = on_store(text, data_dir, as_json, lambda store: release(store, number, corrections, now, note))
        except LookupError:
            work.fail(text("data.not_held", row=number), FAILED, as_json, "not_held")
        if faults:
            told = "; ".join(
                f"{fault.column}: {text('data.reason.' + fault.reason)} {fault.value!r}" for fault in faults
            )
            work.fail(text("data.still_wrong", row=number, faults=told), FAILED, as_json, "still_wrong")
        _told(text("data.released", row=number), {"row": number, "state": "released"}, as_json)


def _drop(app: typer.Typer, text: Text) -> None:
    shown = work.example(text, "csms data quarantine drop 17 --note 'test session' --data-dir d")

    @app.command("drop", help=text("data.quarantine.drop.help"), epilog=shown)
    def drop(
        number: int = typer.Argument(..., metavar="ROW", help=text("data.option.row")),
        note: str = note_option(text),
        data_dir: Path = data_dir_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.store.governance_tables import State

        now = clock_from_environment().now()
        if not on_store(text, data_dir, as_json, lambda store: store.decide(number, State.DROPPED, now, note)):
            work.fail(text("data.not_held", row=number), FAILED, as_json, "not_held")
        _told(text("data.dropped", row=number), {"row": number, "state": "dropped"}, as_json)


def _told(words: str, answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        work.document(answer)
    else:
        typer.echo(words)
