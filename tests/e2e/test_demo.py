"""The demo as a machine runs it: real processes, some hours of the day, and the promises of its report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.acn import acn_file
from tests.support.running import ROOT, csms

COMMAND = [sys.executable, "-c", "import cli; cli.main()", "demo"]
PACE = ("--speed", "90", "--duration", "40")
"""An hour of the day; slow enough that a busy machine's hiccups stay shorter than the notice of a limit."""
SPOKEN_TO_S = 270.0
"""Three seconds of the wall: cars that stand there at the start draw freely until their pile has been spoken to."""


def run_demo(tmp_path: Path, *more: str) -> dict:
    report = tmp_path / "report.json"
    done = subprocess.run(
        [*COMMAND, "--headless", *PACE, "--report", str(report), "--keep", str(tmp_path / "run"), *more],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(report.read_text("utf-8"))


def check(report: dict) -> None:
    assert report["samples"]["acknowledged"] == report["samples"]["stored"] > 0
    assert set(report["stations"]) == {"ocpp1.6", "ocpp2.0.1"}
    assert sum(report["stations"].values()) == 24
    assert report["sessions"]["started"] == report["sessions"]["ended"] > 0
    assert report["plan_gap_max"] <= 1e-4
    assert report["profiles"]["accepted"] > 0
    assert all(partner["queued"] == partner["sent"] == partner["retry"] == 0 for partner in report["province"])
    assert all(partner["acked"] > 0 for partner in report["province"])
    assert (report["load"]["last_over_cap_at_s"] or 0.0) < report["load"]["all_connected_at_s"] + SPOKEN_TO_S
    assert report["energy"]["delivered_wh"] > 0


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_generated_stretch_of_day(tmp_path: Path) -> None:
    check(run_demo(tmp_path, "--seed", "7"))


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_recorded_stretch_of_day(tmp_path: Path) -> None:
    recorded = acn_file("acn_caltech_2019-05-01_2019-08-31.csv.gz")
    check(run_demo(tmp_path, "--sessions", str(recorded)))


@pytest.mark.timeout(90)
@pytest.mark.parametrize("after_s", [0.0, 1.0, 2.5, 8.0])
def test_ctrl_c_ends_it_cleanly_and_leaves_no_process(tmp_path: Path, after_s: float) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--headless", "--duration", "60", "--keep", str(tmp_path / "run")],
        cwd=ROOT,
        env={**os.environ, "CSMS_DEMO_MARK": str(tmp_path), "CSMS_LANG": "en", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Starting")
    time.sleep(after_s)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    assert "Traceback" not in out
    assert left_behind(str(tmp_path)) == []


def left_behind(mark: str) -> list[str]:
    """Command lines of processes that carry the mark in their environment (Linux)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes() and int(folder.name) != os.getpid():
                found.append((folder / "cmdline").read_text().replace("\0", " "))
        except (OSError, ValueError):
            continue
    return found


def test_a_file_that_is_no_csv_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "noise.csv"
    file.write_text("this,is\nnot,it\n")
    done = csms("demo", "--headless", "--duration", "10", "--sessions", str(file))
    assert done.returncode == 2
    assert "noise.csv" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
