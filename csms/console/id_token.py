"""`csms id-token list|put|delete`: cards and app tokens, who may charge."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import typer

from csms.console import units
from csms.console.layout import Cell, Column
from csms.console.many import point_in_time
from csms.console.work import example, group, json_option, url_option, work
from csms.model.session import AuthorizationStatus
from csms.texts import Text


def build(text: Text) -> typer.Typer:
    """The command group."""
    app = group(text, "id_token")
    for mount in (_list, _put, _delete):
        mount(app, text)
    return app


def _list(app: typer.Typer, text: Text) -> None:
    @app.command("list", help=text("id_token.list.help"), epilog=example(text, "csms id-token list --limit 20"))
    def list_(
        after: str = typer.Option("", "--after", help=text("id_token.list.after")),
        limit: int = typer.Option(100, "--limit", min=1, max=1000, help=text("operations.limit")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.get("/id-tokens", after=after, limit=limit)
            if as_json:
                out.document(answer)
                return
            out.table(_columns(text), [_row(row) for row in answer["tokens"]])
            if answer["next_after"]:
                out.line(text("id_token.list.more", after=answer["next_after"]))


def _columns(text: Text) -> list[Column]:
    titles = ("token", "type", "status", "group", "expires", "allowed")
    return [Column(text(f"id_token.column.{title}"), whole=title in ("status", "expires")) for title in titles]


def _row(row: dict[str, Any]) -> list[Cell]:
    allowed = ", ".join(row["allowed"])
    expires = units.local_time(row["expires_at"])
    return [row["id_token"], row["token_type"], row["status"], row["group_id"], expires, allowed]


def _put(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms id-token put CARD-1 --group family --allowed CP-1 --allowed CP-2/1")

    @app.command("put", help=text("id_token.put.help"), epilog=shown)
    def put(
        token: str = typer.Argument(help=text("id_token.column.token"), metavar="TOKEN"),
        status: AuthorizationStatus = typer.Option(
            AuthorizationStatus.ACCEPTED, "--status", help=text("id_token.put.status")
        ),
        token_type: str = typer.Option("", "--type", help=text("id_token.put.type")),
        group_id: str = typer.Option("", "--group", help=text("id_token.put.group")),
        expires: str | None = typer.Option(None, "--expires", help=text("id_token.put.expires")),
        allowed: list[str] = typer.Option(None, "--allowed", help=text("id_token.put.allowed")),
        message: str = typer.Option("", "--message", help=text("id_token.put.message")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        body: dict[str, Any] = {"status": status.value, "token_type": token_type, "group_id": group_id}
        body |= {"allowed": allowed or [], "message": message}
        with work(text, url, as_json) as (api, out):
            body["expires_at"] = point_in_time(text, api, expires, "--expires")
            told = api.put(f"/id-tokens/{quote(token, safe='')}", body)
            if as_json:
                out.document(told)
            else:
                out.line(text("id_token.put.done", token=told["id_token"], status=told["status"]))


def _delete(app: typer.Typer, text: Text) -> None:
    @app.command("delete", help=text("id_token.delete.help"), epilog=example(text, "csms id-token delete CARD-1"))
    def delete(
        token: str = typer.Argument(help=text("id_token.column.token"), metavar="TOKEN"),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            api.delete(f"/id-tokens/{quote(token, safe='')}")
            if as_json:
                out.document({"id_token": token, "deleted": True})
            else:
                out.line(text("id_token.delete.done", token=token))
