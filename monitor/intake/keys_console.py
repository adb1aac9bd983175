"""`csms monitor intake keys list|set|rotate`: the secrets of operators. A running platform finds new ones by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import typer

from csms.model.clock import clock_from_environment
from csms.province.crypto import SecretInvalid, Secrets
from csms.province.keys import FIELDS, Direction, KeyRecord, new_secrets, secrets_of, texts_in, texts_of, toml_of
from csms.security.files import write_whole
from csms.texts import Text
from monitor.console import work
from monitor.console.work import USAGE, data_dir_option, json_option, partner_file_option
from monitor.intake.keys import OperatorKeys
from monitor.intake.settings import read_partner_file

Way = Literal["inbound", "outbound"]
PRIVATE = 0o600


def build(text: Text) -> typer.Typer:
    """The command group."""
    return work.group(text, "platform.keys", (_list, _set, _rotate))


def _example(text: Text, command: str) -> str:
    return work.example(text, f"csms monitor intake keys {command} --data-dir d --partner-file partners.toml")


def _operator(text: Text) -> Any:
    return typer.Argument(help=text("platform.keys.operator"), metavar="OPERATOR")


def _way(text: Text) -> Any:
    return typer.Argument(help=text("platform.keys.direction"), metavar="DIRECTION")


def _at_once(text: Text) -> Any:
    return typer.Option(False, "--at-once", help=text("province.keys.at_once"))


def _with_keys(
    text: Text, data_dir: Path, partner_file: Path, as_json: bool, act: Callable[[OperatorKeys], Awaitable[work.Found]]
) -> work.Found:
    settings = work.read(text, partner_file, as_json, read_partner_file)

    async def run(store: Any) -> work.Found:
        keys = OperatorKeys(settings, clock_from_environment(), store.keys, data_dir)
        await keys.load()
        return await act(keys)

    return work.on_store(text, data_dir, as_json, run, make=True)


def _list(app: typer.Typer, text: Text) -> None:
    @app.command("list", help=text("platform.keys.list.help"), epilog=_example(text, "list"))
    def list_(
        data_dir: Path = data_dir_option(text),
        partner_file: Path = partner_file_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        async def act(keys: OperatorKeys) -> list[KeyRecord]:
            return list(keys.records())

        records = _with_keys(text, data_dir, partner_file, as_json, act)
        if as_json:
            work.document([document_of(record) for record in records])
            return
        for record in records:
            facts = {name: _time(getattr(record, f"{name}_at")) for name in ("made", "used", "retired")}
            names = {"operator": record.partner, "direction": text(f"platform.keys.{record.direction}")}
            numbers = {"number": record.number, "fingerprint": record.fingerprint}
            typer.echo(text("platform.keys.line", **names, **numbers, **facts))
        if not records:
            typer.echo(text("platform.keys.none"))


def document_of(record: KeyRecord) -> dict[str, Any]:
    """A set of secrets as JSON, without the secrets."""
    values = {name: value for name, value in asdict(record).items() if name not in ("sealed", "partner")}
    times = {name: value.isoformat() for name, value in values.items() if isinstance(value, datetime)}
    return {"operator_id": record.partner} | values | times


def _time(moment: datetime | None) -> str:
    return moment.astimezone().isoformat(" ", "minutes") if moment else "-"


def _set(app: typer.Typer, text: Text) -> None:
    shown = _example(text, "set 123456789 outbound --file secrets.toml")

    @app.command("set", help=text("platform.keys.set.help"), epilog=shown)
    def set_(
        operator: str = _operator(text),
        direction: Way = _way(text),
        data_dir: Path = data_dir_option(text),
        partner_file: Path = partner_file_option(text),
        file: Path | None = typer.Option(None, "--file", help=text("platform.keys.file")),
        at_once: bool = _at_once(text),
        as_json: bool = json_option(text),
    ) -> None:
        try:
            secrets = secrets_of(texts_in(file.read_text("utf-8")) if file else _asked(text))
        except (OSError, UnicodeError, SecretInvalid) as fault:
            work.fail(text("platform.keys.unreadable", reason=str(fault)), USAGE, as_json, "secrets_unusable")
        _add(text, data_dir, partner_file, operator, direction, secrets, as_json, at_once)


def _asked(text: Text) -> dict[str, str]:
    """Typed in without being shown, so that no secret stands in a shell's history."""
    return {name: typer.prompt(text(f"province.keys.ask.{name}"), hide_input=True, err=True) for name in FIELDS}


def _rotate(app: typer.Typer, text: Text) -> None:
    shown = _example(text, "rotate 123456789 inbound --save for-operator.toml")

    @app.command("rotate", help=text("platform.keys.rotate.help"), epilog=shown)
    def rotate(
        operator: str = _operator(text),
        direction: Way = _way(text),
        data_dir: Path = data_dir_option(text),
        partner_file: Path = partner_file_option(text),
        save: Path | None = typer.Option(None, "--save", help=text("platform.keys.save")),
        at_once: bool = _at_once(text),
        as_json: bool = json_option(text),
    ) -> None:
        secrets = new_secrets()
        _add(text, data_dir, partner_file, operator, direction, secrets, as_json, at_once, save, shown=save is None)


def _add(
    text: Text,
    data_dir: Path,
    partner_file: Path,
    operator: str,
    direction: Way,
    secrets: Secrets,
    as_json: bool,
    at_once: bool,
    save: Path | None = None,
    *,
    shown: bool = False,
) -> None:
    texts = texts_of(secrets)

    async def act(keys: OperatorKeys) -> KeyRecord:
        keys.ring(operator, Direction(direction))
        if save is not None:
            write_whole(save, toml_of(texts).encode(), PRIVATE)
        return await keys.add(operator, Direction(direction), secrets, end_older=at_once)

    record = _with_keys(text, data_dir, partner_file, as_json, act)
    if as_json:
        work.document(document_of(record) | ({"secrets": texts} if shown else {}))
        return
    words = "province.keys.done_at_once" if at_once else "platform.keys.done"
    typer.echo(text(words, number=record.number, fingerprint=record.fingerprint))
    if shown:
        typer.echo(toml_of(texts), nl=False)
