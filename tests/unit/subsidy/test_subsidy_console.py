"""`csms subsidy` from the claim to the money: words, JSON, Chinese, exit codes, wrong input."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from csms.province.subsidy import claim_of
from csms.province.subsidy_document import document_of
from csms.texts import catalogue
from monitor.evidence.documents import public_pem
from monitor.evidence.files import private_key
from monitor.subsidy.console import build
from monitor.subsidy.papers import write_bills, write_ledger
from tests.unit.subsidy.world import NOW, World, world


def run(*words: str, lang: str = "en") -> Any:
    return CliRunner().invoke(build(catalogue(lang)), list(words))


@pytest.fixture(scope="module")
def made() -> World:
    return world(6)


@pytest.fixture
def papers(made: World, tmp_path: Path) -> list[str]:
    (tmp_path / "claim.json").write_text(json.dumps(document_of(made.given, "city", NOW)), encoding="utf-8")
    (tmp_path / "ledger.csv").write_text(write_ledger(made.entries), encoding="utf-8")
    (tmp_path / "bills.csv").write_text(write_bills(made.bills), encoding="utf-8")
    return [
        str(tmp_path / "claim.json"),
        "--ledger",
        str(tmp_path / "ledger.csv"),
        "--bills",
        str(tmp_path / "bills.csv"),
    ]


def test_a_claim_is_explained(made: World, papers: list[str]) -> None:
    done = run("check", *papers)
    assert done.exit_code == 0, done.output
    assert f"Together {claim_of(made.given).yuan} yuan" in done.stdout
    assert "Nothing speaks against it" in done.stdout
    assert "合计" in run("check", *papers, lang="zh").stdout
    assert json.loads(run("check", *papers, "--json").stdout)["yuan"] == str(claim_of(made.given).yuan)


def test_the_ledger_that_came_along_counts(made: World, papers: list[str], tmp_path: Path) -> None:
    claim = json.loads((tmp_path / "claim.json").read_text(encoding="utf-8"))
    rows = list(csv.DictReader(io.StringIO(write_ledger(made.entries))))
    claim["ledger"] = [row | {"meter_start_kwh": row["meter_start_kwh"] or None} for row in rows]
    (tmp_path / "claim.json").write_text(json.dumps(claim), encoding="utf-8")
    notes = json.loads(run("check", papers[0], *papers[3:], "--json").stdout)["notes"]
    nameless = sum(not one.vehicle for one in made.entries)
    assert [(one["check"], one["detail"]) for one in notes] == [("no_vehicles", f"{nameless}/{len(made.entries)}")]
    claim["ledger"][5]["meter_stop_kwh"] = "0"
    (tmp_path / "claim.json").write_text(json.dumps(claim), encoding="utf-8")
    assert "the meter says something else" in run("check", papers[0], *papers[3:]).stderr
    claim["ledger"][5]["start"] = "yesterday"
    (tmp_path / "claim.json").write_text(json.dumps(claim), encoding="utf-8")
    assert run("check", papers[0]).exit_code == 2


def test_a_fraud_is_said(made: World, papers: list[str], tmp_path: Path) -> None:
    less = [replace(bill, energy_kwh=bill.energy_kwh / 2) for bill in made.bills]
    (tmp_path / "bills.csv").write_text(write_bills(less), encoding="utf-8")
    failed = run("check", *papers)
    assert (failed.exit_code, "more energy in orders than the utility billed" in failed.stderr) == (1, True)


def test_from_the_dossier_to_the_money(made: World, papers: list[str], tmp_path: Path) -> None:
    out = tmp_path / "q1.zip"
    done = run("dossier", *papers, "--key-dir", str(tmp_path / "keys"), "--out", str(out))
    assert done.exit_code == 0, done.output
    verified = run("verify", str(out))
    assert (verified.exit_code, "signers unknown" in verified.stdout, "Right:" in verified.stdout) == (3, True, False)
    assert "which came along" in verified.stdout
    told = json.loads(run("verify", str(out), "--json").stdout)
    assert (told["right"], told["verdict"]) == (True, "consistent_signer_unknown")
    own = tmp_path / "own.pem"
    own.write_text(public_pem(private_key(tmp_path / "keys").public_key()), encoding="utf-8")
    known = run("verify", str(out), "--key-file", str(own))
    assert (known.exit_code, "Right:" in known.stdout) == (0, True), known.output
    again = run("verify", str(out), "--earlier", str(out))
    assert (again.exit_code, "counted already in q1.zip" in again.stderr) == (1, True)
    for state in ("submitted", "returned", "submitted", "accepted", "paid"):
        assert run("status", str(out), "--to", state, "--note", "no. 7").exit_code == 0
    marks = json.loads(run("status", str(out), "--json").stdout)
    assert [mark["state"] for mark in marks] == ["prepared", "submitted", "returned", "submitted", "accepted", "paid"]
    assert "已拨付" in run("status", str(out), lang="zh").stdout
    refused = run("status", str(out), "--to", "submitted")
    assert (refused.exit_code, "goes to nowhere" in refused.stderr) == (1, True)


def test_what_does_not_verify_is_not_submitted(made: World, papers: list[str], tmp_path: Path) -> None:
    less = [replace(bill, energy_kwh=bill.energy_kwh / 2) for bill in made.bills]
    (tmp_path / "bills.csv").write_text(write_bills(less), encoding="utf-8")
    out = str(tmp_path / "q1.zip")
    assert run("dossier", *papers, "--key-dir", str(tmp_path / "keys"), "--out", out).exit_code == 1
    assert run("verify", out).exit_code == 1
    assert run("status", out, "--to", "submitted").exit_code == 1
    assert len(json.loads(run("status", out, "--json").stdout)) == 1


def test_building_is_explained(tmp_path: Path) -> None:
    done = run("build", "shanghai-2016-public", "--kw", "60", "--invoice", "90000")
    assert (done.exit_code, "The least of these: 27000.00 yuan" in done.stdout) == (0, True)
    assert run("build", "shanghai-2016-public", "--kw", "60").exit_code == 1
    assert run("build", "nowhere", "--kw", "60").exit_code == 2
    assert run("build", "shanghai-2016-public", "--kw", "x").exit_code == 2


def test_wrong_input(papers: list[str], tmp_path: Path) -> None:
    (tmp_path / "ledger.csv").write_text("a,b\n", encoding="utf-8")
    assert run("check", *papers).exit_code == 2
    assert run("verify", str(tmp_path / "claim.json")).exit_code == 2
    assert run("status", str(tmp_path / "none.zip")).exit_code == 2
    claim = json.loads((tmp_path / "claim.json").read_text(encoding="utf-8"))
    claim["result"]["yuan"] = "1"
    (tmp_path / "claim.json").write_text(json.dumps(claim), encoding="utf-8")
    changed = run("check", str(tmp_path / "claim.json"), "--json")
    assert (changed.exit_code, json.loads(changed.stderr)["code"]) == (1, "claim_differs")
