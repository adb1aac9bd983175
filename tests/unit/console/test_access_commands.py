"""`csms token` and `csms audit` against a real server: what people see, what scripts get, what is found broken."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import stat
import sys
from pathlib import Path

from sqlalchemy import text

from csms.store import schema
from tests.support.running import ROOT, Server, csms


async def test_tokens_on_the_command_line(served) -> None:
    file = served.cwd / "north.token"
    words = ("--role", "grid_operator", "--feeder", "north", "--save", str(file))
    made = await served.csms("token", "create", "grid-north", *words)
    assert made.code == 0, made.err
    assert "csms_" not in made.out.replace("CSMS_TOKEN_FILE", ""), "it went into the file alone"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    mine = {"CSMS_TOKEN": "", "CSMS_TOKEN_FILE": str(file)}
    seen = (await served.csms("limit", "show", "--json", **mine)).document
    assert [row["feeder_id"] for row in seen["feeders"]] == ["north"]
    refused = await served.csms("limit", "set", "site", "--kw", "50", **mine)
    assert (refused.code, "not bound" in refused.err) == (1, True)
    turned = (await served.csms("token", "rotate", "grid-north", "--grace-h", "0", "--json")).document
    assert turned["token"].startswith("csms_")
    listed = await served.csms("token", "list", "--all")
    assert "grid-north" in listed.out
    assert turned["token"] not in listed.out
    ended = await served.csms("limit", "show", **mine)
    assert (ended.code, "CSMS_TOKEN_FILE" in ended.err) == (1, True)
    assert (await served.csms("token", "revoke", "grid-north", "--json")).document == {
        "name": "grid-north",
        "revoked": 1,
    }
    wrong = await served.csms("token", "create", "x", "--role", "grid_operator")
    assert wrong.code == 2


async def test_without_a_token_the_way_is_told(served) -> None:
    for command in (("station", "list"), ("monitor", "live", "--once")):
        done = await served.csms(*command, CSMS_TOKEN="")
        assert done.code == 1, done.err
        assert "CSMS_TOKEN" in done.err
    file = served.cwd / "open.token"
    file.write_text("csms_x")
    file.chmod(0o644)
    done = await served.csms("station", "list", CSMS_TOKEN="", CSMS_TOKEN_FILE=str(file))
    assert (done.code, "chmod 600" in done.err) == (1, True)


async def test_the_audit_log_on_the_command_line(served) -> None:
    for _ in range(3):
        assert (await served.csms("station", "reset", "CP-1")).code == 0
    listed = await served.csms("audit", "list", "--on", "CP-1")
    assert listed.out.count("command reset") == 3
    assert "Accepted" in listed.out
    whole = (await served.csms("audit", "verify", "--json")).document
    assert (whole["ok"], whole["checked"]) == (True, 6)
    head = f"{whole['head']['seq']}:{whole['head']['hash']}"
    export = served.cwd / "audit.jsonl"
    assert (await served.csms("audit", "export", str(export))).code == 0
    assert (await served.csms("audit", "verify", str(export), "--head", head)).code == 0
    assert (await served.csms("audit", "export", str(export))).code == 1, "it is there already"

    lines = export.read_text().splitlines()
    record = json.loads(lines[3])
    changed = served.cwd / "changed.jsonl"
    changed.write_text("\n".join([*lines[:3], json.dumps(record | {"actor": "nobody"}), *lines[4:]]))
    bad = await served.csms("audit", "verify", str(changed), "--json")
    assert bad.code == 1
    assert (bad.document["broken_seq"], bad.document["fault"]) == (4, "columns")
    cut = served.cwd / "cut.jsonl"
    cut.write_text("\n".join(lines[:4]))
    assert (await served.csms("audit", "verify", str(cut))).code == 0, "the chain alone does not show it"
    told = await served.csms("audit", "verify", str(cut), "--head", head)
    assert (told.code, "BROKEN at record 6" in told.out) == (1, True)
    rest = served.cwd / "rest.jsonl"
    assert (await served.csms("audit", "export", str(rest), "--after", "2")).code == 0
    assert (await served.csms("audit", "verify", str(rest), "--head", head)).code == 0
    assert (await served.csms("audit", "verify", "--head", "nonsense")).code == 2


def test_what_is_done_on_the_data_itself(tmp_path: Path) -> None:
    """Before any server ran, while one runs, and after somebody cut the log."""
    server = Server(tmp_path / "run")
    where = {"CSMS_CONFIG": str(server.file)}
    rescue = csms("token", "create", "rescue", "--role", "administrator", "--local", "--json", **where)
    assert rescue.returncode == 0, rescue.stderr
    token = json.loads(rescue.stdout)["token"]
    server.start_with(token)
    try:
        second = csms("token", "create", "second", "--role", "viewer", "--local", "--json", **where)
        assert second.returncode == 0, second.stderr
        assert server.api.post("/api/v1/stations/CP-1/commands/reset", json={}).status_code == 409
        names = [row["name"] for row in server.api.get("/api/v1/access-tokens").json()["tokens"]]
        assert {"rescue", "second"} <= set(names)
        assert csms("audit", "verify", "--url", server.api_url).returncode == 0
        unknown = csms("token", "create", "g", "--role", "grid_operator", "--feeder", "nowhere", "--local", **where)
        assert unknown.returncode == 2
    finally:
        server.stop()
    assert csms("audit", "verify", "--local", **where).returncode == 0

    def cut(connection) -> None:
        connection.execute(text("DROP TRIGGER audit_record_no_DELETE"))
        connection.execute(text("DELETE FROM audit_record WHERE seq > 4"))

    schema.change(f"sqlite+aiosqlite:///{server.folder / 'csms.db'}", cut)
    found = csms("audit", "verify", "--local", "--json", **where)
    assert found.returncode == 1
    assert json.loads(found.stdout)["fault"] == "cut"


async def test_the_first_token_is_shown_at_a_terminal_and_nowhere_else(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    ports = ("--ocpp-port", "0", "--http-port", "0", "--data-dir", str(tmp_path / "data"))
    log = tmp_path / "serve.log"
    environ = os.environ | {"TERM": "dumb", "CSMS_LANG": "en", "COLUMNS": "200"}
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(ROOT / "cli.py"),
            "serve",
            *ports,
            stdout=slave,
            stderr=errors,
            env=environ,
            cwd=tmp_path,
        )
    os.close(slave)
    shown = ""
    try:
        async with asyncio.timeout(60):
            while "Ctrl-C" not in shown:
                shown += (await asyncio.to_thread(os.read, master, 65536)).decode()
        (token,) = re.findall(r"export CSMS_TOKEN=(csms_\w+)", shown)
        facts = json.loads((tmp_path / "data" / "serve.json").read_text())
        url = f"http://127.0.0.1:{facts['http_port']}"
        listed = await asyncio.to_thread(csms, "station", "list", CSMS_URL=url, CSMS_TOKEN=token)
        assert listed.returncode == 0, listed.stderr
    finally:
        process.terminate()
        await process.wait()
        os.close(master)
    secret = token.split("_")[2].encode()
    assert not (tmp_path / "data" / "admin.token").exists()
    assert not _files_with(tmp_path, secret)


def _files_with(folder: Path, words: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and words in path.read_bytes()]
