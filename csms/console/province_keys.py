"""`csms province keys list|set|rotate`: the secrets of partners, per direction."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import typer

from csms.console import units
from csms.console.client import path_segment
from csms.console.layout import Cell, Column
from csms.console.work import FAILED, USAGE, Output, example, fail, group, json_option, url_option, work
from csms.model.errors import CsmsError
from csms.security.files import write_whole
from csms.texts import Text

Direction = Literal["outbound", "inbound"]
PRIVATE = 0o600


def build(text: Text) -> typer.Typer:
    """The command group."""
    app = group(text, "province.keys")
    for mount in (_list, _set, _rotate):
        mount(app, text)
    return app


def _direction(text: Text) -> Any:
    return typer.Argument(help=text("province.keys.direction"), metavar="DIRECTION")


def partner_argument(text: Text) -> Any:
    """Which partner."""
    return typer.Argument(help=text("province.option.partner"), metavar="PARTNER")


def at_once_option(text: Text) -> Any:
    """Whether the older sets end."""
    return typer.Option(False, "--at-once", help=text("province.keys.at_once"))


def _path(partner: str, direction: str, at_once: bool) -> str:
    ending = "?end_older=true" if at_once else ""
    return f"/province/{path_segment(partner)}/keys/{path_segment(direction)}{ending}"


def _list(app: typer.Typer, text: Text) -> None:
    @app.command("list", help=text("province.keys.list.help"), epilog=example(text, "csms province keys list"))
    def list_(url: str = url_option(text), as_json: bool = json_option(text)) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.get("/province/keys")
            if as_json:
                out.document(answer)
                return
            titles = ("partner", "direction", "number", "fingerprint", "made", "used", "retired")
            columns = [Column(text(f"province.column.{title}"), whole=title != "partner") for title in titles]
            out.table(columns, [_row(text, key, answer["clock_time"]) for key in answer["keys"]])


def _row(text: Text, key: dict[str, Any], now: str) -> list[Cell]:
    times = [units.local_time(key[name], now) if key[name] else units.NOTHING for name in ("used_at", "retired_at")]
    return [
        key["partner"],
        text(f"province.keys.{key['direction']}"),
        str(key["number"]),
        key["fingerprint"],
        units.local_time(key["made_at"], now),
        *times,
    ]


def _set(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms province keys set shandong outbound --file secrets.toml")

    @app.command("set", help=text("province.keys.set.help"), epilog=shown)
    def set_(
        partner: str = partner_argument(text),
        direction: Direction = _direction(text),
        file: Path | None = typer.Option(None, "--file", help=text("province.keys.file")),
        at_once: bool = at_once_option(text),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            body = _read(text, out, file) if file is not None else _asked(text)
            answer = api.put(_path(partner, direction, at_once), body)
            _tell(text, out, answer, at_once)


def _read(text: Text, out: Output, file: Path) -> dict[str, str]:
    from csms.province.keys import texts_in

    try:
        return texts_in(file.read_text("utf-8"))
    except (CsmsError, OSError, ValueError) as fault:
        fail(out, text("province.keys.unreadable", reason=str(fault)), USAGE)


def _asked(text: Text) -> dict[str, str]:
    """Typed in without being shown, so that no secret stands in a shell's history."""
    from csms.province.keys import FIELDS

    return {name: typer.prompt(text(f"province.keys.ask.{name}"), hide_input=True) for name in FIELDS}


def _rotate(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms province keys rotate shandong inbound --save for-shandong.toml")

    @app.command("rotate", help=text("province.keys.rotate.help"), epilog=shown)
    def rotate(
        partner: str = partner_argument(text),
        direction: Direction = _direction(text),
        save: Path | None = typer.Option(None, "--save", help=text("province.keys.save")),
        at_once: bool = at_once_option(text),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        from csms.province.keys import toml_of

        with work(text, url, as_json) as (api, out):
            answer = api.post(_path(partner, direction, at_once), {})
            words = toml_of(answer["secrets"])
            try:
                if save is not None:
                    write_whole(save, words.encode(), PRIVATE)
                    answer["secrets"], words = {}, ""
            except OSError as fault:
                _tell(text, out, answer, at_once, words)  # they count already and are told nowhere else
                fail(out, text("province.keys.not_saved", reason=str(fault)), FAILED)
            _tell(text, out, answer, at_once, words)


def _tell(text: Text, out: Output, answer: dict[str, Any], at_once: bool, secrets: str = "") -> None:
    if out.as_json:
        out.document(answer)
        return
    words = "province.keys.done_at_once" if at_once else "province.keys.done"
    out.line(text(words, number=answer["number"], fingerprint=answer["fingerprint"]))
    for line in secrets.splitlines():
        out.line(line)
