"""The command as a process of its own: port file, summary, body limit, a clean end by SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from csms.texts import catalogue
from monitor.intake.console import build

ROOT = Path(__file__).resolve().parents[3]
PARTNERS = """
[[partners]]
operator_id = "123456789"
profile = "shandong"
operator_secret = "1234567890abcdef"
data_secret = "1234567890abcdef"
data_secret_iv = "1234567890abcdef"
sig_secret = "1234567890abcdef"
"""
MAIN = "from csms.texts import catalogue; from monitor.intake.console import build; build(catalogue('en'))()"


async def start(folder: Path) -> tuple[asyncio.subprocess.Process, int]:
    (folder / "partners.toml").write_text(PARTNERS, encoding="utf-8")
    port_file = folder / "port"
    arguments = ["serve", "--data-dir", folder / "data", "--partner-file", folder / "partners.toml"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", MAIN, *map(str, arguments), "--port", "0", "--port-file", str(port_file)),
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "CSMS_CLOCK": f"speed=288,wall={time.time()!r},time=2026-01-01T00:00:00+00:00"},
    )
    async with asyncio.timeout(60):
        while not port_file.exists():
            assert process.returncode is None
            await asyncio.sleep(0.02)
    return process, int(port_file.read_text())


async def test_it_serves_and_ends_cleanly(tmp_path: Path) -> None:
    process, port = await start(tmp_path)
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(trust_env=False) as client:
        summary = (await client.get(f"{base}/summary")).json()
        big = await client.post(f"{base}/evcs/v20160701/query_token", content=b"x" * 2_200_000)
        unknown = await client.post(f"{base}/evcs/v20160701/query_nothing", content=b"{}")
        docs = await client.get(f"{base}/docs")
    assert (summary["orders"], summary["profiles"]) == (0, {"shandong": "assumed"})
    assert (big.status_code, big.content) == (400, b"")
    assert (unknown.status_code, docs.status_code) == (404, 404)
    process.send_signal(signal.SIGTERM)
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0
    assert "Profile shandong is assumed" in errors.decode()
    assert not (tmp_path / "data" / "intake.db-wal").exists()


@pytest.mark.parametrize(("lang", "words"), [("en", "The platform cannot start"), ("zh", "平台无法启动")])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, lang: str, words: str) -> None:
    arguments = ["serve", "--data-dir", str(tmp_path), "--partner-file", str(tmp_path / "nothing.toml")]
    result = CliRunner().invoke(build(catalogue(lang)), arguments)
    assert result.exit_code == 2
    assert words in result.output
    assert "nothing.toml" in result.output
