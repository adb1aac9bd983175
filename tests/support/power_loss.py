"""What a disk holds after the power failed at any moment of a recorded run.

`record` runs a process under strace and notes every write, cut and flush of its files in order. `Disk` plays the notes:
what a flush confirmed is there for good; of what was written since, each 512-byte sector may have reached the disk or
not, in any order, because disks write what they hold back as they like. Creating a file counts as durable (SQLite
flushes the folder of its log by itself).
"""

from __future__ import annotations

import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512
_CALLS = "pwrite64,write,ftruncate,fsync,fdatasync"
_LINE = re.compile(r"^(?P<thread>\d+) +(?P<text>.*)$")
_CALL = re.compile(r"^(?P<name>\w+)\(\d+<(?P<path>[^>]*)>(?P<rest>.*)\) = (?P<result>-?\d+)")
_DATA = re.compile(r'^, "(?P<data>(?:\\x[0-9a-f]{2})*)", \d+(?:, (?P<offset>\d+))?$')
_UNFINISHED = " <unfinished ...>"
_RESUMED = re.compile(r"^<\.\.\. \w+ resumed>")


@dataclass(frozen=True, slots=True)
class Note:
    """One call that succeeded: `kind` is write, cut or flush; `offset` of a cut is the new size, None: at the end.

    `begun`: how many notes there were when the call began; a flush confirms what was written before that.
    """

    kind: str
    path: str
    data: bytes = b""
    offset: int | None = None
    begun: int = 0


def available() -> bool:
    """Whether strace is there and may look at processes here."""
    if shutil.which("strace") is None:
        return False
    tried = subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], check=False, capture_output=True)
    return tried.returncode == 0


def record(command: Sequence[str], notes: Path, enough: Callable[[], bool], **popen: object) -> list[Note]:
    """Run `command` until `enough()`, kill it, and return what it wrote. Its file of notes stays in `notes`."""
    strace = ["strace", "-f", "-qq", "-y", "-xx", "-s", "70000", "-e", f"trace={_CALLS}", "-e", "signal=none"]
    process = subprocess.Popen([*strace, "-o", str(notes), *command], start_new_session=True, **popen)  # type: ignore[call-overload]
    try:
        while not enough():
            if process.poll() is not None:
                raise RuntimeError(f"the recorded process ended with {process.returncode}")
            time.sleep(0.01)
    finally:
        subprocess.run(["pkill", "-KILL", "-s", str(process.pid)], check=False)
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    with notes.open(encoding="ascii", errors="replace") as lines:
        return list(read(lines))


def read(lines: Iterable[str]) -> Iterable[Note]:
    """The notes in the lines of strace, calls of several threads in the order in which they ended."""
    open_calls: dict[str, tuple[str, int]] = {}
    told = 0
    for line in lines:
        found = _LINE.match(line.rstrip("\n"))
        if found is None:
            continue
        thread, text = found["thread"], found["text"]
        begun = told
        if text.endswith(_UNFINISHED):
            open_calls[thread] = text.removesuffix(_UNFINISHED), told
            continue
        if _RESUMED.match(text):
            start, begun = open_calls.pop(thread, ("", told))
            text = start + _RESUMED.sub("", text)
        note = _note(text, begun)
        if note is not None:
            told += 1
            yield note


def _note(text: str, begun: int) -> Note | None:
    call = _CALL.match(text)
    if call is None or int(call["result"]) < 0:
        return None
    path = _bytes(call["path"]).decode(errors="replace")
    if call["name"] in ("fsync", "fdatasync"):
        return Note("flush", path, begun=begun)
    if call["name"] == "ftruncate":
        return Note("cut", path, offset=int(call["rest"].removeprefix(", ")))
    data = _DATA.match(call["rest"])
    if data is None:
        return None
    offset = int(data["offset"]) if data["offset"] is not None else None
    return Note("write", path, _bytes(data["data"])[: int(call["result"])], offset)


def _bytes(written: str) -> bytes:
    return bytes.fromhex(written.replace("\\x", "")) if written.startswith("\\x") else written.encode()


@dataclass
class _File:
    """Confirmed content, and what was written since with the number of its note."""

    durable: bytearray
    waiting: list[tuple[int, Note]] = field(default_factory=list)


class Disk:
    """The named files of a machine, note by note. `start`: their content before the first note."""

    def __init__(self, start: Mapping[str, bytes]) -> None:
        self._files = {path: _File(bytearray(content)) for path, content in start.items()}
        self._number = 0

    def play(self, note: Note) -> None:
        """The next note; files that were not named at the start are not looked at."""
        file = self._files.get(note.path)
        if file is not None and note.kind == "flush":
            for number, written in file.waiting:
                if number < note.begun:
                    _apply(file.durable, written)
            file.waiting = [(number, written) for number, written in file.waiting if number >= note.begun]
        elif file is not None:
            file.waiting.append((self._number, note))
        self._number += 1

    def after_power_loss(self, chance: random.Random) -> dict[str, bytes]:
        """What may be found: confirmed content and a chance selection of the sectors written since."""
        share = chance.choice((0.0, 0.3, 0.7, 1.0))
        return {path: _with_some(file, share, chance) for path, file in self._files.items()}


def _with_some(file: _File, share: float, chance: random.Random) -> bytes:
    content = bytearray(file.durable)
    for _, note in file.waiting:
        if note.kind == "cut":
            if chance.random() < share:
                _apply(content, note)
            continue
        start = note.offset if note.offset is not None else len(content)
        for begin in range(0, len(note.data), SECTOR):
            if chance.random() < share:
                _apply(content, Note("write", note.path, note.data[begin : begin + SECTOR], start + begin))
    return bytes(content)


def _apply(content: bytearray, note: Note) -> None:
    if note.kind == "cut":
        size = note.offset or 0
        del content[size:]
        content.extend(bytes(size - len(content)))
        return
    start = note.offset if note.offset is not None else len(content)
    content.extend(bytes(max(0, start - len(content))))
    content[start : start + len(note.data)] = note.data
