"""`csms firmware-profile probe`: tries a live station and writes down what it takes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import quote

import typer

from csms.console.client import ApiClient, Refused
from csms.console.probing import Found, Prober, Subject
from csms.console.work import FAILED, USAGE, Output, example, fail, json_option, url_option, work
from csms.texts import Text

ANSWERS = frozenset({"call_refused", "answer_unreadable", "not_in_this_version", "call_timeout"})
"""What a form that does not work may come to; all else ends the probe."""

BACK_S, LOOK_S = 240.0, 1.0


def add(app: typer.Typer, text: Text) -> None:
    """Put the command into `csms firmware-profile`."""
    shown = example(text, "csms firmware-profile probe CP-7 --write profiles/maker-model.toml")

    @app.command("probe", help=text("probe.help"), epilog=shown)
    def probe(
        station_id: str = typer.Argument(help=text("station.option.id"), metavar="STATION"),
        write: Path | None = typer.Option(None, "--write", help=text("probe.write")),
        force: bool = typer.Option(False, "--force", help=text("probe.force")),
        reconnect: bool = typer.Option(False, "--reconnect", help=text("probe.reconnect")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            subject = _subject(text, out, api, station_id, force)
            say = (lambda told: None) if as_json else (lambda told: typer.echo(told, err=True))
            found = probed(api, subject, reconnect=reconnect, say=say)
            content = profile_text(subject, found, _today())
            if write is not None:
                _write(text, out, write, content)
            if as_json:
                out.document({"limits": found.limits, "notes": found.notes, "attempts": found.log})
            else:
                out.line(content.rstrip() if write is None else text("probe.written", path=write))


def _subject(text: Text, out: Output, api: ApiClient, station_id: str, force: bool) -> Subject:
    station = api.get(_path(station_id))
    if not station["online"]:
        fail(out, text("probe.offline", station=station_id), FAILED, {"code": "station_offline", "detail": station_id})
    if not force and any(evse["session"] for evse in station["evses"]):
        fail(out, text("probe.busy", station=station_id), FAILED, {"code": "session_runs", "detail": station_id})
    return subject_of(station)


def _path(station_id: str) -> str:
    return f"/stations/{quote(station_id, safe='')}"


def subject_of(station: dict[str, Any]) -> Subject:
    """The station as the API shows it, by its first outlet."""
    evse = station["evses"][0]
    return Subject(
        station_id=station["station_id"],
        vendor=station["vendor"],
        model=station["model"],
        firmware=station["firmware"],
        protocol=station["protocol"],
        kind=evse["kind"],
        phases=evse["phases"],
        current_max_a=evse["current_max_a"],
        power_max_w=evse["power_max_w"],
        transaction_id=str((evse["session"] or {}).get("transaction_id", "")),
    )


def probed(api: Any, subject: Subject, *, reconnect: bool, say: Callable[[str], None]) -> Found:
    """Try it; afterwards the server is told to begin the limit ladder of the station anew."""
    path = _path(subject.station_id)

    def ask(name: str, body: dict[str, Any]) -> dict[str, Any]:
        return dict(api.post(f"{path}/commands/{name}", body))

    def now() -> datetime:
        return datetime.fromisoformat(api.clock_time())

    def restart() -> None:
        before = api.get(path)["booted_at"]
        ask("reset", {"hard": False})
        _await_boot(api, path, before)

    prober = Prober(subject, ask, now, _word, say)
    try:
        return prober.run(restart if reconnect else None)
    finally:
        _renegotiate(api, path)


def _word(fault: Exception) -> str | None:
    """What a station's refusal is called; None: it was none."""
    if isinstance(fault, Refused) and fault.code in ANSWERS:
        return fault.code
    return None


def _await_boot(api: Any, path: str, before: str | None) -> None:
    pause = Event()
    for _ in range(round(BACK_S / LOOK_S)):
        station = api.get(path)
        if station["online"] and station["booted_at"] != before:
            return
        pause.wait(LOOK_S)
    raise Refused(504, {"code": "not_back", "detail": "the station did not come back after its restart"})


def _renegotiate(api: Any, path: str) -> None:
    """Its own limits may have been replaced; where none are kept there is nothing to do."""
    try:
        api.post(f"{path}/limits/renegotiate", None)
    except Refused as fault:
        if fault.code != "charging_off":
            raise


def profile_text(subject: Subject, found: Found, today: str) -> str:
    """The profile as a file."""
    from firmware_profiles.writing import exactly, written

    said = {"vendor": subject.vendor, "model": subject.model, "firmware": subject.firmware}
    match = {name: exactly(words) for name, words in said.items() if words}
    match = match if subject.vendor or subject.model else {"id": exactly(subject.station_id)}
    tables = {
        "match": match | {"protocol": subject.protocol},
        "limits": found.limits,
        "hw": {"kind": subject.kind, "phases": subject.phases},
    }
    product = f"{subject.vendor} {subject.model}".strip() or subject.station_id
    return written(product, f"probe {today}", tables, found.notes)


def _today() -> str:
    from csms.model.clock import system_clock

    return f"{system_clock().now().astimezone(UTC):%Y-%m-%d}"


def _write(text: Text, out: Output, path: Path, content: str) -> None:
    """Only what the loader accepts is written, and nothing is written over."""
    from firmware_profiles.loader import load

    load(path.stem, content)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(content)
    except OSError as fault:
        fail(out, text("probe.unwritable", path=path, reason=fault.strerror), USAGE, {"code": "unwritable"})
