"""Folders of series that cannot be read are said to be so, whatever is wrong with them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from csms.texts import catalogue
from monitor.forecast.console import build
from monitor.forecast.folder import read_folder
from monitor.forecast.panel import PanelBroken

HEAD = "time,a\n"
WHOLE = gzip.compress((HEAD + "".join(f"2026-01-{day:02d}T00:00,1\n" for day in range(1, 32))).encode())
BROKEN = {
    "empty": b"",
    "head of gzip": WHOLE[:12],
    "cut": WHOLE[:-12],
    "bit": WHOLE[:30] + bytes([WHOLE[30] ^ 0xFF]) + WHOLE[31:],
    "no gzip": b"time,a\n",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_no_panel(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "volume.csv.gz").write_bytes(content)
    with pytest.raises((PanelBroken, OSError)):
        read_folder(tmp_path)
    told = CliRunner().invoke(build(catalogue("en")), ["evaluate", str(tmp_path), "--json"])
    assert told.exit_code == 2
    assert json.loads(told.stderr.strip().splitlines()[-1])["detail"]


@pytest.mark.parametrize("option", ["--horizons", "--folds"])
@pytest.mark.parametrize("words", ["0", "a", "1,-2", ","])
def test_numbers_that_are_none_are_wrong_usage(tmp_path: Path, option: str, words: str) -> None:
    rows = "".join(f"2026-01-01T{hour:02d}:00,1\n" for hour in range(24))
    (tmp_path / "volume.csv").write_text(HEAD + rows)
    told = CliRunner().invoke(build(catalogue("en")), ["evaluate", str(tmp_path), option, words, "--json"])
    newest = option == "--folds" and words == ","
    assert told.exit_code == (1 if newest else 2), "no fold named is the newest, which is too short here"
