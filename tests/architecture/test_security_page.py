"""docs/security.md: each of the sixteen attack classes has its row and its test file, and no file is without a row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "security.md"
ROW = re.compile(r"^\| (\d\d) \| [^|]+ \| [^|]+ \| `(tests/security/test_\d\d_[^`]+\.py)` \| [^|]+ \|$", re.MULTILINE)
CLASSES = [f"{number:02}" for number in range(1, 17)]


def files(number: str) -> list[str]:
    found = sorted((ROOT / "tests" / "security").glob(f"test_{number}_*.py"))
    return [path.relative_to(ROOT).as_posix() for path in found]


def rows() -> dict[str, str]:
    return dict(ROW.findall(PAGE.read_text("utf-8")))


def test_every_class_has_its_row() -> None:
    assert sorted(rows()) == CLASSES


@pytest.mark.parametrize("number", CLASSES)
def test_every_class_has_exactly_one_file_which_its_row_names(number: str) -> None:
    (file,) = files(number)
    assert Path(file).match(rows()[number])


def test_no_file_is_without_a_row() -> None:
    numbered = {path.name[5:7] for path in (ROOT / "tests" / "security").glob("test_[0-9][0-9]_*.py")}
    assert numbered <= set(rows())


def test_advisories_are_named() -> None:
    text = PAGE.read_text("utf-8")
    assert len(set(re.findall(r"CVE-\d{4}-\d{4,}", text))) >= 9
    assert "SECURITY.md" in text
