"""Each field of a firmware profile has its effect in the one module of csms that its documentation names."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import pytest

from firmware_profiles.facts import doc_of
from firmware_profiles.loader import TABLES

ROOT = Path(__file__).resolve().parents[2] / "csms"
FIELDS = {
    (table, entry.name): doc_of(entry).csms
    for table, kind in TABLES.items()
    for entry in fields(kind)
    if table != "match" or entry.name == "assumed"  # what a profile is found by is read in firmware_profiles alone
}
SHARED = {("limits", "static_key")}
"""The ladder sets the key of a limit; the rest of the station room has to leave it alone."""


def owner(node: ast.expr) -> str:
    """The table that an expression stands for: `known.limits`, `self._limits`, `limits_of(station)`."""
    if isinstance(node, ast.Call):
        return owner(node.func)
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return name.strip("_").removesuffix("_of")


def read_fields(text: str) -> set[tuple[str, str]]:
    """Every `table.field` that a module reads, be it that of a profile or by chance of something else."""
    tree = ast.parse(text)
    return {(owner(node.value), node.attr) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


READ = {path.relative_to(ROOT).as_posix(): read_fields(path.read_text("utf-8")) for path in ROOT.rglob("*.py")}


def readers(field: tuple[str, str]) -> list[str]:
    return sorted(module for module, found in READ.items() if field in found)


@pytest.mark.parametrize("field", FIELDS, ids=".".join)
def test_a_field_acts_where_it_says_and_nowhere_else(field: tuple[str, str]) -> None:
    said = FIELDS[field]
    named = [] if said.startswith("nothing: ") else said.split(", ")
    assert readers(field) == sorted(named)
    assert said, "a field that needs no effect says why: `nothing: ...`"
    assert len(named) <= 1 or field in SHARED


@pytest.mark.parametrize(
    "line",
    ["known.limits.unit", "limits.unit", "self._limits(ref).unit", "limits_of(station).unit", "self._limits.unit"],
)
def test_a_reader_is_noticed(line: str) -> None:
    assert ("limits", "unit") in read_fields(line)
