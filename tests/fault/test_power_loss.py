"""What was acknowledged survives a loss of power at any moment (hot-path 4.4, point 6).

One run of the real writer on SQLite is recorded call by call; then the power fails at hundreds of moments of it, and
the disk keeps what was flushed and any part of what was not. The negative control commits without waiting for the
disk (synchronous=NORMAL), which no SIGKILL can tell from FULL: here it must lose.
"""

from __future__ import annotations

import os
import random
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from csms.store import migrate
from tests.support.power_loss import Disk, Note, available, record

ROOT = Path(__file__).resolve().parents[2]
VICTIM = Path(__file__).with_name("store_victim.py")
MOMENTS = int(os.environ.get("CSMS_POWER_LOSSES", "150"))
ACKNOWLEDGED_BYTES = 4_000
ROWS_OF_A_MESSAGE = 3
MESSAGES = "SELECT p.evse_id FROM sample s JOIN metering_point p ON p.id = s.point_id"

pytestmark = [
    pytest.mark.skipif(not available(), reason="needs strace, and leave to trace processes"),
    pytest.mark.timeout(300),
]


class Recording:
    """A run of the victim and the disk that it began with."""

    def __init__(self, folder: Path, mode: str) -> None:
        self.database = folder / "csms.db"
        self.acknowledged = folder / "acknowledged"
        migrate.upgrade(url := f"sqlite+aiosqlite:///{self.database}")
        self.start = {str(path): path.read_bytes() if path.exists() else b"" for path in self.files}
        command = [sys.executable, str(VICTIM), url, str(self.acknowledged), mode]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.notes = record(command, folder / "notes", self._enough, cwd=ROOT, env=environment)

    @property
    def files(self) -> tuple[Path, Path]:
        """Database and log; what SQLite keeps in shared memory is gone with the power."""
        return self.database, self.database.with_name("csms.db-wal")

    def _enough(self) -> bool:
        return self.acknowledged.exists() and self.acknowledged.stat().st_size > ACKNOWLEDGED_BYTES

    def losses(self, seed: int) -> Iterator[tuple[dict[str, bytes], set[int]]]:
        """Chance moments: what the disk holds then, and the messages that were acknowledged before."""
        chance = random.Random(seed)
        moments = set(chance.sample(range(len(self.notes)), min(MOMENTS, len(self.notes))))
        disk, told = Disk(self.start), set[int]()
        for number, note in enumerate(self.notes):
            if number in moments:
                yield disk.after_power_loss(chance), set(told)
            told |= _numbers(note) if note.path == str(self.acknowledged) else set()
            disk.play(note)


def _numbers(note: Note) -> set[int]:
    return {int(line) for line in note.data.decode().split() if line.isdigit()}


def _found(folder: Path, recording: Recording, content: dict[str, bytes]) -> Counter[int]:
    """The rows of each message once the machine is up again; the file must be sound."""
    folder.mkdir()
    for path in recording.files:
        (folder / path.name).write_bytes(content[str(path)])
    with sqlite3.connect(folder / recording.database.name) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return Counter(number for (number,) in connection.execute(MESSAGES))


@pytest.mark.parametrize("mode", ["after", "checkpoints"])
def test_nothing_acknowledged_is_lost_with_the_power(mode: str, tmp_path: Path) -> None:
    recording = Recording(tmp_path, mode)
    checkpoints = sum(note.kind == "flush" and note.path == str(recording.database) for note in recording.notes)
    assert checkpoints > 2 or mode == "after"
    told_counts = set()
    for number, (content, told) in enumerate(recording.losses(seed=20260103)):
        rows = _found(tmp_path / str(number), recording, content)
        assert not told - rows.keys(), f"lost at moment {number}"
        assert set(rows.values()) <= {ROWS_OF_A_MESSAGE}
        told_counts.add(len(told))
    assert len(told_counts) > 10, "the power failed before anything was acknowledged: the test proves nothing"


def test_a_commit_that_does_not_wait_for_the_disk_loses(tmp_path: Path) -> None:
    """The negative control: this test must be able to see a loss."""
    recording = Recording(tmp_path, "unflushed")
    losses = enumerate(recording.losses(seed=20260104))
    assert any(told - _found(tmp_path / str(n), recording, content).keys() for n, (content, told) in losses)
