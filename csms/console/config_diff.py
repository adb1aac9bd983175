"""`csms station config diff`: settings as they are beside how they should be; `--apply` sets them one by one.

Exit codes: 0 all is as it should be (now), 1 something differs, 3 and 4 as for every command to several stations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import typer
from rich.text import Text as Styled

from csms.console import units
from csms.console.client import ApiClient, Refused
from csms.console.layout import Column
from csms.console.many import ask_all, chosen, exit_code, stations_argument
from csms.console.work import FAILED, Output, example, json_option, url_option, work
from csms.model.command import ACCEPTING
from csms.texts import Text

if TYPE_CHECKING:
    from csms.station.wishes import Wish

SAME, DIFFERS, FIXED, UNKNOWN = "same", "differs", "fixed", "unknown"


def add(app: typer.Typer, text: Text) -> None:
    """Put the command into `csms station config`."""

    @app.command("diff", help=text("config.diff.help"), epilog=example(text, "csms station config diff 'CP-*' --apply"))
    def diff(
        stations: str = stations_argument(text),
        apply: bool = typer.Option(False, "--apply", help=text("config.diff.apply")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            outcomes = ask_all(out, api, chosen(text, api, stations), lambda a, s: compare(a, s, apply))
            if as_json:
                out.document({"stations": [one.answer | {"station_id": one.station_id} for one in outcomes]})
            for outcome in () if as_json else outcomes:
                if outcome.ok:
                    _show(text, out, outcome.station_id, outcome.answer["settings"])
                else:
                    out.line(Styled(f"{outcome.station_id}  {outcome.detail or outcome.status}", units.BAD))
            code = exit_code(outcomes)
            left = any(_wrong(setting) for outcome in outcomes for setting in outcome.answer.get("settings", ()))
            if code or left:
                raise typer.Exit(code or FAILED)


def _wrong(setting: dict[str, Any]) -> bool:
    return bool(setting["state"] == DIFFERS)


def compare(api: ApiClient, station_id: str, apply: bool) -> dict[str, Any]:
    """Read what is wished for, set what differs if it shall be, read it back."""
    path = f"/stations/{quote(station_id, safe='')}"
    wished = [_wish(row) for row in api.get(f"{path}/wishes")]
    values = _read(api, path, [wish.name for wish in wished])
    settings = [_setting(wish, values.get(wish.name)) for wish in wished]
    for wish, setting in zip(wished, settings, strict=True):
        if apply and _wrong(setting):
            setting |= _set(api, path, wish, setting["now"])
    return {"settings": settings}


def _wish(row: dict[str, Any]) -> Wish:
    from csms.station.wishes import Wish

    return Wish(row["name"], row["value"], row["of"], tuple(row["words"]), row["fixed"], row["one_by_one"])


def _read(api: ApiClient, path: str, names: list[str]) -> dict[str, str | None]:
    answer = api.post(f"{path}/commands/get_variables", {"names": names})
    folded = {name.casefold(): value for name, value in (answer.get("values") or {}).items()}
    return {name: folded.get(name.casefold()) for name in names}


def _setting(wish: Wish, now: str | None) -> dict[str, Any]:
    state = UNKNOWN if now is None else SAME if wish.met(now) else FIXED if wish.fixed else DIFFERS
    return {"name": wish.name, "now": now, "wanted": wish.value, "of": wish.of, "state": state, "answer": ""}


def _set(api: ApiClient, path: str, wish: Wish, now: str | None) -> dict[str, Any]:
    """One setting by itself, so that a refusal is about it alone; then what the station says it has."""
    status = ""
    for portion in wish.portions(now):
        value = wish.to_set(now, portion)
        try:
            answer = api.post(f"{path}/commands/set_variables", {"values": {wish.name: value}})
        except Refused as fault:
            return {"answer": fault.code}
        told = next(iter((answer.get("values") or {}).values()), None) or answer["status"]
        if told in ACCEPTING:
            now = value
        status = status if status and told in ACCEPTING else told
    read = _read(api, path, [wish.name])[wish.name]
    return {"now": read, "answer": status, "state": SAME if wish.met(read) else DIFFERS}


def _show(text: Text, out: Output, station_id: str, settings: list[dict[str, Any]]) -> None:
    titles = ("name", "now", "wanted", "state")
    columns = [Column(station_id if title == "name" else text(f"config.diff.{title}")) for title in titles]
    colours = {SAME: units.GOOD, DIFFERS: units.BAD}
    rows: list[list[Any]] = [
        [
            setting["name"],
            units.NOTHING if setting["now"] is None else setting["now"],
            setting["wanted"],
            Styled(_state(text, setting), colours.get(setting["state"], "")),
        ]
        for setting in settings
    ]
    out.table(columns, rows)


def _state(text: Text, setting: dict[str, Any]) -> str:
    words = text(f"config.diff.is.{setting['state']}")
    return f"{words} ({setting['answer']})" if setting["answer"] else words
