"""What goes on after a station's answer (an update, an upload, a report): followed until it ends, with a live view."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Event
from time import monotonic
from typing import Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text as Styled

from csms.console import layout, units
from csms.console.client import ApiClient, Unreachable
from csms.console.layout import Cell, Column
from csms.console.many import Outcome
from csms.console.work import Output
from csms.texts import Text

DONE = frozenset(
    {"Installed", "Published", "Uploaded", "Complete", "Received", "Accepted", "Started", "Stopped", "Used"}
    | {"certificate Accepted"}
)
"""Last words of operations that went well."""

OVER = frozenset({"Cancelled", "Expired", "superseded"})
"""Last words of those that nobody wants any more."""

LOOK_S = 1.0
PAGE = 1000

Operation = dict[str, Any]


def wait_option(text: Text) -> Any:
    """`--wait`."""
    return typer.Option(False, "--wait", help=text("following.wait"))


def timeout_option(text: Text) -> Any:
    """`--timeout`."""
    return typer.Option(3600.0, "--timeout", min=1, help=text("following.timeout"))


@dataclass(slots=True)
class Followed:
    """Operations by station, as they were seen last."""

    kind: str
    by_station: dict[str, Operation]

    @property
    def open(self) -> list[Operation]:
        """Those that go on."""
        return [operation for operation in self.by_station.values() if operation["ended_at"] is None]

    def look(self, api: ApiClient) -> None:
        """See them anew: one request for all that go on, and one for each that has ended since."""
        waited = {operation["operation_id"]: operation for operation in self.open}
        if not waited:
            return
        going_on = {told["operation_id"]: told for told in _going_on(api, self.kind, min(waited))}
        for operation_id, operation in waited.items():
            told = going_on.get(operation_id) or api.get(f"/operations/{operation_id}")
            self.by_station[operation["station_id"]] = told


def follow(out: Output, api: ApiClient, kind: str, outcomes: Sequence[Outcome], timeout_s: float) -> list[Outcome]:
    """Wait until what was begun has ended, `timeout_s` has passed or Ctrl-C; the outcomes as they are then.

    A server that is away for a while is waited for.
    """
    begun = {
        outcome.station_id: {
            "operation_id": outcome.answer["operation_id"],
            "station_id": outcome.station_id,
            "status": outcome.status,
            "changed_at": None,
            "ended_at": None,
        }
        for outcome in outcomes
        if outcome.ok and outcome.answer.get("operation_id") is not None
    }
    followed = Followed(kind, begun)
    with _screen(out, followed) as show:
        for _ in _looks(timeout_s):
            try:
                followed.look(api)
            except Unreachable:
                continue
            show()
            if not followed.open:
                break
    return [_ended(out.text, outcome, followed.by_station.get(outcome.station_id)) for outcome in outcomes]


def _going_on(api: ApiClient, kind: str, oldest: int) -> Iterator[Operation]:
    before: int | None = None
    while True:
        page = api.get("/operations", kind=kind, open=True, limit=PAGE, before_id=before)
        yield from page["operations"]
        before = page["next_before_id"]
        if before is None or before <= oldest:
            return


def _looks(timeout_s: float) -> Iterator[None]:
    """A look now and then, until the time is over or Ctrl-C."""
    until, pause = monotonic() + timeout_s, Event()
    try:
        while True:
            yield
            if monotonic() >= until:
                return
            pause.wait(min(LOOK_S, max(0.0, until - monotonic())))
    except KeyboardInterrupt:
        return


@contextmanager
def _screen(out: Output, followed: Followed) -> Iterator[Any]:
    """A table on the error stream while somebody watches; the one that waits longest for news stands last."""
    console = Console(stderr=True)
    if out.as_json or not console.is_terminal:
        yield lambda: None
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda: live.update(_view(out.text, followed, console), refresh=True)


def _view(text: Text, followed: Followed, console: Console) -> Group:
    every = followed.by_station.values()
    ended = len(followed.by_station) - len(followed.open)
    shown = sorted(every, key=lambda operation: (operation["ended_at"] is not None, operation["station_id"]))
    rows = [_row(operation) for operation in shown[: max(1, console.height - 3)]]
    lines = layout.table(_columns(text), rows, console.width)
    return Group(*lines, text("following.sum", ended=ended, total=len(followed.by_station)))


def _columns(text: Text) -> list[Column]:
    return [
        Column(text("many.column.station")),
        Column("#", right=True, whole=True),
        Column(text("operations.column.status"), whole=True),
        Column(text("operations.column.changed"), whole=True),
    ]


def _row(operation: Operation) -> list[Cell]:
    changed = units.local_time(operation["changed_at"])
    return [operation["station_id"], str(operation["operation_id"]), status(operation), changed]


def status(operation: Mapping[str, Any]) -> Cell:
    """Its word, in a colour when it has ended."""
    word = str(operation["status"])
    if operation["ended_at"] is None:
        return word
    return Styled(word, "" if word in OVER else units.GOOD if word in DONE else units.BAD)


def _ended(text: Text, outcome: Outcome, operation: Operation | None) -> Outcome:
    """The outcome with the last word of its operation."""
    if operation is None:
        return outcome
    word, over = operation["status"], operation["ended_at"] is not None
    detail = "" if over else text("following.goes_on", operation=operation["operation_id"])
    answer = {**outcome.answer, "operation": operation}
    return replace(outcome, ok=over and word in DONE, status=word, detail=detail, answer=answer)
