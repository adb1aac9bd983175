"""The commands on files, on a warehouse, and on real sessions."""

from __future__ import annotations

import csv
import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from csms.texts import catalogue
from monitor.portraits.beliefs import dispersion, rates
from monitor.portraits.console import bars, build
from monitor.portraits.facts import SessionsBroken
from monitor.portraits.portrait import MONTH_DAYS, portraits
from monitor.portraits.reading import read_file, read_warehouse
from monitor.warehouse.files import FILE
from monitor.warehouse.schema import DIMENSIONS, FACTS
from tests.support.acn import acn_file

ACN = {"pile": "station_id", "start": "arrival", "energy_kwh": "delivered_energy (kWh)"}
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def _call(*words: str, lang: str = "en") -> Any:
    return CliRunner().invoke(build(catalogue(lang)), list(words))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """30 owls who charge at 23 h every third day, 30 larks at 7 h each day, one who came once; a row of rubbish."""
    path = tmp_path / "sessions.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(("card", "start", "energy_kwh", "dc"))
        for person in range(60):
            owl = person < 30
            for day in range(person % 3, 90, 3 if owl else 1):
                at = BEGIN + timedelta(days=day, hours=23 if owl else 7, minutes=person % 50)
                writer.writerow(
                    (f"00{person}", at.replace(tzinfo=None), 10 + person % 5 if owl else 30 + person % 7, int(not owl))
                )
        writer.writerow(("once", BEGIN.isoformat(), 5, ""))
        writer.writerow(("broken", "yesterday", "much", 1))
    return path


def test_groups_and_one_subject_of_a_file(file: Path) -> None:
    answer = _call("groups", str(file), "--column", "user=card", "--cheap-hours", "22-6", "--json")
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout)
    assert (found["subjects"], found["not_enough_data"], len(found["groups"])) == (61, 1, 2)
    assert [group["users"] for group in found["groups"]] == [30, 30]
    owls = min(found["groups"], key=lambda group: group["per_month"])
    assert owls["per_month"] == pytest.approx(MONTH_DAYS / 3, rel=0.05)
    assert owls["cheap_share"] > 0.9
    assert owls["dc_share"] < 0.1
    shown = json.loads(_call("show", str(file), "000", "--column", "user=card", "--json").stdout)
    assert shown["id"] == "000"
    assert int(np.argmax(shown["hours"])) == 23
    assert "Not enough data" in _call("show", str(file), "once", "--column", "user=card").stdout
    assert "数据不足" in _call("groups", str(file), "--column", "user=card", lang="zh").stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--zone", "Nowhere/Land"], "zone_unknown"),
        (["--cheap-hours", "late"], "hours_unreadable"),
        ([], "unusable"),
    ],
)
def test_what_is_wrong_is_said(file: Path, words: list[str], code: str) -> None:
    answer = _call("groups", str(file), *words, "--json")
    assert answer.exit_code == 2
    assert json.loads(answer.stderr)["code"] == code
    unknown = _call("show", str(file), "nobody", "--column", "user=card", "--json")
    assert (unknown.exit_code, json.loads(unknown.stderr)["code"]) == (1, "unknown_subject")


def _warehouse(folder: Path) -> None:
    rows = [
        {
            "session_id": number, "station_id": f"CP-{number % 2}", "evse_id": 1, "user_hash": f"h{number % 10}",
            "started_at": BEGIN + timedelta(hours=7 * number), "energy_wh": 8000.0 + 100 * (number % 7),
        }
        for number in range(200)
    ]  # fmt: skip
    day = folder / "fact_session" / "date=2026-01-01"
    day.mkdir(parents=True)
    parquet.write_table(pa.Table.from_pylist(rows, schema=FACTS["fact_session"]), day / FILE)
    evses = [{"station_id": f"CP-{one}", "evse_id": 1, "kind": ("ac", "dc")[one]} for one in range(2)]
    (folder / "dim_evse").mkdir()
    parquet.write_table(pa.Table.from_pylist(evses, schema=DIMENSIONS["dim_evse"]), folder / "dim_evse" / FILE)


def test_a_warehouse_is_read_in_the_hours_of_its_zone(tmp_path: Path) -> None:
    _warehouse(tmp_path)
    sessions = read_warehouse(tmp_path, "user", ZoneInfo("Asia/Shanghai"))
    first = int(np.argmin(sessions.at_day))
    assert sessions.hour[first] == 8
    assert list(sessions.names) == sorted({f"h{one}" for one in range(10)})
    assert set(sessions.dc.tolist()) == {0.0, 1.0}
    piles = read_warehouse(tmp_path, "pile", ZoneInfo("UTC"))
    assert piles.users().tolist() == [5, 5]
    assert portraits(piles).of(0)["dc_share"]["mean"] < 0.1
    with pytest.raises(SessionsBroken, match="vehicles"):
        read_warehouse(tmp_path, "vehicle", ZoneInfo("UTC"))


def test_a_pile_of_few_users_is_not_shown(tmp_path: Path) -> None:
    rows = [("P1", f"u{n % 4}") for n in range(40)] + [("P2", f"u{n % 5}") for n in range(40)]
    path = tmp_path / "sessions.csv"
    with path.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(("pile", "user", "start", "energy_kwh"))
        for number, (pile, user) in enumerate(rows):
            writer.writerow((pile, user, (BEGIN + timedelta(hours=9 * number)).isoformat(), 10))
    hidden = _call("show", str(path), "P1", "--of", "pile", "--json")
    assert (hidden.exit_code, json.loads(hidden.stderr)["code"]) == (1, "too_few_users")
    assert _call("show", str(path), "P2", "--of", "pile").exit_code == 0
    assert _call("show", str(path), "u1").exit_code == 0, "a user is who it is"
    nameless = tmp_path / "nameless.csv"
    nameless.write_text("pile,start,energy_kwh\n" + f"P1,{BEGIN.isoformat()},10\n" * 8, encoding="utf-8")
    assert "each subject counts as one" in _call("groups", str(nameless), "--of", "pile").stdout


def test_bars() -> None:
    assert bars([0.0, 0.5, 1.0]) == " ▄█"


@pytest.mark.parametrize("name", ["caltech_2019-05-01_2019-08-31", "jpl_2019-09-01_2019-12-31"])
def test_what_is_believed_of_real_piles_holds_in_the_weeks_to_come(name: str) -> None:
    """Rates of the first four weeks tell the rest of the season better than plain counts do."""
    sessions = read_file(acn_file(f"acn_{name}.csv.gz"), "pile", ACN)
    known, piles = 28.0, len(sessions.names)
    seen = sessions.at_day < known
    early = np.bincount(sessions.subject[seen], minlength=piles).astype(float)
    rest = np.bincount(sessions.subject[~seen], minlength=piles) / (sessions.span_days - known)
    evenly = dispersion(sessions.subject[seen], sessions.at_day[seen], piles)
    believed = rates(early, np.full(piles, known), evenly).mean
    assert np.mean((believed - rest) ** 2) < np.mean((early / known - rest) ** 2)
    told = portraits(sessions).summary()
    assert told["subjects"] == piles
    assert sum(group["members"] for group in told["groups"]) + told["not_enough_data"] == pytest.approx(piles)
