"""Signed heads at whom they were given to: kept one after the other; what does not fit is named and not kept."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from csms.model.clock import ManualClock
from csms.province.client import Partner
from csms.texts import catalogue
from monitor.evidence.console import build
from monitor.evidence.documents import read_head, read_public
from monitor.evidence.fetching import HeadClient, HeadsUnreachable
from monitor.evidence.files import keep_head, private_key, read_heads
from monitor.evidence.judge import Finding, judge_document, judge_heads
from monitor.evidence.operator_console import _fetched
from monitor.evidence.service import Evidence
from monitor.intake.platform import create_platform
from monitor.intake.settings import settings_of
from monitor.store.intake import IntakeStore, open_intake
from tests.unit.evidence.test_evidence_log import OPERATOR, OTHER, START, fill

KEY = "1234567890abcdef"
SECRETS = dict.fromkeys(("operator_secret", "data_secret", "data_secret_iv", "sig_secret"), KEY)
SETTINGS = settings_of([{"operator_id": name, "profile": "tcec102-2016", **SECRETS} for name in (OPERATOR, OTHER)])


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[IntakeStore]:
    found = await open_intake(tmp_path / "data")
    await fill(found, 40)
    await fill(found, 5, operator=OTHER)
    yield found
    await found.close()


@pytest.fixture
def evidence(store: IntakeStore, tmp_path: Path) -> Evidence:
    return Evidence(store.evidence, private_key(tmp_path / "data"), ManualClock(START + timedelta(days=5)))


async def documents(evidence: Evidence, operator: str = OPERATOR) -> list[dict[str, Any]]:
    await evidence.close_days()
    heads = await evidence.store.heads(operator)
    return [await evidence.prove_head(operator, signed.head.day) for signed in heads]


async def rewritten(folder: Path) -> Evidence:
    """A platform that has changed an old order and made its whole log anew, with the same key."""
    with closing(sqlite3.connect(folder / "intake.db")) as connection, connection:
        changed = "update evidence_record set record = replace(record, '1.5', '2.5') where number = 3"
        connection.execute(changed.replace("replace(record", "replace(cast(record as text)"))
        rows = connection.execute(
            "select operator_id, day, kind, business_id, received_at, record from evidence_record order by number"
        ).fetchall()
        for table in ("evidence_log", "evidence_record", "evidence_node", "evidence_head"):
            connection.execute(f"delete from {table}")
    store = await open_intake(folder)
    from datetime import UTC, datetime

    for operator, _, kind, business_id, at, record in rows:
        moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
        content = record.encode() if isinstance(record, str) else record
        given = (operator, kind, business_id, moment, content)
        await store._writer.write(lambda c, given=given: store._appender.append(c, *given))  # type: ignore[misc]
    return Evidence(store.evidence, private_key(folder), ManualClock(START + timedelta(days=5)))


async def test_each_head_follows_the_one_before(evidence: Evidence) -> None:
    found = await documents(evidence)
    assert len(found) == 5
    public = read_public(evidence.public_key)
    assert all(judge_document(document, public).finding is Finding.VERIFIED for document in found)
    whole = judge_heads(found, public)
    assert (whole.finding, whole.records, len(whole.days)) == (Finding.VERIFIED, 40, 5)
    assert judge_heads(found[::-1]).finding is Finding.SIGNER_UNKNOWN, "in whatever order they lie there"
    gap = judge_heads([found[0], *found[2:]], public)
    assert (gap.finding, gap.missing, gap.faults) == (Finding.INCOMPLETE, [found[1]["head"]["day"]], [])


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda found: found[2]["head"].update(size=found[2]["head"]["size"] + 1), "signature"),
        (lambda found: found[2].update(path=found[2]["path"][:-1]), "not_consistent"),
        (lambda found: found[2].update(before=found[0]["before"]), "heads_broken"),
        (lambda found: found[2].update(before={key: found[0][key] for key in ("head", "signature")}), "heads_broken"),
        (
            lambda found: found[1].update({key: found[3][key] for key in ("head", "signature", "before")}),
            "not_consistent",
        ),
    ],
)
async def test_whatever_is_changed_in_a_head_is_found(evidence: Evidence, change: Any, fault: str) -> None:
    found = await documents(evidence)
    change(found)
    verdict = judge_heads(found, read_public(evidence.public_key))
    assert verdict.finding is Finding.WRONG
    assert fault in {one.name for one in verdict.faults}


async def test_who_kept_a_head_finds_a_log_that_was_written_anew(evidence: Evidence, tmp_path: Path) -> None:
    kept = await documents(evidence)
    again = await rewritten(tmp_path / "data")
    anew = await documents(again)
    await again.store._engine.dispose()
    public = read_public(evidence.public_key)
    assert judge_heads(anew, public).finding is Finding.VERIFIED, "by itself it is a right log"
    same_day = judge_heads([*kept, anew[-1]], public)
    assert {one.name for one in same_day.faults} == {"two_heads"}
    next_day = judge_heads([*kept[:3], *anew[3:]], public)
    assert {(one.name, one.day) for one in next_day.faults} == {("heads_broken", kept[3]["head"]["day"])}


def run(*words: object) -> Any:
    return CliRunner().invoke(build(catalogue("en")), [str(word) for word in words])


@pytest.fixture
def given(tmp_path: Path) -> tuple[list[Path], Path]:
    """Heads as files, and the key."""

    async def make() -> tuple[list[dict[str, Any]], str]:
        store = await open_intake(tmp_path / "platform")
        await fill(store, 20)
        made = Evidence(store.evidence, private_key(tmp_path / "platform"), ManualClock(START + timedelta(days=5)))
        found = await documents(made)
        await store.close()
        return found, made.public_key

    found, pem = asyncio.run(make())
    (tmp_path / "platform.pem").write_text(pem)
    paths = [tmp_path / "got" / f"{n}.json" for n in range(len(found))]
    for path, document in zip(paths, found, strict=True):
        keep_head(path, document)
    return paths, tmp_path / "platform.pem"


def test_heads_are_kept_if_they_fit(given: tuple[list[Path], Path], tmp_path: Path) -> None:
    (paths, pem), into = given, tmp_path / "kept"
    assert run("keep", paths[0], "--into", into).exit_code == 3, "kept, and the signer unknown"
    for path in paths[1:3]:
        result = run("keep", path, "--into", into, "--key-file", pem, "--json")
        assert (result.exit_code, json.loads(result.stdout)["verdict"]) == (0, "verified")
    assert run("keep", paths[2], "--into", into, "--key-file", pem).exit_code == 0, "again"
    document = json.loads(paths[3].read_text())
    document["path"] = []
    paths[3].write_text(json.dumps(document))
    before = {path.name: path.read_bytes() for path in into.iterdir()}
    refused = run("keep", paths[3], "--into", into, "--key-file", pem)
    assert (refused.exit_code, "did not only grow" in refused.stderr) == (1, True)
    assert {path.name: path.read_bytes() for path in into.iterdir()} == before
    assert run("verify", into, "--key-file", pem).exit_code == 0
    gap = run("keep", paths[4], "--into", into, "--key-file", pem)
    assert (gap.exit_code, "Incomplete" in gap.output) == (3, True)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"document": "csms-evidence-head-1"}', "\xff"])
def test_what_is_no_head_is_not_kept(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_bytes(content.encode("latin-1"))
    result = run("keep", tmp_path / "x.json", "--into", tmp_path / "kept", "--json")
    assert (result.exit_code, json.loads(result.stderr)["code"]) == (1, "unreadable")
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("day", ["2026-3-1", "20260301", "", "9999-12-31", "../../x", "2026-03-01\n"])
async def test_a_day_that_is_none_names_no_file(evidence: Evidence, day: str, tmp_path: Path) -> None:
    document = (await documents(evidence))[1]
    document["head"]["day"] = day
    (tmp_path / "x.json").write_text(json.dumps(document))
    result = await asyncio.to_thread(run, "keep", tmp_path / "x.json", "--into", tmp_path / "kept")
    assert result.exit_code == 1
    assert not (tmp_path / "kept").exists()


# The endpoint


@pytest.fixture
async def platform(evidence: Evidence, store: IntakeStore) -> FastAPI:
    return await create_platform(SETTINGS, evidence.clock, store, evidence=evidence)


class Client(HeadClient):
    """An operator's client that reaches the application without a socket."""

    app: FastAPI

    def connections(self) -> httpx.AsyncClient:
        if self._connections is None:
            self._connections = httpx.AsyncClient(transport=httpx.ASGITransport(self.app))
        return self._connections


def client(platform: FastAPI, evidence: Evidence, operator: str = OPERATOR) -> Client:
    own = SETTINGS.operators[operator]
    made = Client(Partner("p", own.profile, "http://127.0.0.1", operator, own.inbound), evidence.clock)
    made.app = platform
    evidence.clock.time += timedelta(seconds=1)  # type: ignore[attr-defined]  # a client's first second is not used
    return made


async def test_an_operator_fetches_its_own_heads_and_no_others(
    evidence: Evidence, platform: FastAPI, tmp_path: Path
) -> None:
    into, key = tmp_path / "kept", read_public(evidence.public_key)
    evidence.clock.time = START + timedelta(days=2)  # type: ignore[attr-defined]
    await evidence.close_days()
    first = await _fetched(client(platform, evidence), OPERATOR, into, key)
    assert (first.finding, len(first.days)) == (Finding.VERIFIED, 2)
    evidence.clock.time = START + timedelta(days=5)  # type: ignore[attr-defined]
    await evidence.close_days()
    later = await _fetched(client(platform, evidence), OPERATOR, into, key)
    assert (later.finding, len(later.days)) == (Finding.VERIFIED, 5)
    assert {read_head(document).head.log for document in read_heads(into)} == {OPERATOR}
    others = await _fetched(client(platform, evidence, OTHER), OTHER, tmp_path / "other", key)
    assert {read_head(document).head.log for document in read_heads(tmp_path / "other")} == {OTHER}
    assert others.finding is Finding.VERIFIED


async def test_who_has_no_token_gets_nothing(evidence: Evidence, platform: FastAPI) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(platform), base_url="http://127.0.0.1") as stranger:
        for header in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer x"}, {"Authorization": "Bearer é"}):
            sent = {name: value.encode("latin-1") for name, value in header.items()}
            assert (await stranger.get("/evidence/heads", headers=sent)).status_code == 401
        assert (await stranger.get("/evidence/key")).text == evidence.public_key
    mine = client(platform, evidence)
    await mine.heads("")
    with pytest.raises(HeadsUnreachable, match="400"):
        await mine.heads("yesterday")
    evidence.clock.time += timedelta(days=30)  # type: ignore[attr-defined]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(platform), base_url="http://127.0.0.1") as late:
        old = {"Authorization": f"Bearer {platform.state.desk._tokens[OPERATOR].text}"}
        assert (await late.get("/evidence/heads", headers=old)).status_code == 401, "the token is over"
    await mine.close()
