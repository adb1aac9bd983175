"""Runs that were broken off go on where they were, and never with other code."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.sim.__main__ import main
from tests.support.sim_journal import Journal, OtherCode, code_of
from tests.support.sim_runs import Job, Runner
from tests.support.sim_world import Report

REPORT = Report(7, "calm", over=[(5, "feeder", 12.5)], use=0.75, messages=9, digest="d")


def test_what_was_run_is_not_run_again(tmp_path: Path) -> None:
    job, path = Job(7, "calm", brief=True), tmp_path / "runs"
    [first] = Runner(1, Journal(path, "code")).run_all([job])
    before = path.read_bytes()
    [again] = Runner(1, Journal(path, "code")).run_all([job])
    assert again == first
    assert path.read_bytes() == before


def test_a_report_comes_back_as_it_was(tmp_path: Path) -> None:
    Journal(tmp_path / "runs", "code").add("job", REPORT)
    found = Journal(tmp_path / "runs", "code").known("job")
    assert found is not None
    assert (found.over_s, found.use, found.digest) == (REPORT.over_s, REPORT.use, REPORT.digest)


def test_a_line_that_was_cut_off_is_run_again(tmp_path: Path) -> None:
    path = tmp_path / "runs"
    journal = Journal(path, "code")
    journal.add("whole", REPORT)
    journal.add("cut", REPORT)
    os.truncate(path, path.stat().st_size - 20)
    journal = Journal(path, "code")
    assert journal.known("whole") is not None
    assert journal.known("cut") is None
    journal.add("cut", REPORT)
    assert Journal(path, "code").known("cut") is not None


def test_runs_of_other_code_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Journal(tmp_path / "runs", "another")
    with pytest.raises(OtherCode, match="other code"):
        Journal(tmp_path / "runs", code_of())
    with pytest.raises(SystemExit):
        main(["--seeds", "1", "--journal", str(tmp_path / "runs")])
    assert "holds runs of other code" in re.sub(r"\s+", " ", capsys.readouterr().err)


def test_the_code_is_what_is_loaded() -> None:
    assert code_of() == code_of()
    assert len(code_of()) == 64
