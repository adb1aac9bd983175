"""Attack class 11: what a pile or a driver says must stay a text: in terminals, tables, logs, SQL, HTML."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from csms.console.csv_file import cell, write_csv
from csms.console.layout import Column, table
from csms.texts.visible import escaped, visible
from tests.support.running import BareStation, Server, csms, running, station

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b2J\u202e\r\nCP-9  Available\x08\x7f"
SQL = "x'; DROP TABLE station; --"
FORMULA = '=HYPERLINK("http://evil.example","ok")'
HTML = "<script>alert(1)</script>"
LOG_LINE = 'x"}\n{"level": "error", "event": "forged"}'
FORBIDDEN = [chr(code) for code in (*range(9), *range(11, 32), 127, *range(0x80, 0xA0), 0x202E, 0x2066)]


def short(text: str, length: int = 20) -> str:
    return text[:length]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("run"), stations=("CP-1", "CP-2", "CP-3", "CP-4", "CP-5")) as started:
        for number, text in enumerate((ESCAPES, SQL, FORMULA, HTML, LOG_LINE), 1):
            asyncio.run(say_everywhere(started, f"CP-{number}", text))
        yield started


async def say_everywhere(server: Server, station_id: str, text: str) -> None:
    """In every field that a 1.6 pile may write into."""
    async with station(server, station_id) as socket:
        pile = BareStation(socket)
        boot = {"chargePointVendor": short(text), "chargePointModel": short(text), "firmwareVersion": text[:50]}
        await pile.call("BootNotification", boot)
        status = {"connectorId": 1, "errorCode": "OtherError", "status": "Available", "info": text[:50]}
        await pile.call("StatusNotification", status | {"vendorId": text[:255], "vendorErrorCode": text[:50]})
        await pile.call("DataTransfer", {"vendorId": text[:255], "messageId": text[:50], "data": text})
        await pile.call("Authorize", {"idTag": short(text)})
        start = {"connectorId": 1, "idTag": short(text), "meterStart": 0, "timestamp": "2026-03-02T08:00:00Z"}
        await pile.call("StartTransaction", start)
        await socket.send(json.dumps([2, text, "Heartbeat", {}]))
        await socket.send(json.dumps([2, "1", text, {}]))
        await socket.send(text)
        await asyncio.sleep(0.2)


def harmless(output: str) -> None:
    found = [ascii(sign) for sign in output if sign in FORBIDDEN]
    assert not found, found


COMMANDS = [
    ("station", "list"),
    ("station", "show", "CP-1"),
    ("station", "doctor", "all"),
    ("session", "list"),
    ("station", "log", "CP-1"),
    ("station", "report", "CP-1"),
    ("id-token", "list"),
    ("audit", "list"),
]


@pytest.mark.parametrize("as_json", [False, True], ids=["people", "json"])
@pytest.mark.parametrize("words", COMMANDS, ids=[" ".join(words) for words in COMMANDS])
def test_nothing_steers_the_terminal(server: Server, words: tuple[str, ...], as_json: bool) -> None:
    done = csms(*words, *(["--json"] if as_json else []), CSMS_URL=server.api_url)
    assert "Traceback" not in done.stderr
    harmless(done.stdout)
    harmless(done.stderr)


def test_the_live_view_shows_it_harmlessly(server: Server) -> None:
    done = csms("monitor", "live", "--once", CSMS_URL=server.api_url)
    assert done.returncode == 0, done.stderr
    harmless(done.stdout)


def test_an_operator_s_own_words_come_back_harmlessly(server: Server) -> None:
    done = csms("id-token", "put", "CARD\x1b[2J", "--message", ESCAPES, CSMS_URL=server.api_url)
    harmless(done.stdout + done.stderr)
    done = csms("station", "show", "CP\x1b[31m", CSMS_URL=server.api_url)
    assert done.returncode == 1
    harmless(done.stdout + done.stderr)


def test_sql_stays_a_text(server: Server) -> None:
    assert {row["station_id"] for row in server.api.get("/api/v1/stations").json()["stations"]} >= {"CP-1", "CP-2"}
    assert server.api.get("/api/v1/stations/CP-2").json()["vendor"] == short(SQL)
    for odd in (SQL, "' OR '1'='1", "%", "_", "\\", "x" * 5000):
        for path, params in (
            ("/stations", {"feeder_id": odd}),
            ("/sessions", {"station_id": odd}),
            ("/operations", {"station_id": odd, "kind": odd}),
            ("/audit", {"actor": odd[:64], "action": odd[:200], "target": odd[:200]}),
            ("/id-tokens", {"after": odd[:64]}),
        ):
            answer = server.api.get(f"/api/v1{path}", params=params)
            assert answer.status_code in (200, 422), (path, answer.text)
    assert server.api.get("/api/v1/sessions", params={"station_id": "' OR '1'='1"}).json()["sessions"] == []


def test_a_log_line_is_one_line(server: Server) -> None:
    for line in (server.folder / "serve.log").read_text("utf-8").splitlines():
        if line.startswith("{"):
            assert json.loads(line)["event"] != "forged"
        harmless(line)


def test_html_is_never_served_as_html(server: Server) -> None:
    for path in ("/stations/CP-4", "/stations", "/stations/CP-4/frames", f"/stations/{HTML.replace('/', '%2F')}"):
        answer = server.api.get(f"/api/v1{path}")
        assert "json" in answer.headers["content-type"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_spreadsheet_gets_no_formula(server: Server, tmp_path: Path) -> None:
    body = {"name": "ok", "role": "viewer"}
    answer = server.api.post("/api/v1/access-tokens", json=body)
    assert answer.status_code in (201, 409)
    server.api.put("/api/v1/id-tokens/%3DSUM(A1)", json={"message": FORMULA})
    file = tmp_path / "audit.csv"
    done = csms("audit", "export", str(file), "--csv", CSMS_URL=server.api_url)
    assert done.returncode == 0, done.stderr
    rows = list(csv.reader(file.read_text("utf-8-sig").splitlines()))
    assert len(rows) > 2
    assert any(field.startswith("'=SUM") for row in rows for field in row)
    assert not [field for row in rows for field in row if field.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize("text", [FORMULA, "+1", "-1+1", "@SUM(A1)", "\t=1", " =1", "\n=1", "＝1"])
def test_cells_that_read_like_formulas(text: str, tmp_path: Path) -> None:
    assert str(cell(text)).startswith("'")
    write_csv(tmp_path / "a.csv", ["x"], [[text], [5], [None]])
    lines = (tmp_path / "a.csv").read_text("utf-8-sig").splitlines()
    assert len(lines) == 4


def test_what_cannot_be_seen_is_made_visible() -> None:
    assert visible("ok 充电 é") == "ok 充电 é"
    assert visible("a\x1b[2Jb") == "a␛[2Jb"
    assert visible("\x7f\x9b\u202e") == "␡\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"
    (_, line) = table([Column("t")], [[ESCAPES]], 40)
    harmless(line.plain)
    assert json.loads(escaped(json.dumps({"a": ESCAPES}, ensure_ascii=False))) == {"a": ESCAPES}
    harmless(escaped(json.dumps({"a": ESCAPES}, ensure_ascii=False, indent=2)))


def test_rich_markup_of_a_station_is_no_markup(server: Server) -> None:
    async def boot() -> None:
        async with station(server, "CP-1") as socket:
            words: dict[str, Any] = {"chargePointVendor": "[red]x[/red]", "chargePointModel": "[link=http://e]y"}
            await BareStation(socket).call("BootNotification", words)

    asyncio.run(boot())
    done = csms("station", "show", "CP-1", CSMS_URL=server.api_url)
    assert "[red]x[/red]" in done.stdout
