"""How a frame looks on one line: time, station, direction, action, what kind of message, payload. Pure."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.text import Text as Styled

from csms.console import units
from csms.console.layout import GAP, shorten
from csms.texts import Text

ACTION_WIDTH, STATION_WIDTH = 24, 16
MESSAGE_WIDTH = 12
ANSWERED_KEPT = 1000
"""Calls whose answer may still come; stations that never answer must not fill memory."""

ARROWS = {"in": ("→", "#2f7ed8"), "out": ("←", "#00a3a3"), "": ("·", "#8a929c")}
"""Station to server, server to station, neither."""

Frame = Mapping[str, Any]


class FrameLines:
    """Makes lines; remembers calls, so that an answer can say how long it took."""

    def __init__(self, text: Text, width: int, *, stations: bool, full: bool) -> None:
        self._text, self._width, self._stations, self._full = text, width, stations, full
        self._called: OrderedDict[tuple[str, str], float] = OrderedDict()

    def line(self, frame: Frame) -> Styled:
        """One frame; cut to the width unless all of it is wanted."""
        arrow, colour = ARROWS[frame["direction"]]
        kind, payload = self._content(frame)
        bad = frame["kind"] in ("unreadable", "refused", "silent", "dropped") or frame["message"] == "error"
        line = Styled(_time(frame["at"]) + GAP, "", no_wrap=True, overflow="ignore")
        if self._stations:
            line.append(_column(frame["station_id"], STATION_WIDTH), "bold")
        line.append(arrow + " ", colour)
        line.append(_column(frame["action"] or units.NOTHING, ACTION_WIDTH), colour)
        line.append(_column(kind, MESSAGE_WIDTH), units.BAD if bad else "dim")
        line.append(_visible(payload), units.BAD if bad else "")
        return line if self._full else _cut(line, self._width)

    def _content(self, frame: Frame) -> tuple[str, str]:
        if frame["kind"] not in ("frame", "unreadable"):
            return self._text(f"frames.kind.{frame['kind']}"), self._event(frame)
        items = _items(frame["text"])
        if frame["kind"] == "unreadable" or not frame["message"] or items is None:
            return self._text("frames.kind.unreadable"), str(frame["text"])
        took = self._took(frame, str(items[1]))
        kind = self._text(f"frames.message.{frame['message']}") + (f" {took}" if took else "")
        return kind, _payload(frame["message"], items)

    def _took(self, frame: Frame, unique_id: str) -> str:
        """How long after its call an answer came."""
        key, at_s = (frame["station_id"], unique_id), units.moment(frame["at"]).timestamp()
        if frame["message"] == "call":
            self._called[key] = at_s
            if len(self._called) > ANSWERED_KEPT:
                self._called.popitem(last=False)
            return ""
        called_s = self._called.pop(key, None)
        return "" if called_s is None or at_s < called_s else _short(at_s - called_s)

    def _event(self, frame: Frame) -> str:
        facts = json.loads(frame["text"] or "{}")
        if frame["kind"] == "opened":
            return self._text("frames.opened", peer=facts.get("peer"), protocol=facts.get("protocol"))
        if frame["kind"] == "closed":
            by = self._text("frames.by_station" if facts.get("by") == "station" else "frames.by_server")
            return self._text(
                "frames.closed", by=by, code=facts.get("code"), reason=facts.get("reason") or units.NOTHING
            )
        if frame["kind"] == "silent":
            return self._text("frames.silent", seconds=f"{facts.get('waited_s', 0):g}")
        if frame["kind"] == "dropped":
            return self._text("frames.dropped", count=facts.get("count"))
        return " ".join(f"{name}={value}" for name, value in facts.items() if value is not None)


def _items(text: str) -> list[Any] | None:
    try:
        items = json.loads(text)
    except ValueError:
        return None
    return items if isinstance(items, list) and len(items) >= 3 else None


def _payload(message: str, items: list[Any]) -> str:
    if message == "error":
        code, description, details = [*items[2:], "", ""][:3]
        return " ".join(str(part) for part in (code, description, _compact(details) if details else "") if part)
    return _compact(items[-1])


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _time(at: str) -> str:
    local = units.moment(at).astimezone()
    return f"{local:%m-%d %H:%M:%S}.{local.microsecond // 1000:03d}"


def _short(delay_s: float) -> str:
    return f"{delay_s * 1000:.0f} ms" if delay_s < 1 else f"{delay_s:.1f} s"


def _column(words: str, width: int) -> str:
    return set_cell_size(shorten(_visible(words), width), width) + GAP


def _visible(words: str) -> str:
    """Nothing in a frame may move the cursor or colour the terminal of whoever looks at it."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in words)


def _cut(line: Styled, width: int) -> Styled:
    if cell_len(line.plain) > width:
        line.truncate(width - 1, overflow="crop")
        line.append("…")
    return line
