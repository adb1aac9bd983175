"""Exported frames (`csms station log --export`) as scripts, one for each connection. Pure.

What stations called is sent again; what they answered to a call of the central system is kept by action, for whatever
that calls now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

import orjson

HIDDEN = "***"
OCPP16, OCPP201 = "ocpp1.6", "ocpp2.0.1"
_ACTIONS_16 = frozenset({"StartTransaction", "StopTransaction"})
_ACTIONS_201 = frozenset({"TransactionEvent", "NotifyReport", "NotifyEvent", "SecurityEventNotification"})


class ScriptInvalid(ValueError):
    """The file holds no exported frames; the text names the line."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call was answered: `code` of a CALLERROR, "" for a CALLRESULT."""

    payload: Any
    code: str = ""
    description: str = ""

    @property
    def kind(self) -> str:
        """What answers are compared by."""
        return f"error {self.code}" if self.code else "result"


@dataclass(frozen=True, slots=True)
class Step:
    """Something to send, `offset_s` after the connection; `waits`: its answer came before the station spoke again."""

    offset_s: float
    text: str
    unique_id: str = ""
    action: str = ""
    answer: Answer | None = None
    waits: bool = False


@dataclass(slots=True)
class Script:
    """One connection; `length_s` until it ended. `left_out` counts frames of which too little was kept."""

    station_id: str
    protocol: str
    length_s: float = 0.0
    steps: list[Step] = field(default_factory=list)
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class _Line:
    at_s: float
    frame: Mapping[str, Any]
    items: list[Any] | None

    @property
    def key(self) -> tuple[str, str]:
        return str(self.frame["direction"]), str(self.frame["message"])


def read_scripts(lines: Iterable[str]) -> list[Script]:
    """The connections in an export, those of a station in order. Raises ScriptInvalid."""
    read = [_line(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    read.sort(key=lambda line: (line.frame["station_id"], line.at_s))
    scripts = []
    for _, of_station in groupby(read, key=lambda line: line.frame["station_id"]):
        scripts += [_script(part) for part in _connections(of_station)]
    return [script for script in scripts if script.steps or script.left_out]


def _line(number: int, text: str) -> _Line:
    try:
        frame = orjson.loads(text)
        at_s = datetime.fromisoformat(frame["at"]).timestamp()
        missing = {"station_id", "kind", "direction", "message", "action", "text"} - frame.keys()
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as fault:
        raise ScriptInvalid(f"line {number} is no exported frame: {fault}") from None
    if missing:
        raise ScriptInvalid(f"line {number} is no exported frame: {', '.join(sorted(missing))} missing")
    return _Line(at_s, frame, _items(frame["text"]) if frame["message"] else None)


def _items(text: str) -> list[Any] | None:
    try:
        items = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return items if isinstance(items, list) and len(items) >= 3 else None


def _connections(lines: Iterable[_Line]) -> Iterator[list[_Line]]:
    part: list[_Line] = []
    for line in lines:
        if line.frame["kind"] == "opened" and part:
            yield part
            part = []
        part.append(line)
    if part:
        yield part


def _script(lines: list[_Line]) -> Script:
    start_s = lines[0].at_s
    script = Script(str(lines[0].frame["station_id"]), _protocol(lines), lines[-1].at_s - start_s)
    answers = {
        str(line.items[1]): line for line in lines if line.items and line.key[0] == "out" and line.key[1] != "call"
    }
    spoken = [line for line in lines if line.key == ("in", "call") or line.frame["kind"] == "unreadable"]
    for place, line in enumerate(spoken):
        until_s = spoken[place + 1].at_s if place + 1 < len(spoken) else float("inf")
        step = _step(line, answers, line.at_s - start_s, until_s)
        if step is None:
            script.left_out += 1
        else:
            script.steps.append(step)
    for line in lines:
        if line.key in (("in", "result"), ("in", "error")) and line.items:
            script.answers.setdefault(str(line.frame["action"]), []).append(_answer(line))
    return script


def _step(line: _Line, answers: Mapping[str, _Line], offset_s: float, until_s: float) -> Step | None:
    """None when too little is left of the frame."""
    text = str(line.frame["text"])
    if line.frame["kind"] == "unreadable":
        return None if HIDDEN in text else Step(offset_s, text)
    if line.items is None:
        return None
    unique_id = str(line.items[1])
    found = answers.get(unique_id)
    answer = _answer(found) if found is not None else None
    waits = found is not None and found.at_s <= until_s
    return Step(offset_s, text, unique_id, str(line.frame["action"]), answer, waits)


def _answer(line: _Line) -> Answer:
    assert line.items is not None
    if line.frame["message"] == "result":
        return Answer(line.items[2])
    code, description = [*line.items[2:], ""][:2]
    return Answer({}, str(code), str(description))


def _protocol(lines: list[_Line]) -> str:
    """As the connection began; else by the messages there are."""
    opened = next((line for line in lines if line.frame["kind"] == "opened"), None)
    if opened is not None:
        facts = orjson.loads(opened.frame["text"])
        return str(facts.get("protocol") or OCPP16)
    actions = {line.frame["action"] for line in lines}
    return OCPP201 if actions & _ACTIONS_201 and not actions & _ACTIONS_16 else OCPP16
