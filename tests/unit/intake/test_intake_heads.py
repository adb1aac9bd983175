"""Every operator is given the signed head of each day once by each of its ways; what was not taken comes again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from csms.model.clock import ManualClock
from csms.texts import catalogue
from monitor.evidence.documents import read_public
from monitor.evidence.files import private_key, read_heads
from monitor.evidence.judge import Finding, judge_heads
from monitor.evidence.service import Evidence
from monitor.intake.heads import HeadPost, HeadsNotGiven
from monitor.intake.settings import settings_of
from monitor.quality.channels import MailChannel
from monitor.store.intake import IntakeStore, open_intake
from tests.unit.evidence.test_evidence_log import OPERATOR, OTHER, START, fill
from tests.unit.quality.test_quality_watch import post_office, read_letter


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[IntakeStore]:
    found = await open_intake(tmp_path / "data")
    await fill(found, 12)
    await fill(found, 3, operator=OTHER)
    yield found
    await found.close()


@pytest.fixture
def evidence(store: IntakeStore, tmp_path: Path) -> Evidence:
    return Evidence(store.evidence, private_key(tmp_path / "data"), ManualClock(START + timedelta(days=3)))


def post(evidence: Evidence, folder: Path, mail: MailChannel | None = None, **ways: str) -> HeadPost:
    rows = [{"operator_id": OPERATOR, **ways}, {"operator_id": OTHER}]
    return HeadPost(evidence, evidence.clock, settings_of(rows).operators, folder, mail)


@dataclass
class Hook:
    """An operator's webhook."""

    url: str = ""
    status: int = 204
    got: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def webhook() -> Iterator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if hook.status == 204:
                hook.got.append(content)
            self.send_response(hook.status)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    hook.url = f"http://127.0.0.1:{server.server_port}/heads"
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()


async def test_each_head_is_a_file_of_its_operator(evidence: Evidence, tmp_path: Path) -> None:
    await evidence.close_days()
    made = post(evidence, tmp_path)
    await made.round()
    await made.round()
    public = read_public(evidence.public_key)
    for operator in (OPERATOR, OTHER):
        folder = tmp_path / "heads" / operator
        names = sorted(path.name for path in folder.iterdir())
        assert names == [
            "2026-03-01.json",
            "2026-03-02.json",
            "2026-03-03.json",
        ]
        assert judge_heads(read_heads(folder), public).finding is Finding.VERIFIED
        assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())


async def test_a_webhook_that_was_down_gets_all_heads_in_their_order_once(evidence: Evidence, tmp_path: Path) -> None:
    await evidence.close_days()
    with webhook() as hook:
        made = post(evidence, tmp_path, webhook=hook.url)
        hook.status = 500
        with pytest.raises(HeadsNotGiven, match=f"{OPERATOR} by webhook"):
            await made.round()
        assert (tmp_path / "heads" / OTHER / "2026-03-03.json").exists(), "nobody waits for it"
        hook.status = 204
        await made.round()
        await made.round()
        assert [row["head"]["day"] for row in hook.got] == ["2026-03-01", "2026-03-02", "2026-03-03"]
        evidence.clock.time += timedelta(days=1)  # type: ignore[attr-defined]
        await evidence.close_days()
        await made.round()
        assert [row["head"]["day"] for row in hook.got][3:] == ["2026-03-04"]
    assert judge_heads(hook.got, read_public(evidence.public_key)).finding is Finding.VERIFIED
    assert {row["head"]["log"] for row in hook.got} == {OPERATOR}


async def test_years_of_heads_are_given_over_some_rounds(
    evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.intake.heads.AT_ONCE", 2)
    await evidence.close_days()
    made, folder = post(evidence, tmp_path), tmp_path / "heads" / OPERATOR
    counts = []
    for _ in range(3):
        await made.round()
        counts.append(len(await asyncio.to_thread(read_heads, folder)))
    assert counts == [2, 3, 3]


async def test_a_letter_holds_the_head_as_a_file(evidence: Evidence, tmp_path: Path) -> None:
    await evidence.close_days()
    words = (catalogue("zh"), catalogue("en"))
    with post_office() as (letters, port):
        address = {OPERATOR: "data@op.example.cn"}
        mail = MailChannel("127.0.0.1", port, "watch@example.cn", "duty@example.cn", words, address, tls="none")
        made = post(evidence, tmp_path, mail, email="data@op.example.cn")
        await made.round()
        await made.round()
        assert [envelope.rcpt_tos for envelope in letters.got] == [["data@op.example.cn"]] * 3
    letter = read_letter(letters.got[0])
    assert "签名根" in letter["Subject"]
    (attached,) = letter.iter_attachments()
    assert attached.get_filename() == "2026-03-01.json"
    sent = [json.loads(next(read_letter(one).iter_attachments()).get_content()) for one in letters.got]
    assert judge_heads(sent, read_public(evidence.public_key)).finding is Finding.VERIFIED


async def test_who_is_named_late_is_not_sent_what_is_history(evidence: Evidence, tmp_path: Path) -> None:
    evidence.clock.time += timedelta(days=30)  # type: ignore[attr-defined]
    await evidence.close_days()
    with webhook() as hook:
        await post(evidence, tmp_path, webhook=hook.url).round()
    assert len(hook.got) == 7
    assert len(await asyncio.to_thread(read_heads, tmp_path / "heads" / OPERATOR)) == 33
