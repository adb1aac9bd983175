"""What is due is made once, sent through a real SMTP server, and sent later when that is away."""

from __future__ import annotations

import email
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from typer.testing import CliRunner

from csms.texts import catalogue
from monitor.reports.console import build
from monitor.reports.mail import VARIABLE, MailInvalid, post_from
from tests.support.warehouse import PLACES, Home, at, more_rows

NOW = "2026-03-04T06:30:00+08:00"


@pytest.fixture
async def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    await made.begin()
    await made.change(*more_rows())
    await made.load(since=at(-72), places=PLACES)
    return made


class Letters:
    """Keeps what comes."""

    def __init__(self) -> None:
        self.got: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.got.append(email.message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@contextmanager
def post_office(port: int) -> Iterator[Letters]:
    """A real SMTP server on this machine."""
    letters = Letters()
    server = Controller(letters, hostname="127.0.0.1", port=port, ready_timeout=20)
    server.start()
    try:
        yield letters
    finally:
        server.stop()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def run(home: Home, *more: str, **environment: str) -> tuple[int, dict[str, Any], str]:
    environment["CSMS_CLOCK"] = f"speed=1,wall={time.time()!r},time={NOW}"
    words = ["scheduled", "--data-dir", str(home.folder), "--back", "3", "--audience", "grid", "--json", *more]
    answer = CliRunner().invoke(build(catalogue("en")), words, env={"CSMS_LANG": "en", **environment})
    assert answer.exception is None or isinstance(answer.exception, SystemExit), answer.exception
    said = answer.output.splitlines()[-1] if answer.output else "{}"
    return answer.exit_code, json.loads(said), answer.output


async def test_what_is_due_is_made_once(home: Home) -> None:
    code, told, said = run(home)
    assert code == 0, said
    made = sorted(Path(file).name for file in told["files"])
    days = [f"daily-grid-2026-03-0{day}.html" for day in (1, 2, 3)]
    assert made == [*days, "monthly-grid-2026-02.html"], "the warehouse knows from the end of February on"
    assert run(home)[1] == {"files": [], "sent": 0}
    (home.folder / "reports" / made[0]).unlink()
    assert [Path(file).name for file in run(home)[1]["files"]] == [made[0]]


async def test_reports_are_sent_and_sent_later_when_nobody_takes_them(home: Home) -> None:
    port = free_port()
    mail = json.dumps({"host": "127.0.0.1", "port": port, "sender": "a@b.cn", "to": "duty@b.cn", "tls": "none"})
    code, told, _ = run(home, **{VARIABLE: mail})
    assert (code, told["code"]) == (1, "not_mailed")
    written = sorted((home.folder / "reports").glob("*.html"))
    assert written
    with post_office(port) as letters:
        code, told, said = run(home, **{VARIABLE: mail})
        assert code == 0, said
        assert told == {"files": [], "sent": len(written)}
        assert run(home, **{VARIABLE: mail})[1]["sent"] == 0
    (letter,) = letters.got
    assert letter["To"] == "duty@b.cn"
    attached = {part.get_filename(): part.get_payload(decode=True) for part in letter.iter_attachments()}
    assert attached == {file.name: file.read_bytes() for file in written}


async def test_settings_of_mail_that_cannot_be_used_are_said(home: Home) -> None:
    code, told, _ = run(home, **{VARIABLE: '{"host": 1, "who": 2}'})
    assert (code, told["code"]) == (2, "mail_invalid")
    with pytest.raises(MailInvalid):
        post_from("[]")
    assert post_from("") is None


def test_without_a_warehouse_nothing_is_due(tmp_path: Path) -> None:
    words = ["scheduled", "--data-dir", str(tmp_path), "--json"]
    answer = CliRunner().invoke(build(catalogue("en")), words)
    assert (answer.exit_code, json.loads(answer.output)) == (0, {"files": [], "sent": 0})
