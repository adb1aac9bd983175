"""Facts as files that others can read."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from csms.texts import catalogue
from monitor.governance.console import build
from monitor.governance.export import SCHEMA, write_facts
from monitor.store import governance
from tests.unit.governance.test_gathering import START, fill, order, pushed, run, session


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(tmp_path, [(session(1, START, transaction_id="S1", id_token="card"), range(61))])
    pushed(tmp_path, "123456789", order("S1"), order("=cmd", ConnectorID="C2", TotalMoney=None))
    run(tmp_path, "gather")
    return tmp_path


def test_all_facts_are_there_with_where_they_came_from(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(governance, "KEYS_AT_ONCE", 2)
    out = folder / "facts.parquet"
    assert run(folder, "export", str(out)) == {"file": str(out), "orders": 3}
    read = pq.read_table(out)
    assert read.schema.equals(SCHEMA)
    rows = {(row["source_kind"], row["number"]): row for row in read.to_pylist()}
    own, told = rows["stations", "S1"], rows["partner", "S1"]
    assert (own["start"], own["energy_wh"], own["same_as"], len(own["user_hash"])) == (START, 7000.0, None, 24)
    assert (told["source"], told["key"], told["same_as"], told["fee_yuan"]) == ("123456789", "S1", own["id"], 9.5)
    assert rows["partner", "=cmd"]["fee_yuan"] is None


def test_the_same_as_csv(folder: Path) -> None:
    out = folder / "facts.csv"
    shown = CliRunner().invoke(build(catalogue("zh")), ["export", str(out), "--data-dir", str(folder)])
    assert shown.exit_code == 0, shown.output
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == SCHEMA.names
    assert sorted(row["number"] for row in rows) == ["=cmd", "S1", "S1"]


def test_an_ending_that_is_not_known_is_said(folder: Path) -> None:
    assert run(folder, "export", str(folder / "facts.xlsx"), ok=False)["code"] == "ending"
    assert not list(folder.glob("facts*"))


def test_a_file_that_breaks_off_leaves_the_old_one(tmp_path: Path) -> None:
    out = tmp_path / "facts.csv"
    out.write_text("old", encoding="utf-8")

    def broken() -> object:
        yield [{"id": 1, "number": "n"}]
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_facts(out, broken())  # type: ignore[arg-type]
    assert out.read_text(encoding="utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["facts.csv"]
