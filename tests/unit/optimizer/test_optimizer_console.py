"""`csms optimize` as a user meets it, in both languages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from optimizer import terminal
from optimizer.console import build
from tests.support.optimizer_commands import run, words


@pytest.fixture(params=["en", "zh"])
def app(request: pytest.FixtureRequest) -> typer.Typer:
    return build(words(request.param))


@pytest.fixture
def problem_file(app: typer.Typer, tmp_path: Path) -> Path:
    file = tmp_path / "problem.json"
    assert run(app, "example", "--out", file).exit_code == 0
    return file


def test_the_example_on_the_screen_is_json(app: typer.Typer) -> None:
    assert len(json.loads(run(app, "example").stdout)["sessions"]) == 6


def test_a_table_a_chart_and_the_proof(app: typer.Typer, problem_file: Path) -> None:
    result = run(app, "solve", problem_file)
    assert result.exit_code == 0
    assert all(f"car-{i}" in result.stdout for i in range(1, 7))
    assert "░" in result.stdout
    assert "interior point" in result.stdout


def test_json_and_out_hold_the_same_plan(app: typer.Typer, problem_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    result = run(app, "solve", problem_file, "--json", "--out", out)
    assert result.exit_code == 0
    plan = json.loads(result.stdout)
    assert plan == json.loads(out.read_text(encoding="utf-8"))
    assert plan["gap"] <= 1e-4


def test_shortfalls_and_soft_caps_are_told(app: typer.Typer, tmp_path: Path) -> None:
    session = {"arrival_slot": 0, "departure_slot": 2, "power_max_kw": 2, "energy_kwh": 9}
    file = tmp_path / "tight.json"
    sessions = [session | {"id": "greedy"}, session | {"id": "other", "energy_kwh": 4}]
    file.write_text(json.dumps({"slot_h": 1, "base_load_kw": [1, 5], "cap_kw": 3, "sessions": sessions}))
    result = run(app, "solve", file)
    assert result.exit_code == 0
    assert result.stdout.count("greedy") == 3
    assert "2.00 kW" in result.stdout


def test_no_sessions_at_all(app: typer.Typer, tmp_path: Path) -> None:
    file = tmp_path / "empty.json"
    file.write_text('{"slot_h": 1, "base_load_kw": [1], "cap_kw": null, "sessions": []}')
    assert run(app, "solve", file).exit_code == 0


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b'{"slot_h": 1,', "1, "),
        (b'{"slot_h": NaN}', "NaN"),
        (b"\xff\xfe\x00", "utf-8"),
        (b'{"slot_h": 1, "base_load_kw": [1, 2], "cap_kw": [3], "sessions": []}', "cap_kw"),
        (
            b'{"slot_h": 1, "base_load_kw": [1], "cap_kw": 3, "sessions": [{"id": "a", "arrival_slot": 0, '
            b'"departure_slot": 1, "power_max_kw": -4, "energy_kwh": 1}]}',
            "power_max_kw",
        ),
    ],
)
def test_wrong_input_is_told_and_ends_with_2(app: typer.Typer, tmp_path: Path, content: bytes, part: str) -> None:
    file = tmp_path / "wrong.json"
    file.write_bytes(content)
    result = run(app, "solve", file)
    assert result.exit_code == 2
    assert part in result.stderr or part == "1, "
    assert result.stdout == ""
    as_json = run(app, "solve", file, "--json")
    assert as_json.exit_code == 2
    assert set(json.loads(as_json.stderr)) == {"code", "detail"}


def test_a_missing_file_ends_with_2(app: typer.Typer, tmp_path: Path) -> None:
    result = run(app, "solve", tmp_path / "nowhere.json")
    assert result.exit_code == 2
    assert "nowhere.json" in result.stderr


def test_a_huge_file_is_refused(app: typer.Typer, problem_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "FILE_BYTES_MAX", 10)
    assert run(app, "solve", problem_file).exit_code == 2


def test_a_result_that_cannot_be_written_ends_with_1(app: typer.Typer, problem_file: Path, tmp_path: Path) -> None:
    assert run(app, "solve", problem_file, "--out", tmp_path / "no" / "plan.json").exit_code == 1


def test_help_names_the_format(app: typer.Typer) -> None:
    assert "base_load_kw" in run(app, "solve", "--help").stdout
