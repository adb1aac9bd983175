"""Every alert that the server raises, and every code that a page shows, has words in both languages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from csms.grid.mqtt import AWAY
from csms.model.session import StopReason
from csms.station import alarms, security
from csms.texts import LANGUAGES, catalogue, entries
from monitor.dashboard.web.words import alert_words, said

ROOT = Path(__file__).resolve().parents[3]


def raised() -> Iterator[str]:
    """Values of the constants that the server's rooms hand to alerts, as far as they stand in the same module."""
    for path in (ROOT / "csms").rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        constants = {
            node.targets[0].id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                first = node.args[0]
                if node.func.attr in ("raise_", "alert") and isinstance(first, ast.Name) and first.id in constants:
                    yield constants[first.id]


def test_every_alert_has_a_heading_in_both_languages() -> None:
    kinds = {*raised(), *alarms.CRITICAL, *security.CRITICAL, AWAY}
    assert {"FeederAboveCap", "SessionCutOff", "LimitSourceSilent", "CertificateExpiring"} <= kinds
    assert sorted(kind for kind in kinds if f"alert.kind.{kind}" not in entries()) == []


@pytest.mark.parametrize("reason", list(StopReason))
def test_every_reason_for_an_end_has_words(reason: StopReason) -> None:
    words = {said(catalogue(lang), "stop", reason.value) for lang in LANGUAGES}
    assert len(words) == 2


def test_a_code_that_nobody_knows_is_shown_as_it_is() -> None:
    text = catalogue("zh")
    assert said(text, "cause", "new_cause") == "new cause"
    assert said(text, "cause", "station lost") == "充电桩离线"
    assert alert_words(text, {"kind": "SomethingNew"}) == "SomethingNew"
