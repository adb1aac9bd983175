"""Every command of `csms evidence`: in words, as JSON, in Chinese, and what is said of wrong input."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from csms.texts import catalogue
from monitor.evidence.console import build
from monitor.store.intake import open_intake
from tests.unit.evidence.test_evidence_log import OPERATOR, fill

ORDER = f"{OPERATOR}{3:018d}"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A platform that has seventeen records of three days."""

    async def make() -> None:
        store = await open_intake(tmp_path / "data")
        await fill(store, 17)
        await store.close()

    asyncio.run(make())
    return tmp_path / "data"


def run(*arguments: object, lang: str = "en") -> Any:
    return CliRunner().invoke(build(catalogue(lang)), [str(argument) for argument in arguments])


def closed(data: Path, *words: object, lang: str = "en") -> Any:
    return run(*words, "--data-dir", data, lang=lang)


def test_days_are_closed_once(data: Path) -> None:
    first = closed(data, "close", "--json")
    heads = json.loads(first.stdout)
    assert (first.exit_code, [row["head"]["day"] for row in heads][:3]) == (
        0,
        ["2026-03-01", "2026-03-02", "2026-03-03"],
    )
    assert "Every day" in closed(data, "close").output
    assert json.loads(closed(data, "close", "--json").stdout) == []
    shutil.rmtree(data)


def test_closing_is_told_in_words(data: Path) -> None:
    told = closed(data, "close", lang="zh")
    assert told.exit_code == 0
    assert f"{OPERATOR} 2026-03-01" in told.output


def test_from_closing_to_a_check_elsewhere(data: Path, tmp_path: Path) -> None:
    closed(data, "close")
    out, pem, proof, grown = (tmp_path / name for name in ("out", "platform.pem", "proof.json", "grown.json"))
    made = closed(data, "export", "--operator", OPERATOR, "--out", out, "--json")
    assert json.loads(made.stdout)["records"] == 17
    some = closed(
        data, "export", "--operator", OPERATOR, "--from", "2026-03-02", "--to", "2026-03-02", "--out", tmp_path / "b"
    )
    assert "of 1 days" in some.output
    pem.write_text(closed(data, "key").output)
    assert json.loads(closed(data, "key", "--json").stdout)["public_key"] == pem.read_text()
    assert str(proof) in closed(data, "prove", "--operator", OPERATOR, "--order", ORDER, "--out", proof).output
    shown = closed(data, "prove", "--operator", OPERATOR, "--record", 3)
    assert json.loads(shown.stdout) == json.loads(proof.read_text())
    both = closed(data, "prove", "--operator", OPERATOR, "--record", 3, "--out", tmp_path / "again.json", "--json")
    assert json.loads(both.stdout) == json.loads((tmp_path / "again.json").read_text())
    days = ("--since", "2026-03-01", "--day", "2026-03-03")
    grown.write_text(closed(data, "prove", "--operator", OPERATOR, *days).output)
    shutil.rmtree(data)
    for path in (out, tmp_path / "b", proof, grown):
        result = run("verify", path, "--key-file", pem)
        assert (result.exit_code, result.output[:5]) == (0, "Verif"), result.output
        told = json.loads(run("verify", path, "--key-file", pem, "--json").stdout)
        assert (told["verdict"], told["consistent"], told["key_known"], told["faults"]) == ("verified", True, True, [])


def test_a_key_that_came_along_verifies_nothing(data: Path, tmp_path: Path) -> None:
    """A stranger can write a whole log with a key of his own: consistent, and signed by nobody known."""
    closed(data, "close")
    proof, stranger, pem = tmp_path / "proof.json", tmp_path / "stranger", tmp_path / "platform.pem"
    pem.write_text(closed(data, "key").output)
    shutil.copytree(data, stranger)
    (stranger / "evidence-key.pem").unlink()
    with sqlite3.connect(stranger / "intake.db") as connection:
        connection.execute("delete from evidence_head")
    connection.close()
    closed(stranger, "close")
    closed(stranger, "prove", "--operator", OPERATOR, "--order", ORDER, "--out", proof)
    told = run("verify", proof)
    assert (told.exit_code, "signer unknown" in told.output, "erified" in told.output) == (3, True, False)
    assert "签名者未知" in run("verify", proof, lang="zh").output
    verdict = json.loads(run("verify", proof, "--json").stdout)
    assert (verdict["verdict"], verdict["consistent"], verdict["key_known"]) == (
        "consistent_signer_unknown", True, False,
    )  # fmt: skip
    known = run("verify", proof, "--key-file", pem, "--json")
    assert (known.exit_code, json.loads(known.stdout)["verdict"]) == (1, "wrong")


def test_a_fault_is_named_and_leaves_with_1(data: Path, tmp_path: Path) -> None:
    closed(data, "close")
    closed(data, "export", "--operator", OPERATOR, "--out", tmp_path / "out")
    path = tmp_path / "out" / "records.ndjson"
    rows = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(rows[:2] + rows[3:]))
    result = run("verify", tmp_path / "out", lang="zh")
    assert (result.exit_code, "记录 2" in result.stderr) == (1, True)
    machine = run("verify", tmp_path / "out", "--json")
    assert (machine.exit_code, json.loads(machine.stdout)["faults"][0]["name"]) == (1, "removed")


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        (("export", "--operator", "000000000", "--out", "{new}"), 1, "no_evidence"),
        (("export", "--operator", OPERATOR, "--from", "2030-01-01", "--out", "{new}"), 1, "no_evidence"),
        (("export", "--operator", OPERATOR, "--out", "{full}"), 1, "failed"),
        (("prove", "--operator", OPERATOR, "--order", "x"), 1, "no_evidence"),
        (("prove", "--operator", OPERATOR, "--order", ORDER, "--kind", "station"), 1, "no_evidence"),
        (("prove", "--operator", OPERATOR, "--record", "17"), 1, "no_evidence"),
        (("prove", "--operator", OPERATOR, "--since", "2026-03-03", "--day", "2026-03-01"), 1, "no_evidence"),
        (("prove", "--operator", OPERATOR, "--record", "3", "--out", "{nowhere}"), 1, "not_written"),
    ],
)
def test_what_cannot_be_done_is_named(
    data: Path, tmp_path: Path, words: tuple[str, ...], exit_code: int, code: str
) -> None:
    closed(data, "close")
    files = {"new": tmp_path / "new", "full": data, "nowhere": tmp_path / "no" / "where"}
    result = closed(data, *(word.format(**files) for word in words), "--json")
    assert (result.exit_code, json.loads(result.stderr)["code"], result.stdout) == (exit_code, code, "")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("prove", "--operator", OPERATOR),
        ("prove", "--operator", OPERATOR, "--record", "1", "--order", "x"),
        ("prove", "--operator", OPERATOR, "--since", "2026-03-01"),
        ("prove", "--operator", OPERATOR, "--order", "x", "--kind", "car"),
        ("prove", "--operator", OPERATOR, "--since", "yesterday", "--day", "2026-03-01"),
        ("export", "--operator", OPERATOR, "--from", "2026-3-x", "--out", "y"),
        ("export", "--operator", OPERATOR),
        ("export", "--out", "y"),
    ],
)
def test_wrong_usage_leaves_with_2(data: Path, words: tuple[str, ...]) -> None:
    assert closed(data, *words).exit_code == 2


@pytest.mark.parametrize("command", ["close", "key"])
def test_without_a_database(tmp_path: Path, command: str) -> None:
    result = run(command, "--data-dir", tmp_path / "nowhere", "--json")
    assert (result.exit_code, json.loads(result.stderr)["code"]) == (2, "no_database")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("content", ["", "{}", "[]", "{", '{"document": "csms-evidence-inclusion-1"}', "\xff"])
def test_what_is_no_evidence_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "no.json"
    path.write_bytes(content.encode("latin-1"))
    for words in ((path,), (path, "--key-file", path), (tmp_path,), (tmp_path / "nothing",)):
        result = run("verify", *words, "--json")
        assert (result.exit_code, json.loads(result.stderr)["code"]) == (1, "unreadable"), result.output
