"""`csms limit verify|simulate`, `history --export` and a real server; what somebody changed behind it is found."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.running import SETTINGS, Server, csms


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("proof"), settings=SETTINGS)
    running.start()
    yield running
    running.stop()


def told(server: Server, *arguments: str, code: int = 0) -> Any:
    done = csms("limit", *arguments, "--json", "--url", server.api_url)
    assert done.returncode == code, done.stderr + done.stdout
    return json.loads(done.stdout)


def shown(server: Server, *arguments: str, code: int = 0) -> str:
    done = csms("limit", *arguments, "--url", server.api_url)
    assert done.returncode == code, done.stderr + done.stdout
    return done.stdout


def test_what_is_in_force_is_what_was_recorded(server: Server) -> None:
    assert told(server, "verify")["ok"]
    told(server, "set", "T1", "--kw", "60", "--id", "evening", "--version", "1")
    told(server, "set", "T1", "--kw", "50", "--id", "evening", "--version", "2")
    told(server, "set", "T1", "--kw", "40", "--id", "later", "--from", "+1h", "--to", "+2h")
    told(server, "set", "T1", "--kw", "20", "--id", "gone")
    told(server, "cancel", "T1", "gone")
    found = told(server, "verify")
    assert (found["ok"], found["limits"], found["statements"], found["faults"]) == (True, 2, 5, [])
    assert "2 limits in force or to come" in shown(server, "verify")


def test_a_simulation_tells_cap_and_load(server: Server) -> None:
    found = told(server, "simulate", "T1", "--kw", "30", "--from", "+30min", "--to", "+60min", "--hours", "1.5")
    caps = [row["cap_kw"] for row in found["rows"]]
    assert caps[:2] == [50, 50]
    assert caps[2:4] == [30, 30]
    assert len(caps) == 6
    assert found["planned"] is False
    words = shown(server, "simulate", "T1", "--kw", "30")
    assert "No car is there" in words
    assert "█" in words
    assert told(server, "verify")["limits"] == 2, "nothing was set"


def test_the_history_as_files(server: Server, tmp_path: Path) -> None:
    lines, sheet = tmp_path / "limits.jsonl", tmp_path / "limits.csv"
    assert told(server, "history", "T1", "--export", str(lines))["records"] >= 5
    records = [json.loads(line) for line in lines.read_text("utf-8").splitlines()]
    assert [record["seq"] for record in records] == sorted(record["seq"] for record in records)
    shown(server, "history", "T1", "--export", str(sheet))
    rows = list(csv.DictReader(sheet.read_text("utf-8-sig").splitlines()))
    assert [row["limit"] for row in rows if row["action"] == "cancel limit"] == ["gone"]
    refused = csms("limit", "history", "T1", "--export", str(sheet), "--url", server.api_url)
    assert refused.returncode == 1


def test_what_somebody_changed_in_the_database_is_found(server: Server) -> None:
    server.stop()
    with sqlite3.connect(server.folder / "csms.db") as database:
        database.execute("UPDATE grid_limit SET power_w = 90000 WHERE limit_id = 'evening' AND version = 2")
        database.execute("DELETE FROM grid_limit WHERE limit_id = 'later'")
    server.start()
    found = told(server, "verify", code=1)
    assert found["chain"]["ok"]
    assert {(one["id"], one["fault"]) for one in found["faults"]} == {
        ("evening", "differs"),
        ("later", "missing"),
        ("", "cap"),
    }
    assert "another version or value than recorded" in shown(server, "verify", code=1)
