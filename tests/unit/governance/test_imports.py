"""Imports: what a row says, what is wrong with it, what is repaired, held, released; and the commands around them."""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from csms.texts import catalogue
from monitor.governance.console import SHIPPED, build
from monitor.governance.files import rows
from monitor.governance.importing import import_file, release
from monitor.governance.mapping import REASONS, ImportedOrder, RowFault, read_mapping, read_row
from monitor.store.governance import GovernanceStore, open_governance
from monitor.store.governance_tables import State

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MAPPING = """
name = "made"
operator = "Made"
zone = "Asia/Shanghai"
time = "%Y-%m-%d %H:%M"

[columns]
station = "pile"
connector = "gun"
start = ["day", "from"]
end = ["day", "to"]
energy = "kWh"
fee = "yuan"
"""
HEAD = "pile,gun,day,from,to,kWh,yuan\n"
GOOD = "P1,1,2026-01-02,08:00,09:30,12.5,15.2\n"
ROW = dict(zip(HEAD.strip().split(","), GOOD.strip().split(","), strict=True))


def found_in(**changes: str) -> ImportedOrder | list[RowFault]:
    return read_row(read_mapping(MAPPING), ROW | changes, NOW)


def test_a_row_becomes_an_order_in_utc_and_watt_hours() -> None:
    order = found_in()
    assert isinstance(order, ImportedOrder)
    assert order.start == datetime(2026, 1, 2, 0, 0, tzinfo=UTC)
    assert order.end == datetime(2026, 1, 2, 1, 30, tzinfo=UTC)
    assert (order.station, order.connector, order.energy_wh, order.fee_yuan) == ("P1", "1", 12_500.0, 15.2)
    assert order.number == "P1/1/20260102T000000/20260102T013000"


@pytest.mark.parametrize(
    ("changes", "column", "reason"),
    [
        ({"pile": "  "}, "pile", "missing"),
        ({"to": ""}, "day + to", "missing"),
        ({"kWh": "12,5"}, "kWh", "not_a_number"),
        ({"kWh": "nan"}, "kWh", "not_a_number"),
        ({"kWh": "-0.1"}, "kWh", "negative"),
        ({"from": "8 o'clock"}, "day + from", "not_a_time"),
        ({"to": "07:59"}, "day + to", "end_before_start"),
        ({"pile": "P\ufffd"}, "pile", "unreadable"),
        ({"yuan": "much"}, "yuan", "not_a_number"),
    ],
)
def test_each_fault_names_its_column(changes: dict[str, str], column: str, reason: str) -> None:
    faults = found_in(**changes)
    assert isinstance(faults, list)
    assert [(fault.column, fault.reason) for fault in faults] == [(column, reason)]


def test_all_faults_of_a_row_are_told_and_days_that_cannot_be() -> None:
    early, late = found_in(day="1970-01-01", kWh="x"), found_in(day="2026-03-02")
    assert isinstance(early, list)
    assert isinstance(late, list)
    assert Counter(fault.reason for fault in early) == {"before_2000": 2, "not_a_number": 1}
    assert {fault.reason for fault in late} == {"in_the_future"}


@given(st.dictionaries(st.sampled_from(list(ROW)), st.text(max_size=12)))
def test_no_text_breaks_the_reading(changes: dict[str, str]) -> None:
    found = found_in(**changes)
    if isinstance(found, list):
        assert found
        assert {fault.reason for fault in found} <= set(REASONS)
    else:
        assert found.energy_wh >= 0
        assert found.start <= found.end <= NOW


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("=", "no TOML"),
        ("colour = 1", "no key colour"),
        ("[columns]\ncolour = 'x'", "no field colour"),
        ("[columns]\nstation = 'x'", "must name start, end, energy"),
        (MAPPING.replace("Asia/Shanghai", "Moon/Sea"), "no time zone"),
        ('energy_unit = "MJ"\n' + MAPPING, "MJ"),
    ],
)
def test_a_wrong_mapping_says_what_is_wrong(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_mapping(text)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GovernanceStore]:
    opened = open_governance(tmp_path / "data")
    yield opened
    opened.close()


def written(tmp_path: Path, content: str, name: str = "a.csv") -> Path:
    path = tmp_path / name
    path.write_text(HEAD + content, encoding="utf-8")
    return path


def test_good_bad_and_repeated_rows_each_go_their_way(tmp_path: Path, store: GovernanceStore) -> None:
    bad = GOOD.replace("12.5", "-3")
    path = written(tmp_path, GOOD + bad + GOOD + " P2 ,1,2026-01-02,08:00,09:30,1,1\nP3,1\n")
    made = import_file(store, path, read_mapping(MAPPING), NOW)
    assert (made.rows, made.orders, made.quarantined) == (5, 2, 2)
    assert made.reasons == {"negative": 1, "row_shape": 1}
    assert made.repairs == {"duplicate_dropped": 1, "blanks_removed": 1}
    held = store.quarantine(State.HELD, 10)
    assert [(row.key, name, row.raw.get("kWh")) for row, name in held] == [("3", "a.csv", "-3"), ("6", "a.csv", None)]
    assert [(int(row.key), row.rule, row.detail) for row, _ in store.repairs(10)][::-1] == [
        (4, "duplicate_dropped", "line 2"),
        (5, "blanks_removed", "' P2 '"),
    ]


def test_a_file_is_imported_once(tmp_path: Path, store: GovernanceStore) -> None:
    path = written(tmp_path, GOOD)
    import_file(store, path, read_mapping(MAPPING), NOW)
    before = store.counts()
    assert import_file(store, path.rename(tmp_path / "b.csv"), read_mapping(MAPPING), NOW).already_known
    assert store.counts() == before


def test_physics_doubts_orders_that_overlap(tmp_path: Path, store: GovernanceStore) -> None:
    path = written(tmp_path, GOOD + GOOD.replace("08:00,09:30", "09:00,10:00") + GOOD.replace("P1", "P2"))
    assert import_file(store, path, read_mapping(MAPPING), NOW).causes == {"Q08": 2}


def test_a_held_row_is_released_once_and_only_when_it_is_right(tmp_path: Path, store: GovernanceStore) -> None:
    import_file(store, written(tmp_path, GOOD.replace("12.5", "")), read_mapping(MAPPING), NOW)
    ((row, _),) = store.quarantine(State.HELD, 10)
    assert row.id is not None
    assert [fault.reason for fault in release(store, row.id, {"kWh": "x"}, NOW, "")] == ["not_a_number"]
    with pytest.raises(ValueError, match="no column colour"):
        release(store, row.id, {"colour": "x"}, NOW, "")
    assert store.counts()["governed_order"] == 0
    assert release(store, row.id, {"kWh": "7"}, NOW, "by letter") == []
    ((after, _),) = store.quarantine(None, 10)
    assert (after.state, after.note) == ("released", "by letter; kWh=7")
    assert store.counts()["governed_order"] == 1
    with pytest.raises(LookupError):
        release(store, row.id, {}, NOW, "")
    assert not store.decide(row.id, State.DROPPED, NOW, "")


def test_a_file_that_is_cut_off_keeps_what_came_before(tmp_path: Path, store: GovernanceStore) -> None:
    whole = gzip.compress((HEAD + "".join(GOOD.replace("P1", f"P{os.urandom(8).hex()}") for _ in range(9000))).encode())
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(whole[: len(whole) // 2])
    made = import_file(store, path, read_mapping(MAPPING), NOW)
    assert made.orders > 1000
    assert made.reasons["file_ends"] == 1


def test_parquet_gives_the_same_orders(tmp_path: Path, store: GovernanceStore) -> None:
    table = pa.table({name: [cell, cell] for name, cell in ROW.items()} | {"kWh": [12.5, None], "gun": [1, 2]})
    pq.write_table(table, tmp_path / "a.parquet")
    made = import_file(store, tmp_path / "a.parquet", read_mapping(MAPPING), NOW)
    assert (made.orders, made.reasons) == (1, {"missing": 1})
    (tmp_path / "b.parquet").write_bytes(b"no parquet")
    with pytest.raises(ValueError, match="Parquet"):
        import_file(store, tmp_path / "b.parquet", read_mapping(MAPPING), NOW)


@pytest.mark.parametrize(("content", "told"), [("a,b\n1,2\n", "no column"), ("", "is empty")])
def test_a_file_that_the_mapping_does_not_fit_changes_nothing(
    tmp_path: Path, store: GovernanceStore, content: str, told: str
) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(ValueError, match=told):
        import_file(store, tmp_path / "a.csv", read_mapping(MAPPING), NOW)
    assert set(store.counts().values()) == {0}


def run(tmp_path: Path, *arguments: object, lang: str = "en") -> Any:
    words = [*map(str, arguments), "--data-dir", str(tmp_path / "data")]
    return CliRunner().invoke(build(catalogue(lang)), words)


def test_the_commands_from_import_to_release(tmp_path: Path) -> None:
    (tmp_path / "made.toml").write_text(MAPPING)
    path = written(tmp_path, GOOD + GOOD + GOOD.replace("12.5", "-3") + GOOD.replace("P1", ""))
    first = run(tmp_path, "import", path, "--mapping", tmp_path / "made.toml")
    assert first.exit_code == 0, first.output
    assert "4 rows, 1 orders, 2 rows in quarantine, 1 repairs" in first.output
    assert json.loads(run(tmp_path, "import", path, "--mapping", tmp_path / "made.toml", "--json").stdout)[0][
        "already_known"
    ]
    assert "a.csv:4  kWh  negative  '-3'" in run(tmp_path, "quarantine", "list").output
    assert "为负" in run(tmp_path, "quarantine", "list", lang="zh").output
    assert "kWh = '-3'" in run(tmp_path, "quarantine", "show", 1).output
    assert run(tmp_path, "quarantine", "release", 1).exit_code == 1
    assert run(tmp_path, "quarantine", "release", 1, "--set", "kWh").exit_code == 2
    assert run(tmp_path, "quarantine", "release", 1, "--set", "kWh=3", "--note", "sign").exit_code == 0
    assert json.loads(run(tmp_path, "quarantine", "drop", 2, "--json").stdout) == {"row": 2, "state": "dropped"}
    assert run(tmp_path, "quarantine", "drop", 2).exit_code == 1
    states = [row["state"] for row in json.loads(run(tmp_path, "quarantine", "list", "--all", "--json").stdout)]
    assert states == ["released", "dropped"]
    assert json.loads(run(tmp_path, "quarantine", "show", 1, "--json").stdout)["note"] == "sign; kWh=3"
    assert "a.csv:3" in run(tmp_path, "repairs").output
    assert json.loads(run(tmp_path, "repairs", "--json").stdout)[0]["rule"] == "duplicate_dropped"


def test_orders_are_listed_with_where_they_came_from(tmp_path: Path) -> None:
    (tmp_path / "made.toml").write_text(MAPPING)
    over = GOOD.replace("08:00,09:30", "09:00,10:00")
    path = written(tmp_path, GOOD.replace("P1", "P9") + GOOD + over)
    run(tmp_path, "import", path, "--mapping", tmp_path / "made.toml")
    every = json.loads(run(tmp_path, "orders", "--json").stdout)
    assert [(row["source"], int(row["key"]), row["station"], row["cause"]) for row in every] == [
        ("a.csv", 2, "P9", ""),
        ("a.csv", 3, "P1", "Q08"),
        ("a.csv", 4, "P1", "Q08"),
    ]
    told = run(tmp_path, "orders", "--doubted").output.splitlines()
    assert len(told) == 2
    assert told[1].split()[1:3] == ["a.csv:4", "P1/1/20260102T010000/20260102T020000"]
    assert told[1].endswith("2026-01-02 01:00 - 2026-01-02 02:00 UTC  12.500 kWh  Q08")


def test_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    assert run(tmp_path, "repairs").exit_code == 2
    assert run(tmp_path, "import", "none.csv", "--mapping", "none.toml").exit_code == 2
    missing = run(tmp_path, "import", tmp_path / "none.csv", "--mapping", "perth", "--json")
    assert missing.exit_code == 1
    assert json.loads(missing.stderr)["code"] == "unusable"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("city", "expected", "reasons"),
    [
        ("perth", 66_664, {"missing": 370, "negative": 7, "before_2000": 5, "end_before_start": 1}),
        ("dundee", 47_885, {"negative": 21, "before_2000": 2, "end_before_start": 4}),
    ],
)
def test_real_files_are_read_whole_and_every_bad_row_is_named(
    tmp_path: Path, store: GovernanceStore, city: str, expected: int, reasons: dict[str, int]
) -> None:
    """The counts are those that the notes beside the data give (negative energies, ends before begins)."""
    folder = _shared() / city
    files = sorted(folder.glob("sessions_*.csv.gz"))
    if not files:
        pytest.skip(f"no {folder}: the public sessions of {city} are not on this machine")
    mapping = read_mapping((SHIPPED / f"{city}.toml").read_text(encoding="utf-8"))
    made = [import_file(store, path, mapping, NOW) for path in files]
    assert sum(each.rows for each in made) == expected
    told = sum((Counter(each.reasons) for each in made), Counter[str]())
    assert {reason: told[reason] for reason in reasons} == reasons
    repaired = sum(each.repairs.get("duplicate_dropped", 0) for each in made)
    assert sum(each.orders + each.quarantined for each in made) + repaired == expected
    held = store.quarantine(State.HELD, 10_000)
    assert all(fault["column"] and fault["reason"] for row, _ in held for fault in row.faults)
    by_file = {path.name: {row.line: row.cells for row in rows(path, mapping)} for path in files}
    assert all(by_file[name][int(row.key)] == row.raw for row, name in held), "each is found again by its file and line"


def _shared() -> Path:
    root = Path(__file__).resolve().parents[3]
    beside = root / ".git"
    if beside.is_file():  # a worktree: the file says where the repository is
        root = Path(beside.read_text().split(":", 1)[1].strip()).parents[2]
    return Path(os.environ.get("PUBLIC_DATA", root.parent / "shared" / "data"))
