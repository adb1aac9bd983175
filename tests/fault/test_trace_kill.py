"""SIGKILL at any moment: every note that was flushed is readable, in order; the next start goes on in a new file."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from csms.trace.segments import segments
from tests.support.traces import everything

ROOT = Path(__file__).resolve().parents[2]
VICTIM = Path(__file__).with_name("trace_victim.py")
RUNS = int(os.environ.get("CSMS_KILL_RUNS", "5"))

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")


def killed(folder: Path, told: Path, delay_s: float) -> int:
    """How many notes the victim said to have flushed."""
    told.unlink(missing_ok=True)
    victim = subprocess.Popen(
        [sys.executable, str(VICTIM), str(folder), str(told)], env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    try:
        while not (told.exists() and told.stat().st_size):
            assert victim.poll() is None, "the victim ended by itself"
            time.sleep(0.01)
        time.sleep(delay_s)
    finally:
        victim.kill()
        victim.wait()
    return int(told.read_bytes().splitlines()[-1])


def test_what_was_flushed_survives(tmp_path) -> None:
    rng = random.Random("trace kill")
    folder, before = tmp_path / "traces", 0
    for _ in range(RUNS):
        flushed = killed(folder, tmp_path / "told", rng.uniform(0.0, 0.5))
        kept = everything(folder, limit=1000)
        mine = kept[before:]
        assert len(mine) >= flushed
        assert [note.text.split('"')[1] for note in mine] == [f"{number}" for number in range(len(mine))]
        before = len(kept)
    assert len(segments(folder)) >= RUNS
