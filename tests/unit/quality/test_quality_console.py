"""Every command of `csms monitor quality`: in words, as JSON, in Chinese, and what is said of wrong input."""

from __future__ import annotations

import asyncio
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from csms.texts import catalogue
from monitor.quality.console import build
from monitor.store.intake import open_intake
from monitor.store.quality import AlarmRow
from tests.quality.world import OPERATOR

DAY = "2026-03-02"
NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
KEYS = dict.fromkeys(("operator_secret", "data_secret", "data_secret_iv", "sig_secret"), "1234567890abcdef")
PARTNERS = f'[quality]\narea_codes = ["37"]\n[[partners]]\noperator_id = "{OPERATOR}"\n' + "".join(
    f'{name} = "{value}"\n' for name, value in KEYS.items()
)


@pytest.fixture
def places(tmp_path: Path, filled: Path) -> list[str]:
    shutil.copytree(filled, tmp_path / "data")
    (tmp_path / "partners.toml").write_text(PARTNERS, encoding="utf-8")
    return ["--data-dir", str(tmp_path / "data"), "--partner-file", str(tmp_path / "partners.toml")]


def run(places: list[str], *words: str, lang: str = "en") -> Any:
    return CliRunner().invoke(build(catalogue(lang)), [*words, *places])


def of(day: str = DAY) -> list[str]:
    return ["--operator", OPERATOR, "--day", day]


def test_a_day_is_judged_shown_recomputed_and_reported(places: list[str], tmp_path: Path) -> None:
    judged = run(places, "judge", "--day", DAY)
    assert (judged.exit_code, "2 defects" in judged.output) == (0, True), judged.output
    (document,) = json.loads(run(places, "judge", *of(), "--json").stdout)
    assert (document["operator_id"], document["finding_count"]) == (OPERATOR, 2)
    assert f"{OPERATOR} {DAY}" in run(places, "show").output
    (shown,) = json.loads(run(places, "show", "--operator", OPERATOR, "--json").stdout)
    assert shown == document | {name: shown[name] for name in ("profile_digest", "inputs")}
    assert shown["inputs"]["calls"] > shown["inputs"]["records"] > 0
    assert run(places, "show", "--operator", "000000000").output == ""
    appeal = run(places, "recompute", *of())
    assert (appeal.exit_code, "byte for byte" in appeal.output) == (0, True), appeal.output
    same = json.loads(run(places, "recompute", *of(), "--json").stdout)
    assert (same["same"], same["kept"]) == (True, same["again"])
    out = tmp_path / "day.html"
    assert str(out) in run(places, "report", *of(), "--out", str(out)).output
    assert out.read_text("utf-8").startswith("<!doctype html>")
    assert json.loads(run(places, "report", *of(), "--out", str(out), "--json").stdout) == {"file": str(out)}
    assert "缺陷 2 条" in run(places, "show", lang="zh").output


def test_an_appeal_that_differs_leaves_with_1(places: list[str]) -> None:
    run(places, "judge", "--day", DAY)

    async def change() -> None:
        store = await open_intake(Path(places[1]))
        async with store._engine.begin() as connection:
            await connection.exec_driver_sql("update quality_day set document = replace(document, '\"A\"', '\"B\"')")
        await store.close()

    asyncio.run(change())
    result = run(places, "recompute", *of(), "--json")
    assert (result.exit_code, json.loads(result.stdout)["same"]) == (1, False)
    assert run(places, "recompute", *of()).exit_code == 1


def test_alarms_are_listed_and_acknowledged(places: list[str]) -> None:
    async def raise_two() -> None:
        store = await open_intake(Path(places[1]))
        over = AlarmRow(OPERATOR, "late", "", "90 s > 50 s", NOW, NOW, over_at=NOW)
        await store.quality.keep_alarms([AlarmRow(OPERATOR, "new_defect", "DQ_ENUM", "", NOW, NOW), over])
        await store.close()

    assert "No alarm" in run(places, "alarms").output
    assert json.loads(run(places, "alarms", "--json").stdout) == []
    asyncio.run(raise_two())
    assert "a new class of defect DQ_ENUM" in run(places, "alarms").output
    assert [row["name"] for row in json.loads(run(places, "alarms", "--json").stdout)] == ["new_defect"]
    every = json.loads(run(places, "alarms", "--all", "--json").stdout)
    assert [(row["name"], row["state"]) for row in every] == [("late", "over"), ("new_defect", "raised")]
    number = str(every[1]["id"])
    assert json.loads(run(places, "acknowledge", number, "--by", "Li", "--json").stdout) == {"id": int(number)}
    assert run(places, "acknowledge", number, "--by", "Wang").exit_code == 0
    (alarm,) = json.loads(run(places, "alarms", "--json").stdout)
    assert (alarm["state"], alarm["acknowledged_by"]) == ("acknowledged", "Li"), "who was first"
    assert "已确认" in run(places, "alarms", lang="zh").output


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        (("judge", "--operator", "000000000", "--day", DAY), 1, "not_judged"),
        (("recompute", *of("2020-01-01")), 1, "not_judged"),
        (("report", *of("2020-01-01"), "--out", "x.html"), 1, "not_judged"),
        (("acknowledge", "7", "--by", "Li"), 1, "no_alarm"),
    ],
)
def test_what_cannot_be_done_is_named(places: list[str], words: tuple[str, ...], exit_code: int, code: str) -> None:
    result = run(places, *words, "--json")
    assert (result.exit_code, json.loads(result.stderr)["code"], result.stdout) == (exit_code, code, "")
    plain = run(places, *words, lang="zh")
    assert (plain.exit_code, plain.stdout) == (exit_code, "")
    assert plain.stderr.strip()


@pytest.mark.parametrize(
    "words",
    [
        ("judge", "--day", "nonsense"),
        ("judge", "--day", "2026-02-30"),
        ("judge",),
        ("recompute", "--day", DAY),
        ("report", *of()),
        ("acknowledge", "seven", "--by", "Li"),
        ("acknowledge", "7"),
        ("nothing",),
    ],
)
def test_wrong_usage_leaves_with_2(places: list[str], words: tuple[str, ...]) -> None:
    assert run(places, *words).exit_code == 2


def test_a_report_that_cannot_be_written(places: list[str], tmp_path: Path) -> None:
    run(places, "judge", "--day", DAY)
    result = run(places, "report", *of(), "--out", str(tmp_path / "no" / "where.html"), "--json")
    assert (result.exit_code, json.loads(result.stderr)["code"]) == (1, "not_written")


@pytest.mark.parametrize("command", ["show", "alarms"])
def test_without_a_database_or_a_usable_list_of_operators(places: list[str], tmp_path: Path, command: str) -> None:
    nowhere = ["--data-dir", str(tmp_path / "nowhere"), *places[2:]]
    result = run(nowhere, command, "--json")
    assert (result.exit_code, json.loads(result.stderr)["code"]) == (2, "no_database")
    assert not (tmp_path / "nowhere").exists()
    for content in ("[[", "[[partners]]", PARTNERS + "[quality]\n", PARTNERS.replace("area_codes", "colours")):
        (tmp_path / "partners.toml").write_text(content)
        result = run(places, command, "--json")
        assert (result.exit_code, json.loads(result.stderr)["code"]) == (2, "partner_file_invalid"), content
