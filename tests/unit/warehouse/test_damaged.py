"""A warehouse that cannot be read is said, with what to do; nothing ends in a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from csms.texts import catalogue
from monitor.warehouse.console import build


@pytest.mark.parametrize("day", ["2026-03-02", "yesterday"])
@pytest.mark.parametrize("words", [["stats", "energy"], ["stats", "grid"], ["export", "energy", "out.csv"]])
def test_a_damaged_file_is_named(tmp_path: Path, day: str, words: list[str]) -> None:
    file = tmp_path / "warehouse" / "day_evse" / f"date={day}" / "part.parquet"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"no Parquet")
    told = CliRunner().invoke(build(catalogue("en")), [*words, "--data-dir", str(tmp_path), "--json"])
    assert told.exit_code == 1
    document = json.loads(told.stderr.strip().splitlines()[-1])
    assert document["code"] == "warehouse_damaged"
    assert day in document["detail"]
    assert "csms warehouse load --since" in document["detail"]
    assert not (tmp_path / "out.csv").exists()
