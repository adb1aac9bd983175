"""`csms token create|list|rotate|revoke`: who may use the API.

With `--local` the database itself is opened, with the settings of `csms serve`: for the first token, and for whoever
owns the data when no administrator's token is left.
"""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import typer

from csms.console import units
from csms.console.layout import Cell, Column
from csms.console.local import data_dir_option, local_option, local_settings
from csms.console.many import point_in_time
from csms.console.work import USAGE, Output, example, fail, group, json_option, output, url_option, work
from csms.model.access import BOUND, Role
from csms.texts import Text

if TYPE_CHECKING:
    from csms.access.first import LocalDesk
    from csms.app.settings import Settings

PATH = "/access-tokens"
DAYS = 365
GRACE_H = 1.0


def build(text: Text) -> typer.Typer:
    """The command group."""
    app = group(text, "token")
    for mount in (_create, _list, _rotate, _revoke):
        mount(app, text)
    return app


def save_option(text: Text) -> Any:
    """`--save`."""
    return typer.Option(None, "--save", help=text("token.save"))


def _create(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms token create grid-north --role grid_operator --feeder north --save north.token")

    @app.command("create", help=text("token.create.help"), epilog=shown)
    def create(
        name: str = typer.Argument(help=text("token.name"), metavar="NAME"),
        role: Role = typer.Option(..., "--role", help=text("token.create.role")),
        feeders: list[str] = typer.Option([], "--feeder", help=text("token.create.feeder")),
        partners: list[str] = typer.Option([], "--partner", help=text("token.create.partner")),
        cards: list[str] = typer.Option([], "--card", help=text("token.create.card")),
        expires: str = typer.Option(f"+{DAYS}d", "--expires", help=text("token.create.expires")),
        save: Path | None = save_option(text),
        local: bool = local_option(text, "token.local"),
        data_dir: Path | None = data_dir_option(text),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        bound_to = [*feeders, *partners, *cards]
        if bool(bound_to) is not (role in BOUND) or sum(map(bool, (feeders, partners, cards))) > 1:
            raise typer.BadParameter(text("token.create.bound"), param_hint="--feeder / --partner / --card")
        if local:
            _create_local(text, output(text, as_json), data_dir, name, role, bound_to, expires, save)
            return
        with work(text, url, as_json) as (api, out):
            expires_at = None if expires == "never" else point_in_time(text, api, expires, "--expires")
            body = {"name": name, "role": role.value, "bound_to": bound_to, "expires_at": expires_at}
            _tell_new(text, out, api.post(PATH, body), save)


def _create_local(
    text: Text,
    out: Output,
    data_dir: Path | None,
    name: str,
    role: Role,
    bound_to: list[str],
    expires: str,
    save: Path | None,
) -> None:
    from csms.model.clock import clock_from_environment

    now = clock_from_environment().now()
    try:
        expires_at = None if expires == "never" else units.point_in_time(expires, now)
    except (ValueError, OverflowError):
        raise typer.BadParameter(text("limit.bad_time", value=expires), param_hint="--expires") from None
    with local_settings(text, out, data_dir, "token.local_failed") as settings:
        unknown = sorted(set(bound_to) - {f.id for f in settings.feeders}) if role is Role.GRID_OPERATOR else []
        if unknown:
            fail(out, text("token.unknown_feeder", feeder=unknown[0]), USAGE)
        made = asyncio.run(_at_desk(settings, lambda desk: desk.create(name, role, bound_to, expires_at)))
        _tell_new(text, out, {"name": name, "role": role.value, "token_id": made.row.id, "token": made.text}, save)


async def _at_desk(settings: Settings, do: Callable[[LocalDesk], Awaitable[Any]]) -> Any:
    from csms.access.audit import AuditLog
    from csms.access.first import LocalDesk
    from csms.access.tokens import AccessTokens
    from csms.model.clock import clock_from_environment
    from csms.store.engine import open_store

    clock = clock_from_environment()
    store = await open_store(settings.store_url, clock, upgrade=True)
    try:
        tokens, audit = AccessTokens(clock, store), AuditLog(clock, store, settings.data_dir)
        await tokens.refresh()
        await audit.restore()
        return await do(LocalDesk(tokens, audit, f"local {getpass.getuser()}"))
    finally:
        await store.close()


def _tell_new(text: Text, out: Output, made: dict[str, Any], save: Path | None) -> None:
    """The token itself goes to a file when one is named, else to where the output goes, once."""
    from csms.security.credentials import write_token

    if save is not None:
        write_token(save, made["token"])
        made = {name: value for name, value in made.items() if name != "token"} | {"file": str(save)}
    if out.as_json:
        out.document(made)
        return
    out.line(text("token.made", name=made["name"], role=made["role"]))
    if save is not None:
        out.line(text("token.saved", file=str(save)))
        out.line(f"  export CSMS_TOKEN_FILE={save}")
    else:
        out.line(text("token.once"))
        out.line(f"  {made['token']}")


def _list(app: typer.Typer, text: Text) -> None:
    @app.command("list", help=text("token.list.help"), epilog=example(text, "csms token list --all"))
    def list_(
        every: bool = typer.Option(False, "--all", help=text("token.list.all")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.get(PATH)
            if as_json:
                out.document(answer)
                return
            rows = [row for row in answer["tokens"] if every or row["valid"]]
            out.table(_columns(text), [_row(text, row) for row in rows])


def _columns(text: Text) -> list[Column]:
    titles = ("name", "role", "bound", "id", "used", "expires", "state")
    return [Column(text(f"token.column.{title}"), whole=title not in ("name", "bound")) for title in titles]


def _row(text: Text, row: dict[str, Any]) -> list[Cell]:
    state = "valid" if row["valid"] else "revoked" if row["revoked_at"] else "expired"
    return [
        row["name"],
        row["role"],
        ", ".join(row["bound_to"]),
        row["token_id"],
        units.local_time(row["last_used_at"]),
        units.local_time(row["expires_at"]),
        text(f"token.state.{state}"),
    ]


def _rotate(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms token rotate grid-north --grace-h 24 --save north.token")

    @app.command("rotate", help=text("token.rotate.help"), epilog=shown)
    def rotate(
        name: str = typer.Argument(help=text("token.name"), metavar="NAME"),
        grace_h: float = typer.Option(GRACE_H, "--grace-h", min=0, max=720, help=text("token.rotate.grace")),
        save: Path | None = save_option(text),
        local: bool = local_option(text, "token.local"),
        data_dir: Path | None = data_dir_option(text),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        if local:
            out = output(text, as_json)
            with local_settings(text, out, data_dir, "token.local_failed") as settings:
                made = asyncio.run(_at_desk(settings, lambda desk: desk.rotate(name, timedelta(hours=grace_h))))
                told = {"name": name, "role": made.row.role, "token_id": made.row.id, "token": made.text}
                _tell_new(text, out, told, save)
            return
        with work(text, url, as_json) as (api, out):
            told = api.post(f"{PATH}/{quote(name, safe='')}/rotate", {"grace_s": grace_h * 3600})
            _tell_new(text, out, told, save)


def _revoke(app: typer.Typer, text: Text) -> None:
    @app.command("revoke", help=text("token.revoke.help"), epilog=example(text, "csms token revoke grid-north"))
    def revoke(
        name: str = typer.Argument(help=text("token.revoke.name"), metavar="NAME"),
        local: bool = local_option(text, "token.local"),
        data_dir: Path | None = data_dir_option(text),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        if local:
            out = output(text, as_json)
            with local_settings(text, out, data_dir, "token.local_failed") as settings:
                count = asyncio.run(_at_desk(settings, lambda desk: desk.revoke(name)))
        else:
            with work(text, url, as_json) as (api, out):
                count = len(api.delete(f"{PATH}/{quote(name, safe='')}")["tokens"])
        if as_json:
            out.document({"name": name, "revoked": count})
        else:
            out.line(text("token.revoked", name=name, count=count))
