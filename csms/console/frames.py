"""`csms station watch` and `csms station log`: what stations and the server say to each other, now and before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import typer

from csms.console import units
from csms.console.client import ApiClient, path_segment
from csms.console.frame_lines import FrameLines
from csms.console.work import FAILED, UNREACHABLE, Output, example, fail, json_option, url_option, work
from csms.texts import Text
from csms.texts.visible import escaped

PAGE = 500
LAST = 50


def add_commands(app: typer.Typer, text: Text) -> None:
    """`watch` and `log` in the group of the stations."""
    _add_watch(app, text)
    _add_log(app, text)


def _add_watch(app: typer.Typer, text: Text) -> None:
    command = "csms station watch CP-7 --action StatusNotification"

    @app.command("watch", help=text("frames.watch.help"), epilog=example(text, command))
    def watch(
        station_id: str | None = typer.Argument(None, help=text("frames.option.station"), metavar="STATION"),
        action: list[str] = typer.Option([], "--action", help=text("frames.option.action")),
        full: bool = typer.Option(False, "--full", help=text("frames.option.full")),
        count: int = typer.Option(0, "--count", min=0, help=text("frames.option.count")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            show = _shower(out, stations=station_id is None, full=full)
            try:
                _watch(api, out, station_id, action, count, show)
            except KeyboardInterrupt:
                return


def _watch(api: ApiClient, out: Output, station_id: str | None, action: list[str], count: int, show: Any) -> None:
    """Until Ctrl-C or so many frames; leaves with UNREACHABLE when the server ends it."""
    shown = 0
    for name, data in api.events(_path(station_id) + "/live", action=action):
        if name == "missed" and not out.as_json:
            out.line(out.text("frames.missed", count=data["count"]))
        elif name == "missed":
            typer.echo(json.dumps({"kind": "missed", **data}))
        else:
            show(data)
            shown += 1
        if count and shown >= count:
            return
    fail(out, out.text("frames.ended"), UNREACHABLE, {"code": "stream_ended", "detail": "the server ended the stream"})


def _add_log(app: typer.Typer, text: Text) -> None:
    command = "csms station log CP-7 --since 2h --action BootNotification --errors"

    @app.command("log", help=text("frames.log.help"), epilog=example(text, command))
    def log(
        station_id: str | None = typer.Argument(None, help=text("frames.option.station"), metavar="STATION"),
        since: str | None = typer.Option(None, "--since", help=text("frames.option.since")),
        until: str | None = typer.Option(None, "--until", help=text("frames.option.until")),
        action: list[str] = typer.Option([], "--action", help=text("frames.option.action")),
        from_station: bool | None = typer.Option(None, "--in/--out", help=text("frames.option.direction")),
        grep: str = typer.Option("", "--grep", help=text("frames.option.grep")),
        errors: bool = typer.Option(False, "--errors", help=text("frames.option.errors")),
        last: int = typer.Option(LAST, "--last", min=1, help=text("frames.option.last", count=LAST)),
        full: bool = typer.Option(False, "--full", help=text("frames.option.full")),
        export: Path | None = typer.Option(None, "--export", help=text("frames.option.export")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        direction = None if from_station is None else "in" if from_station else "out"
        with work(text, url, as_json) as (api, out):
            wanted = {
                "since": _moment(api, text, since, "--since"),
                "until": _moment(api, text, until, "--until"),
                "action": action,
                "direction": direction,
                "text": grep or None,
                "errors": errors or None,
            }
            if export is not None:
                _export(api, out, station_id, wanted, export)
            else:
                _log(api, out, station_id, wanted, last if since is None else None, full=full)


def _log(
    api: ApiClient, out: Output, station_id: str | None, wanted: Mapping[str, Any], last: int | None, *, full: bool
) -> None:
    """All from a moment on, or the last ones; in order of time."""
    show = _shower(out, stations=station_id is None, full=full)
    if last is None:
        found = _frames(api, station_id, wanted, order="oldest")
    else:
        newest = _frames(api, station_id, wanted, order="newest", limit_all=last)
        found = iter(list(newest)[::-1])
    nothing = True
    try:
        for frame in found:
            nothing = False
            show(frame)
    except KeyboardInterrupt:
        return
    if nothing and not out.as_json:
        out.line(out.text("console.nothing"))


def _export(api: ApiClient, out: Output, station_id: str | None, wanted: Mapping[str, Any], file: Path) -> None:
    """A line of JSON for each frame, oldest first."""
    count = 0
    try:
        with file.open("w", encoding="utf-8") as lines:
            for frame in _frames(api, station_id, wanted, order="oldest"):
                lines.write(escaped(json.dumps(frame, ensure_ascii=False)) + "\n")
                count += 1
    except OSError as fault:
        words = out.text("frames.export_failed", file=file, reason=fault.strerror or str(fault))
        fail(out, words, FAILED, {"code": "file_not_written", "detail": str(fault)})
    if out.as_json:
        out.document({"file": str(file), "frames": count})
    else:
        out.line(out.text("frames.exported", count=count, file=file))


def _frames(
    api: ApiClient, station_id: str | None, wanted: Mapping[str, Any], *, order: str, limit_all: int | None = None
) -> Iterator[dict[str, Any]]:
    """Page after page."""
    left, cursor = limit_all, None
    while left is None or left > 0:
        limit = PAGE if left is None else min(PAGE, left)
        page = api.get(_path(station_id), **wanted, order=order, limit=limit, cursor=cursor)
        yield from page["frames"]
        left = None if left is None else left - len(page["frames"])
        cursor = page["next"]
        if cursor is None:
            return


def _path(station_id: str | None) -> str:
    return "/frames" if station_id is None else f"/stations/{path_segment(station_id)}/frames"


def _shower(out: Output, *, stations: bool, full: bool) -> Any:
    """Shows one frame: a line for people, a line of JSON for machines."""
    if out.as_json:
        return lambda frame: typer.echo(escaped(json.dumps(frame, ensure_ascii=False)))
    lines = FrameLines(out.text, out.console.width, stations=stations, full=full)
    return lambda frame: out.line(lines.line(frame))


def _moment(api: ApiClient, text: Text, given: str | None, option: str) -> str | None:
    """A time as the API wants it; `2h` is two hours before now on the server's clock."""
    if given is None:
        return None
    now = datetime.fromisoformat(api.request("GET", "/healthz")["clock_time"])
    try:
        return units.point_in_past(given, now).isoformat()
    except (ValueError, OverflowError):
        raise typer.BadParameter(text("frames.bad_time", value=given), param_hint=option) from None
