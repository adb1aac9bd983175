"""The page of requirements is what the marks on the tests say, and no mark names what does not exist."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from tests.conformance import matrix
from tests.support import catalogue
from tests.support.catalogue import Entry


def has_all_tests(session: pytest.Session) -> bool:
    """Whether nothing was left out of this run."""
    option = session.config.option
    chosen = option.keyword or option.markexpr or option.deselect or any("::" in name for name in session.config.args)
    files = {item.path for item in session.items}
    return not chosen and files >= set((matrix.ROOT / "tests").rglob("test_*.py"))


@pytest.mark.timeout(400)
def test_the_page_is_fresh_and_every_mark_is_known(request: pytest.FixtureRequest) -> None:
    """By this run's own collection when it is whole, because another one takes half a minute."""
    if has_all_tests(request.session):
        assert matrix.faults(matrix.shown_by(request.session.items)) == []
        return
    check = [sys.executable, "-m", "tests.conformance.matrix", "--check"]
    told = subprocess.run(check, cwd=matrix.ROOT, capture_output=True, text=True, timeout=360, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


def test_the_catalogue_is_complete() -> None:
    parts = Counter(entry.part for entry in catalogue.load().values())
    assert parts["OCPP 1.6, OCA test cases"] == 77
    assert parts["OCPP 2.0.1, OCA test cases"] == 252
    assert parts["OCPP 2.0.1, functional requirements"] == 1288
    assert parts["OCPP 2.1, functional requirements"] == 1901
    assert parts["OCPP 1.6 security extension"] == 204
    fields = Counter(entry.id.split("-")[0] for entry in catalogue.load().values() if entry.part == "In the field")
    assert (fields["RB"], fields["SR"], fields["OA"], fields["PAIN"], fields["HP"]) == (71, 12, 24, 30, 8)


def test_an_unknown_id_is_named_with_its_tests() -> None:
    entries = {"A01": Entry("A01", "Part", "Block", "csms")}
    assert matrix.unknown({"A01": ["a.py::test"], "A1": ["b.py::test"]}, entries) == ["unknown id 'A1': b.py::test"]


def test_the_page_tells_shown_from_not_yet_and_whose_duty_it_is() -> None:
    entries = [
        Entry("TC_1", "Cases", "Core", "csms", "boot | again"),
        Entry("TC_2", "Cases", "Core", "csms"),
        Entry("S1", "Rules", "A", "station"),
        Entry("S2", "Rules", "A", "station"),
        Entry("P1", "Rules", "B", "operator"),
    ]
    shown = {"TC_1": ["tests/unit/a/test_a.py::test_boot", "tests/e2e/test_b.py::test_b"], "S1": ["tests/c.py::t"]}
    written = matrix.page({entry.id: entry for entry in entries}, shown)
    assert "| Cases | 2 | 1 | 1 | 0 | 0 | 0 |" in written
    assert "| Rules | 0 | 0 | 0 | 2 | 1 | 1 |" in written
    links = "[test_a::test_boot](../tests/unit/a/test_a.py)<br>[test_b::test_b](../tests/e2e/test_b.py)"
    assert f"| TC_1 | boot / again | {links} |" in written
    assert "| TC_2 |  | not yet |" in written
    assert "| S1 (station) | [c::t](../tests/c.py) |" in written
    assert "S2" not in written
    assert "Of people, not of software: P1." in written
