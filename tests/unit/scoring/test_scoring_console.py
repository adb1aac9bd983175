"""The commands of `csms scoring`: pages, JSON, both languages, and what is said of wrong input."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from csms.province import strict_json
from csms.texts import catalogue
from monitor.evidence.documents import record_bytes
from monitor.scoring.console import build
from monitor.scoring.scheme import shipped_scheme
from monitor.scoring.table import Figure, write_table
from monitor.store.intake import open_intake
from monitor.store.messages import Call, Message, Standing

OPERATOR = "123456789"
KEYS = dict.fromkeys(("operator_secret", "data_secret", "data_secret_iv", "sig_secret"), "1234567890abcdef")
PARTNERS = f'[[partners]]\noperator_id = "{OPERATOR}"\n' + "".join(
    f'{name} = "{value}"\n' for name, value in KEYS.items()
)


def run(*words: str, lang: str = "en") -> Any:
    return CliRunner().invoke(build(catalogue(lang)), list(words), env={"COLUMNS": "200"})


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Six operators over five months; op6 hardly tells anything."""
    rng = np.random.default_rng(3)
    figures = []
    for month in range(1, 6):
        for number in range(1, 6):
            for name, one in shipped_scheme().indicators.items():
                level = number if one.better == "more" else 6 - number
                value = level * float(np.exp(0.05 * rng.standard_normal()))
                figures.append(Figure(f"op{number}", f"2026-{month:02}", name, value, 500))
        figures.append(Figure("op<6>", f"2026-{month:02}", "growth", 0.1, 30))
    path = tmp_path / "figures.csv"
    write_table(path, figures)
    return path


def test_operators_are_scored_and_told(table: Path, tmp_path: Path) -> None:
    done = run("run", str(table), "--report", str(tmp_path / "out"))
    assert done.exit_code == 0, done.output
    assert "8 files" in done.stdout
    assert "No groups" in done.stdout
    document = json.loads(run("run", str(table), "--json").stdout)
    assert document == json.loads((tmp_path / "out" / "scores.json").read_text(encoding="utf-8"))
    assert [one["operator"] for one in document["operators"]] == ["op5", "op4", "op3", "op2", "op1", "op<6>"]
    assert (document["operators"][0]["rank"], document["operators"][-1]["score"]) == (1, None)


def test_pages_are_bilingual_fetch_nothing_and_an_operator_sees_only_itself(table: Path, tmp_path: Path) -> None:
    run("run", str(table), "--report", str(tmp_path / "out"))
    whole = (tmp_path / "out" / "overview.html").read_text(encoding="utf-8")
    own = (tmp_path / "out" / "operator-op2.html").read_text(encoding="utf-8")
    assert all(word in whole for word in ("运营商评分报告", "Scores of operators", "op1", "op&lt;6&gt;"))
    assert all(word in own for word in ("首要提升项", "What would lift you most", "op2"))
    assert "→" in whole
    assert " 1 " not in own  # a share is told in percent
    assert not any(f"op{number}" in own for number in (1, 3, 4, 5))
    assert not any(word in whole + own for word in ("http", "<script", "src="))
    assert "No score" in (tmp_path / "out" / "operator-no6.html").read_text(encoding="utf-8")


def test_in_chinese(table: Path) -> None:
    assert "未分组" in run("run", str(table), lang="zh").stdout


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("op1,2026-01,speed,1,1", "line 2: 'speed' is none of"),
        ("op1,2026-01,growth,x,1", "line 2: value and samples are numbers"),
        ("op1,2026-01,growth,nan,1", "line 2: value and samples are finite"),
        ("op1,,growth,1,1", "line 2: a figure has an operator and a period"),
        ("op1,a,growth,1,1\nop1,a,growth,2,1", "line 3: op1, a, growth was told before"),
        ("", "holds no figure"),
    ],
)
def test_a_table_that_cannot_be_used(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(f"operator,period,indicator,value,samples\n{line}\n", encoding="utf-8")
    failed = run("run", str(path))
    assert (failed.exit_code, said in failed.stderr) == (2, True), failed.stderr
    assert json.loads(run("run", str(path), "--json").stderr)["code"] == "scoring_table_unusable"


def test_a_table_without_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    assert "lacks the columns operator" in run("run", str(path)).stderr


def test_what_nobody_has_data_for_is_said(tmp_path: Path) -> None:
    figures = [
        Figure(f"op{number}", "2026-01", name, float(number), 500)
        for number in range(1, 6)
        for name in shipped_scheme().names
        if name not in ("complaint_rate", "promotion_response") and (number > 1 or name != "growth")
    ]
    write_table(tmp_path / "f.csv", figures)
    done = run("run", str(tmp_path / "f.csv"), "--report", str(tmp_path / "out"))
    assert "promotion_response, complaint_rate" in done.stdout
    document = json.loads((tmp_path / "out" / "scores.json").read_text("utf-8"))
    assert document["unknown"] == ["promotion_response", "complaint_rate"]
    assert "Not counted" in (tmp_path / "out" / "overview.html").read_text("utf-8")
    lacks = {one["operator"]: one["unknown"] for one in document["operators"]}
    assert lacks["op1"] == ["growth", "promotion_response", "complaint_rate"]
    own = (tmp_path / "out" / "operator-op1.html").read_text("utf-8")
    assert "stands at the mean" in own


def test_weights_are_published(tmp_path: Path) -> None:
    assert "energy_per_connector" in run("weights").stdout
    assert json.loads(run("weights", "--json").stdout)["indicators"]["growth"]["better"] == "more"
    own = tmp_path / "own.toml"
    own.write_text('version = "x"\nconcentration = 5\ncoverage_min = 0.5\n[indicators]\n', encoding="utf-8")
    assert run("weights", "--scheme", str(own)).exit_code == 2


def test_a_months_figures_are_collected_from_a_platform(tmp_path: Path) -> None:
    begun = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)

    async def fill() -> None:
        store = await open_intake(tmp_path / "data")
        for number in range(4):
            at = begun + timedelta(hours=3 * number)
            key = f"{OPERATOR}{at:%Y%m%d%H%M%S}000{number}"
            body = {
                "StartChargeSeq": key,
                "ConnectorID": "C1",
                "StartTime": (at + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S"),
                "EndTime": (at + timedelta(hours=9)).strftime("%Y-%m-%d %H:%M:%S"),
                "TotalPower": Decimal("12.50"),
            }
            call = Call(at + timedelta(hours=1), "notification_charge_order_info", 200, 0, OPERATOR, key)
            record = record_bytes(OPERATOR, "charge_order", key, at, body)
            fields = json.loads(strict_json.canonical(body))
            await store.accept(dict.fromkeys(Standing, call), Message("charge_order", fields, key, record))
        await store.close()

    asyncio.run(fill())
    (tmp_path / "partners.toml").write_text(PARTNERS, encoding="utf-8")
    out = tmp_path / "figures.csv"
    places = [
        "--data-dir",
        str(tmp_path / "data"),
        "--partner-file",
        str(tmp_path / "partners.toml"),
        "--out",
        str(out),
    ]
    done = run("collect", *places, "--month", "2026-03")
    assert done.exit_code == 0, done.output
    lines = out.read_text(encoding="utf-8").splitlines()
    assert f"{OPERATOR},2026-03,energy_per_connector,{50 / 31:.9g},31" in lines
    assert f"{OPERATOR},2026-03,order_success,1,4" in lines
    assert json.loads(run("collect", *places, "--month", "2026-03", "--json").stdout)["figures"] == len(lines) - 1
    assert out.read_text(encoding="utf-8").splitlines() == lines
    assert "complaint_rate, promotion_response" in done.stdout, "what is not known is said"
    more = tmp_path / "more.csv"
    more.write_text(f"operator,month,complaints,promoted_orders,promoted_taken\n{OPERATOR},2026-03,1,,\n", "utf-8")
    told = json.loads(run("collect", *places, "--month", "2026-03", "--more", str(more), "--json").stdout)
    assert told["not_counted"] == ["promotion_response"]
    assert f"{OPERATOR},2026-03,complaint_rate,0.25,4" in out.read_text(encoding="utf-8").splitlines()
    more.write_text("operator,month,complaints,promoted_orders,promoted_taken\nx,2026-03,few,,\n", "utf-8")
    assert run("collect", *places, "--month", "2026-03", "--more", str(more)).exit_code == 2
    assert run("collect", *places, "--month", "2026-04").exit_code == 1
    assert run("collect", *places, "--month", "March").exit_code == 2
