"""The reference page is what the schema and the files say, and says where each field acts."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import pytest

from firmware_profiles import shipped
from firmware_profiles.facts import doc_of
from firmware_profiles.limits import Limits
from firmware_profiles.loader import TABLES
from firmware_profiles.reference import PAGE, main, page, shown

ROOT = Path(__file__).resolve().parents[3]
FIELDS = [(table, entry.name, doc_of(entry)) for table, kind in TABLES.items() for entry in fields(kind)]
SIMULATED = [(table, name, doc.sim.split()[0]) for table, name, doc in FIELDS if doc.sim]


def test_the_page_is_not_stale(tmp_path: Path) -> None:
    main(tmp_path / "page.md")
    assert (ROOT / PAGE).read_text("utf-8") == (tmp_path / "page.md").read_text("utf-8"), (
        "run python -m firmware_profiles.reference"
    )


def test_the_page_knows_every_profile() -> None:
    text = page()
    assert all(f"[`{profile.name}`]" in text for profile in shipped())


@pytest.mark.parametrize(("table", "name", "doc"), FIELDS, ids=[f"{table}.{name}" for table, name, _ in FIELDS])
def test_every_field_is_explained_and_acts_somewhere(table, name, doc) -> None:  # type: ignore[no-untyped-def]
    assert doc.text.endswith(".")
    assert doc.csms or doc.sim or name == "assumed"


def touched(path: Path) -> set[tuple[str, str]]:
    """Every `table.field` that a module reads, be the table a name, an attribute or a private one."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute):
            owner = node.value
            named = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
            found.add((named.lstrip("_"), node.attr))
    return found


MODULES = {
    path.relative_to(ROOT / "device_sim").as_posix(): touched(path) for path in (ROOT / "device_sim").rglob("*.py")
}


@pytest.mark.parametrize(("table", "name", "module"), SIMULATED, ids=[f"{t}.{n}" for t, n, _ in SIMULATED])
def test_a_field_acts_in_exactly_one_module_of_the_simulator(table: str, name: str, module: str) -> None:
    assert [path for path, found in MODULES.items() if (table, name) in found] == [module]


def test_what_is_said_to_act_nowhere_acts_nowhere() -> None:
    silent = {(table, name) for table, name, doc in FIELDS if not doc.sim and table != "match"}
    assert not {(path, *hit) for path, found in MODULES.items() for hit in found & silent}


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), ((), ""), ({}, ""), ("", ""), (False, "false"), (0, "0"), (0.5, "0.5"), (("A", "W"), "A, W"),
     ((6.0, 8.0), "6, 8"), ({"K": "1"}, "K = 1")],
)  # fmt: skip
def test_values_for_people(value: object, text: str) -> None:
    assert shown(value) == text


def test_limits_keep_the_names_that_the_ladder_uses() -> None:
    names = {entry.name for entry in fields(Limits)}
    assert names >= {
        "purposes", "static_key", "static_unit", "unit", "unit_key_lies", "kind", "stack_level", "connector",
        "station_only", "profile_id_max", "periods_max", "profiles_max", "step_a", "steps_a", "floor_a", "floor_w",
        "zero_means", "after_reconnect", "repeat_same", "needs_number_phases", "tx_profile_needs_transaction_id",
        "confirm_by", "reaction_s",
    }  # fmt: skip
