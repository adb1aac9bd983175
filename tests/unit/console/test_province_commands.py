"""Every command of `csms province`, as a person and a program use it, against the real office behind the real API."""

from __future__ import annotations

import json
import tomllib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from csms.api.app import create_api
from csms.api.ports import ApiDeps
from csms.app.http import HttpServer
from csms.model.session import StopReason
from csms.province.claims import Claims
from csms.province.keys import FIELDS, Direction, Keys
from csms.province.memory import MemoryOutbox
from csms.province.office import ProvinceOffice
from csms.province.ports import ACKED, DEAD, NewEntry
from csms.province.profile import Kind
from csms.security.sealing import Seal
from tests.support.access import token_for
from tests.support.operations import TwinFeeders, operations
from tests.support.partners import SITES, THEIRS, World, partner_of, world
from tests.unit.console.conftest import Done, run

NOWHERE = "http://127.0.0.1:9"
RULE = """
id = "ours"
authority = "日照市"
source = "a test"
state = "public"

[operate]
rate_yuan_per_kwh = 0.2
grade_factor = { A = 1, B = 0.5 }
"""


@dataclass
class Office:
    """An operator with one platform, `p`, that does not answer, and a session whose order it has taken."""

    world: World
    outbox: MemoryOutbox
    url: str
    token: str
    cwd: Path

    async def csms(self, *arguments: str, typed: str = "", **environ: str) -> Done:
        known = {"CSMS_URL": self.url, "CSMS_TOKEN": self.token, "CSMS_LANG": "en"}
        return await run("province", *arguments, cwd=self.cwd, typed=typed, **(known | environ))

    async def document(self, *arguments: str) -> Any:
        done = await self.csms(*arguments, "--json")
        assert done.code == 0, done.out + done.err
        return done.document

    def file(self, name: str, content: str) -> str:
        path = self.cwd / name
        path.write_text(content, encoding="utf-8")
        return str(path)


async def _no_save(records: object) -> None:
    """Nothing is kept."""


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    (tmp_path / "api").mkdir()
    async with operations(tmp_path / "api") as at, world(tmp_path, _partner(at.clock)) as made:
        await made.station("CP-1")
        transaction = await made.begin("CP-1")
        made.clock.advance(3600)
        await made.end("CP-1", transaction, 11_000.0, StopReason.LOCAL)
        await made.feed.reconcile()
        for row in list(made.outbox.rows.values()):
            await made.outbox.mark_acked(row.id, made.clock.now(), 0)
        await made.outbox.add([_message(DEAD), _message("queued")])
        claims = Claims(made.clock, made.service, made.orders, made.records, made.picture)
        keys = Keys(made.clock, Seal(bytes(32)), (), _no_save)
        keys.from_settings("p", Direction.OUTBOUND, THEIRS)
        desk = ProvinceOffice(made.service, made.outbox, keys, made.picture, claims, made.renewal)
        api = create_api(ApiDeps(at.clock, at.service, at.store.reader, TwinFeeders(), desk, guard=at.guard))
        server = HttpServer(api, "127.0.0.1", 0)
        port = await server.start()
        token = await token_for(at.guard, name="console")
        yield Office(made, made.outbox, f"http://127.0.0.1:{port}", token, tmp_path)
        await server.stop()
        await made.service.forwarder.partners["p"].close()


def _partner(clock: Any) -> Any:
    return replace(partner_of(clock, profile="city-2019"), base_url=NOWHERE)


def _message(state: str) -> NewEntry:
    failed = {"last_code": 4004, "last_error": "DQ_TYPE Status"} if state == DEAD else {}
    return NewEntry("p", "station_info", "1", {"k": 1}, datetime(2026, 1, 1, tzinfo=UTC), state=state, **failed)


async def test_status(office: Office) -> None:
    done = await office.csms("status", "--json")
    assert done.code == 3  # something was given up
    (partner,) = done.document["partners"]
    assert (partner["dead"], partner["queued"], partner["calls"], partner["called_at"]) == (1, 1, 0, None)
    platform = await office.world.caller()
    platform.token = "guessed"
    await platform.call(Kind.QUERY_STATIONS, {})
    shown = await office.csms("status")
    assert (shown.code, "2 (1 refused)" in shown.out, "4002" in shown.out) == (3, True, True)
    (partner,) = (await office.csms("status", "--json")).document["partners"]
    assert (partner["calls"], partner["calls_refused"]) == (2, 1)
    await office.outbox.revive("p", list(office.outbox.rows), office.world.clock.now())
    assert (await office.csms("status")).code == 0


async def test_pending(office: Office) -> None:
    (waiting,) = (await office.document("pending", "p"))["messages"]
    assert (waiting["state"], waiting["business_key"]) == ("queued", "1")
    (dead,) = (await office.document("pending", "p", "--dead"))["messages"]
    assert (dead["state"], dead["last_error"]) == ("dead", "DQ_TYPE Status")
    shown = await office.csms("pending", "p", "--dead")
    assert (shown.code, "4004 DQ_TYPE Status" in shown.out) == (0, True)
    assert (await office.csms("pending", "p", "--first", "0")).code == 2
    assert (await office.csms("pending")).code == 2


async def test_replay(office: Office) -> None:
    assert await office.document("replay", "p") == {"replayed": 1, "renewed": 0, "as_sent": 1, "defective": 0}
    done = await office.csms("replay", "p")
    assert (done.code, "0 messages" in done.out) == (0, True)
    taken = next(row.id for row in office.outbox.rows.values() if row.state == ACKED)
    assert (await office.document("replay", "p", str(taken), "99999"))["replayed"] == 1
    assert (await office.csms("replay", "p", "one")).code == 2


async def test_replay_makes_anew_what_it_can(office: Office) -> None:
    station = office.world.service.names["p"].station("1")
    await office.outbox.add([replace(_message(DEAD), business_key=station) for _ in range(2)])
    dead = [str(row.id) for row in office.outbox.rows.values() if row.business_key == station and row.state == DEAD]
    office.world.picture.sites["1"] = replace(SITES[0], station_type=77)
    wrong = await office.csms("replay", "p", dead[0], "--json")
    assert (wrong.code, wrong.document["defective"]) == (3, 1)
    shown = await office.csms("replay", "p", dead[0])
    assert (shown.code, "still defective" in shown.out) == (3, True)
    assert (await office.document("replay", "p", dead[1], "--as-sent"))["as_sent"] == 1
    office.world.picture.sites["1"] = SITES[0]
    assert (await office.document("replay", "p", dead[0]))["renewed"] == 1


async def test_the_link_is_tried(office: Office) -> None:
    done = await office.csms("test", "p", "--json")
    assert (done.code, done.document["ok"], done.document["url"]) == (1, False, f"{NOWHERE}/evcs/v20160701/query_token")
    shown = await office.csms("test", "p")
    assert (shown.code, "down" in shown.out, "ConnectError" in shown.out) == (1, True, True)


async def test_names_are_checked(office: Office) -> None:
    bare = await office.csms("mapping", "check", "p", "--json")
    assert (bare.code, [one["defects"] for one in bare.document["names"]]) == (3, [[], ["no stations"], []])
    await office.world.station("CP-2", "2")
    names = (await office.document("mapping", "check", "p"))["names"]
    assert {one["kind"] for one in names} == {"site", "connector"}
    office.world.feed._picture.sites["2"] = replace(SITES[1], station_type=77)
    done = await office.csms("mapping", "check", "p")
    assert (done.code, "DQ_ENUM" in done.out) == (3, True)


async def test_keys(office: Office) -> None:
    texts = dict.fromkeys(FIELDS, "abcdef0123456789")
    good = office.file("good.toml", "".join(f'{name} = "{text}"\n' for name, text in texts.items()))
    answer = await office.document("keys", "set", "p", "outbound", "--file", good)
    assert (answer["number"], answer["secrets"]) == (1, {})
    typed = await office.csms("keys", "set", "p", "outbound", typed="0123456789abcdef\n" * 4, PYTHONWARNINGS="")
    assert (typed.code, "0123456789abcdef" in typed.out) == (0, False)
    made = await office.csms("keys", "rotate", "p", "inbound", "--save", "made.toml")
    assert made.code == 0, made.err
    saved = tomllib.loads((office.cwd / "made.toml").read_text())
    assert saved.keys() == set(FIELDS)
    assert saved["sig_secret"] not in made.out
    lost = await office.csms("keys", "rotate", "p", "inbound", "--save", "nowhere/made.toml")
    assert (lost.code, "sig_secret" in lost.out, "nowhere" in lost.err) == (1, True, True)
    shown = await office.csms("keys", "rotate", "p", "inbound")
    assert "sig_secret" in shown.out
    listed = (await office.document("keys", "list"))["keys"]
    assert [(one["direction"], one["number"]) for one in listed] == [
        ("inbound", 3), ("inbound", 2), ("inbound", 1), ("outbound", 2), ("outbound", 1), ("outbound", 0)
    ]  # fmt: skip
    assert "inbound" in (await office.csms("keys", "list")).out
    ended = await office.csms("keys", "rotate", "p", "inbound", "--at-once")
    assert "no older one any more" in ended.out
    listed = (await office.document("keys", "list"))["keys"]
    assert [bool(one["retired_at"]) for one in listed if one["direction"] == "inbound"] == [False, True, True, True]


async def test_keys_that_cannot_be_used(office: Office) -> None:
    lacking = office.file("lacking.toml", 'operator_secret = "x"')
    short = office.file("short.toml", "".join(f'{name} = "short"\n' for name in FIELDS))
    broken = office.file("broken.toml", "= =")
    for file, code in ((lacking, 2), (broken, 2), ("nowhere.toml", 2), (short, 1)):
        done = await office.csms("keys", "set", "p", "outbound", "--file", file)
        assert done.code == code, (file, done.out, done.err)
        assert done.err
    assert (await office.csms("keys", "set", "p", "sideways", "--file", lacking)).code == 2


async def test_rules_of_subsidies(office: Office) -> None:
    found = {rule["id"]: rule for rule in (await office.document("subsidy", "rules"))["rules"]}
    assert found["beijing-2018"]["operate"]["rate_yuan_per_kwh"] == "0.2"
    assert found["rizhao"]["state"] == "empty"
    shown = await office.csms("subsidy", "rules")
    assert (shown.code, "shanghai-2016-public" in shown.out, "empty" in shown.out) == (0, True, True)


async def test_a_subsidy_is_computed_sent_and_checked(office: Office) -> None:
    rule = office.file("ours.toml", RULE)
    scores = [{"day": "2026-01-01", "score": {"total": "92.00", "grade": "A", "dimensions": {"validity": "99"}}}]
    graded = office.file("scores.json", json.dumps(scores))
    days = ("--rule", rule, "--from", "2026-01-01", "--to", "2026-01-31")
    answer = await office.document(
        "subsidy", "compute", "p", *days, "--scores", graded, "--out", "claim.json", "--send"
    )
    result = answer["claim"]["result"]
    assert (result["yuan"], result["grade"], answer["sent"]) == ("2.00", "A", 1)
    (line,) = answer["claim"]["ledger"]
    assert ([line["order"]], line["energy_kwh"]) == (list(result["orders"]), result["shares"][0]["energy_kwh"])
    assert {"meter_start_kwh", "meter_stop_kwh"} <= line.keys()
    assert "id_token" not in line
    (sent,) = office.world.rows(Kind.SUBSIDY)
    assert (sent["ApplySubsidyPrice"], sent["StakeType"], sent["StartTime"]) == (2.0, 2, "2026-01-01")
    shown = await office.csms("subsidy", "compute", "p", *days, "--grade", "B")
    assert (shown.code, "1.00 yuan" in shown.out, "1 orders count" in shown.out) == (0, True, True)
    assert (await office.document("subsidy", "check", "claim.json"))["same"]
    text = (office.cwd / "claim.json").read_text()
    changed = office.file("changed.json", text.replace('"yuan": "2.00"', '"yuan": "9.00"'))
    done = await office.csms("subsidy", "check", changed)
    assert (done.code, "it was changed" in done.out) == (1, True)


async def test_an_order_without_a_proof_that_it_was_taken_is_not_claimed(office: Office) -> None:
    """Its session counts as told: it is from before there was a partner, or the message was cleared away."""
    office.outbox.rows.clear()
    file, days = office.file("ours.toml", RULE), ("--from", "2026-01-01", "--to", "2026-01-31")
    claim = (await office.document("subsidy", "compute", "p", "--rule", file, *days, "--grade", "A"))["claim"]
    assert list(claim["result"]["orders"].values()) == ["not_accepted_by_the_platform"]
    assert float(claim["result"]["yuan"]) == 0


async def test_a_subsidy_that_is_refused_or_cannot_be_asked_for(office: Office) -> None:
    days = ("--from", "2026-01-01", "--to", "2026-01-31")
    refused = await office.csms("subsidy", "compute", "p", "--rule", "rizhao", *days)
    assert (refused.code, "no amount for operating" in refused.out) == (3, True)
    sent = await office.csms("subsidy", "compute", "p", "--rule", "rizhao", *days, "--send")
    assert (sent.code, "no amount for operating" in sent.err) == (1, True)
    for words, code in (
        (("--rule", "atlantis", *days), 1),
        (("--rule", "rizhao", "--from", "2026-02-01", "--to", "2026-01-01"), 1),
        (("--rule", "rizhao", *days, "--grade", "E"), 1),
        (("--rule", "rizhao", *days, "--scores", office.file("no.json", "[{}]")), 1),
        (("--rule", "rizhao", *days, "--scores", "nowhere.json"), 2),
        (("--rule", "nowhere.toml", *days), 2),
        (("--rule", "rizhao", "--from", "January", "--to", "2026-01-31"), 2),
        (days, 2),
    ):
        done = await office.csms("subsidy", "compute", "p", *words)
        assert done.code == code, (words, done.out, done.err)
    for file in ("nowhere.json", office.file("list.json", "[]"), office.file("other.json", '{"form": "x"}')):
        assert (await office.csms("subsidy", "check", file)).code == 2


async def test_a_platform_is_examined(office: Office) -> None:
    secrets = office.file("secrets.toml", "".join(f'{name} = "abcdef0123456789"\n' for name in FIELDS))
    words = ("conformance", NOWHERE, "--operator-id", "123456789", "--keys", secrets)
    unwritable = await office.csms(*words, "--no-orders", "--report", "nowhere/findings.md")
    assert (unwritable.code, "nowhere" in unwritable.err, "ConnectError" in unwritable.out) == (1, True, True)
    done = await office.csms(*words, "--no-orders", "--report", "findings.md", "--json")
    assert done.code == 1
    assert not any(one["passed"] for one in done.document["findings"])
    assert "123456789" in (office.cwd / "findings.md").read_text()
    for wrong in (
        ("conformance", "ftp://x", "--operator-id", "123456789", "--keys", secrets),
        ("conformance", "http://[::1", "--operator-id", "123456789", "--keys", secrets),
        ("conformance", NOWHERE, "--operator-id", "1", "--keys", secrets),
        ("conformance", NOWHERE, "--operator-id", "123456789", "--keys", "nowhere.toml"),
        (*words, "--profile", "atlantis"),
        ("conformance", NOWHERE),
    ):
        assert (await office.csms(*wrong)).code == 2


ASKING = (
    ("status",),
    ("pending", "p"),
    ("replay", "p"),
    ("test", "p"),
    ("mapping", "check", "p"),
    ("keys", "list"),
    ("keys", "rotate", "p", "inbound"),
    ("subsidy", "compute", "p", "--rule", "rizhao", "--from", "2026-01-01", "--to", "2026-01-31"),
)


@pytest.mark.parametrize("words", ASKING, ids=lambda words: " ".join(words[:2]))
async def test_a_server_that_is_away_and_one_that_does_not_let_in(office: Office, words: tuple[str, ...]) -> None:
    away = await office.csms(*words, "--json", CSMS_URL=NOWHERE)
    assert (away.code, json.loads(away.err)["code"]) == (4, "unreachable")
    assert (await office.csms(*words, CSMS_TOKEN="csms_guessed")).code == 1
    assert (await office.csms(*words, "--url", "ftp://x")).code == 2


@pytest.mark.parametrize("words", [words for words in ASKING if "p" in words], ids=lambda words: " ".join(words[:2]))
async def test_a_platform_that_is_not_known(office: Office, words: tuple[str, ...]) -> None:
    done = await office.csms(*("q" if word == "p" else word for word in words), "--json")
    assert (done.code, json.loads(done.err)["code"]) == (1, "unknown_partner")
