"""The dashboard as a child of the server: called with what it needs, heard, started again, ended with the server."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from csms.app.dashboard import Dashboard, DashboardEnded, DashboardSection

LISTENS = """
import json, sys
print(json.dumps({"url": " ".join(sys.argv[1:]), "port": 5}), flush=True)
sys.stdin.read()
"""


def child(program: str, told: list[tuple[str, int]], **settings: object) -> Dashboard:
    section = DashboardSection.model_validate({"port": 0, **settings})
    tell = lambda url, port: told.append((url, port))  # noqa: E731 - as short as it is
    return Dashboard(section, "http://x:1", "127.0.0.1", told=tell, program=(sys.executable, "-c", program))


async def until(told: list[tuple[str, int]]) -> None:
    async with asyncio.timeout(30):
        while not told:  # noqa: ASYNC110 - another process writes
            await asyncio.sleep(0.02)


async def test_it_is_called_and_says_where_it_listens(tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []
    working = asyncio.create_task(child(LISTENS, told, guest_token_file=str(tmp_path / "guest")).run())
    await until(told)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    words, port = told[0]
    assert port == 5
    expected = f"dashboard --url http://x:1 --host 127.0.0.1 --port 0 --json --guest-token-file {tmp_path / 'guest'}"
    assert words == f"{expected} --until-stdin-ends"


async def test_what_it_said_is_told_when_it_dies() -> None:
    with pytest.raises(DashboardEnded, match=r"exit code 3: port taken"):
        await child("import sys; sys.stderr.write('port taken'); sys.exit(3)", []).run()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
async def test_one_that_does_not_listen_to_reason_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csms.app.dashboard.PATIENCE_S", 0.2)
    told: list[tuple[str, int]] = []
    deaf = (
        "import json, signal, time; signal.signal(15, signal.SIG_IGN); "
        'print(json.dumps({"url": "u", "port": 1}), flush=True); time.sleep(600)'
    )
    working = asyncio.create_task(child(deaf, told).run())
    await until(told)
    working.cancel()
    async with asyncio.timeout(30):
        await asyncio.gather(working, return_exceptions=True)
