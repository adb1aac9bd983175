"""Files of the platform that cannot be used end a command with a code and what to do; no error of SQL comes out."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from csms.model.clock import ManualClock
from csms.store.engine import open_store
from csms.texts import catalogue
from monitor.evidence.console import build as evidence
from monitor.governance.console import build as data
from monitor.intake.console import build as intake
from monitor.quality.console import build as quality
from monitor.store import governance
from monitor.store import intake as intake_store
from monitor.store.governance import open_governance
from monitor.store.intake import open_intake
from monitor.warehouse.console import build as warehouse
from tests.quality.world import DAY, OPERATOR

PARTNERS = f'[[partners]]\noperator_id = "{OPERATOR}"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A central system's database, and those of a platform."""

    async def make() -> None:
        store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", ManualClock(DAY), upgrade=True)
        await store.close()
        await (await open_intake(tmp_path)).close()

    asyncio.run(make())
    open_governance(tmp_path).close()
    (tmp_path / "partners.toml").write_text(PARTNERS)
    return tmp_path


@pytest.fixture
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a lock no longer than a test can."""
    real = sqlite3.connect

    def connect(*places: Any, **given: Any) -> Any:
        return real(*places, **given | {"timeout": 0.05})

    monkeypatch.setattr(sqlite3, "connect", connect)
    monkeypatch.setattr("sqlite3.dbapi2.connect", connect)
    monkeypatch.setattr("monitor.store.intake.BUSY_MS", 50)


@pytest.fixture(params=[intake_store.FILE_NAME, governance.FILE_NAME])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def run(build: Any, *words: object, lang: str = "en") -> Any:
    return CliRunner().invoke(build(catalogue(lang)), [str(word) for word in words])


def reads(folder: Path) -> dict[str, list[tuple[Any, tuple[object, ...]]]]:
    """Commands by the file that they read."""
    places = ("--data-dir", folder)
    partners = (*places, "--partner-file", folder / "partners.toml")
    both = [(warehouse, ("load", *places)), (data, ("gather", *places))]
    return {
        intake_store.FILE_NAME: [
            *both,
            (quality, ("show", *partners)),
            (quality, ("alarms", *partners)),
            (evidence, ("close", *places)),
            (intake, ("keys", "list", *partners)),
            (intake, ("retention", *partners)),
        ],
        governance.FILE_NAME: [*both, (data, ("scores", *places)), (data, ("repairs", *places))],
    }


def check(result: Any, exit_code: int, code: str) -> None:
    assert result.exit_code == exit_code, (result.output, result.exception)
    fault = json.loads(result.stderr.splitlines()[-1])
    assert fault["code"] == code
    assert result.stdout == ""


def test_a_file_that_somebody_holds(folder: Path, name: str, short_wait: None) -> None:
    with closing(sqlite3.connect(folder / name, isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("PRAGMA journal_mode = DELETE")
        holder.execute("BEGIN EXCLUSIVE")
        for build, words in reads(folder)[name]:
            check(run(build, *words, "--json"), 1, "store_locked")
        build, words = reads(folder)[name][0]
        assert "被其他进程占用" in run(build, *words, lang="zh").stderr.replace("\n", "")
        holder.execute("ROLLBACK")


def test_a_file_that_is_no_database(folder: Path, name: str) -> None:
    content = b"no database at all, but long enough to be looked at" * 20
    for suffix in ("", "-wal", "-shm"):
        (folder / f"{name}{suffix}").unlink(missing_ok=True)
    (folder / name).write_bytes(content)
    for build, words in reads(folder)[name]:
        check(run(build, *words, "--json"), 1, "store_damaged")
    assert (folder / name).read_bytes() == content, "it may be somebody else's"


def test_a_folder_that_holds_no_platform(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    result = run(warehouse, "load", "--data-dir", folder, "--platform-dir", tmp_path / "none", "--json")
    check(result, 2, "no_database")
    assert list((tmp_path / "none").iterdir()) == [], "nothing is begun there"


def test_a_file_of_a_later_version(folder: Path, name: str) -> None:
    with closing(sqlite3.connect(folder / name)) as connection, connection:
        connection.execute("PRAGMA user_version = 99")
    result = run(warehouse, "load", "--data-dir", folder, "--json")
    assert (result.exit_code, "99" in json.loads(result.stderr.splitlines()[-1])["detail"]) == (1, True)
