"""The import contracts hold, and a planted violation is caught (a rule that cannot fail guards nothing)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("csms", "device_sim", "optimizer", "monitor", "firmware_profiles")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the sources that may be broken."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("cli.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


PLANTED = [
    ("csms/wire/frames.py", "import asyncio", "Pure rooms"),
    ("csms/station/service.py", "import csms.gateway.listener", "lower rooms"),
    ("device_sim/battery.py", "import csms.model.ids", "share no code"),
    ("csms/station/metering.py", "import sqlalchemy", "SQL only"),
    ("csms/model/ids.py", "import csms.texts", "lower rooms"),
]


def test_the_contracts_hold(copy: Path) -> None:
    result = lint(copy)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(("file", "line", "contract"), PLANTED, ids=[case[1] for case in PLANTED])
def test_a_planted_violation_breaks_the_build(copy: Path, file: str, line: str, contract: str) -> None:
    path = copy / file
    path.write_text(
        path.read_text("utf-8").replace(
            "from __future__ import annotations", f"from __future__ import annotations\n{line}", 1
        )
    )
    result = lint(copy)
    assert result.returncode != 0
    assert any(contract in row and "BROKEN" in row for row in result.stdout.splitlines()), result.stdout
