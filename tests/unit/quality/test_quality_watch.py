"""The watch on a real database: a day judged from what was received, an appeal, hours, alarms through real channels."""

from __future__ import annotations

import asyncio
import email
import json
import shutil
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email import policy
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from csms.model.clock import ManualClock
from csms.province import strict_json
from csms.texts import catalogue, entries
from monitor.evidence.files import private_key
from monitor.evidence.service import Evidence
from monitor.intake.figures import Figures
from monitor.intake.keeper import Keeper
from monitor.quality import alarms
from monitor.quality.alarms import Situation, level_at, signs
from monitor.quality.appeal import NotJudged
from monitor.quality.channels import LogChannel, MailChannel, WebhookChannel, state_of
from monitor.quality.judge import judge_day
from monitor.quality.score import METRICS
from monitor.quality.service import QualityWatch, Watched
from monitor.quality.tally import CHECKS, Dimension
from monitor.quality.traffic import CallFact
from monitor.store.intake import IntakeStore, open_intake
from monitor.store.messages import Call
from monitor.store.quality import AlarmRow
from tests.quality.world import DAY, END, OPERATOR, World

LOCAL_DAY = "2026-03-02"
KEYS = dict.fromkeys(("operator_secret", "data_secret", "data_secret_iv", "sig_secret"), "1234567890abcdef")


@pytest.fixture
async def store(tmp_path: Path, filled: Path) -> AsyncIterator[IntakeStore]:
    shutil.copytree(filled, tmp_path / "data")
    found = await open_intake(tmp_path / "data")
    yield found
    await found.close()


def watch_of(
    store: IntakeStore, world: World, *tellers: Any, now: datetime = END + timedelta(minutes=5)
) -> QualityWatch:
    watched = {OPERATOR: Watched(OPERATOR, world.profile, world.rules)}
    return QualityWatch(store.quality, store.evidence, ManualClock(now), watched, tellers)


async def test_a_day_from_the_store_is_the_day_as_it_was_and_an_appeal_gives_every_byte_again(
    store: IntakeStore, world: World
) -> None:
    watch = watch_of(store, world)
    judged = await watch.judge(OPERATOR, LOCAL_DAY)
    direct = judge_day(world.inputs())
    assert (
        [f.check for f in judged.findings]
        == [f.check for f in direct.findings]
        == ["order.money_sum", "status.field_enum"]
    )
    assert {
        name: judged.metrics[name] for name in METRICS if name not in ("success_rate", "up_time", "undisputed")
    } == {name: direct.metrics[name] for name in METRICS if name not in ("success_rate", "up_time", "undisputed")}
    same, kept, again = await watch.recompute(OPERATOR, LOCAL_DAY)
    assert same
    assert kept == again
    changed = watch_of(store, world)
    changed.operators = {OPERATOR: Watched(OPERATOR, world.profile, world.rules.__class__(1, 1, Decimal(300), 300))}  # type: ignore[arg-type]
    assert (await changed.recompute(OPERATOR, LOCAL_DAY))[0], "the rules of then count"


async def test_an_appeal_finds_what_was_changed_since(store: IntakeStore, world: World) -> None:
    watch = watch_of(store, world)
    await watch.judge(OPERATOR, LOCAL_DAY)
    async with store._engine.begin() as connection:
        query = (
            "update evidence_record set record = cast(replace(record, '\"TotalMoney\":', '\"TotalMoney\":1') as blob)"
        )
        await connection.exec_driver_sql(query + " where kind = 'charge_order'")
    assert not (await watch.recompute(OPERATOR, LOCAL_DAY))[0]
    with pytest.raises(NotJudged, match="was not judged"):
        await watch.recompute(OPERATOR, "2026-01-01")
    with pytest.raises(NotJudged, match="not an operator"):
        await watch.judge("000000000", LOCAL_DAY)


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.outside += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href", "action")]


async def test_a_round_of_the_keeper_judges_closes_and_reports(
    store: IntakeStore, world: World, tmp_path: Path
) -> None:
    watch = watch_of(store, world)
    evidence = Evidence(store.evidence, private_key(tmp_path / "data"), watch.clock)
    keeper = Keeper(watch.clock, watch, evidence, tmp_path / "data", Figures(watch.clock))
    await watch.keep_hours(DAY, END)
    await keeper.round()
    await keeper.round()
    row, *before = await store.quality.days()
    assert (row.day, row.grade) == (LOCAL_DAY, "A")
    assert [earlier.day for earlier in before] == ["2026-03-01", "2026-02-28"], "judged late, but judged"
    page = (tmp_path / "data" / "reports" / OPERATOR / f"{LOCAL_DAY}.html").read_text("utf-8")
    head = await store.evidence.head(OPERATOR, LOCAL_DAY)
    assert head is not None
    for words in (
        "数据质量日报",
        "Quality of data",
        "总额等于电费加服务费",
        head.head.day_root,
        row.digest,
        "order.money_sum",
    ):
        assert words in page
    links = Links()
    links.feed(page)
    assert links.outside == []
    assert "http" not in page.replace("http-equiv", "")
    hours = await store.quality.hours(OPERATOR, DAY, END)
    assert sum(hour["calls"] for hour in hours) == sum(o.received_at >= DAY for o in world.inputs().taken) + 1


async def test_days_of_a_time_when_the_platform_was_down_are_judged_when_it_is_back(
    store: IntakeStore, world: World
) -> None:
    watch = watch_of(store, world, now=END + timedelta(days=3, minutes=5))
    await watch.round()
    days = [row.day for row in await store.quality.days(OPERATOR)]
    assert days == ["2026-03-05", "2026-03-04", "2026-03-03", LOCAL_DAY, "2026-03-01", "2026-02-28"]


async def test_each_hour_is_counted_once_it_is_over(store: IntakeStore, world: World) -> None:
    watch = watch_of(store, world, now=END - timedelta(minutes=30))
    await watch.round()
    (before,) = {hour["hour"] for hour in await store.quality.hours(OPERATOR, DAY, END)}
    assert before == (END - timedelta(hours=2)).isoformat(), "at the first start the hour before"
    watch.clock.advance(31 * 60)  # type: ignore[attr-defined]
    await watch.round()
    assert len({hour["hour"] for hour in await store.quality.hours(OPERATOR, DAY, END)}) == 1, "late calls may come"
    watch.clock.advance(60)  # type: ignore[attr-defined]
    await watch.round()
    hours = await store.quality.hours(OPERATOR, END - timedelta(hours=1), END)
    calls = await store.quality.calls(END - timedelta(hours=1), END, OPERATOR)
    assert sum(hour["calls"] for hour in hours) == len(calls) > 0
    again = watch_of(store, world, now=END + timedelta(hours=5))
    await again.round()
    assert again._hours_until == END + timedelta(hours=4), "a restart goes on where it was"


async def test_no_record_is_read_while_operators_wait_for_an_answer(
    store: IntakeStore, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, threads = watch_of(store, world), set[int]()
    parse = strict_json.parse_object

    def noted(*given: Any) -> Any:
        threads.add(threading.get_ident())
        return parse(*given)

    monkeypatch.setattr(strict_json, "parse_object", noted)
    await watch.judge(OPERATOR, LOCAL_DAY)
    await watch.look()
    assert threads
    assert threading.get_ident() not in threads


def test_every_check_metric_and_alarm_has_words() -> None:
    keys = set(entries())
    assert {f"quality.check.{name}" for name in CHECKS} <= keys
    assert {f"quality.metric.{name}" for name in METRICS} | {f"quality.dimension.{d}" for d in Dimension} <= keys


# Alarms

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def call(ret: int = 0, minutes: float = 1) -> CallFact:
    return CallFact(NOW - timedelta(minutes=minutes), OPERATOR, "order", ret, ret == 0)


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ({"calls": [call()] * 95 + [call(500)] * 5}, []),
        ({"calls": [call()] * 94 + [call(500)] * 6}, ["success_low"]),
        ({"calls": [call(), call(500), call(500)]}, []),
        ({"calls": [], "charging": True, "last_success": NOW - timedelta(seconds=601)}, ["silent"]),
        ({"calls": [], "charging": True, "last_success": NOW - timedelta(seconds=600)}, []),
        ({"calls": [], "charging": False, "last_success": NOW - timedelta(days=1)}, []),
        ({"calls": [], "late_s": [Decimal(1)] * 95 + [Decimal(51)] * 5}, []),
        ({"calls": [], "late_s": [Decimal(1)] * 94 + [Decimal(51)] * 6}, ["late"]),
        (
            {"calls": [], "classes": frozenset({"DQ_ENUM", "DQ_TYPE"}), "known_classes": frozenset({"DQ_TYPE"})},
            ["new_defect"],
        ),
        ({"calls": [call()] * 100 + [call(4001)] * 3 + [call(4002)] * 2}, ["keys"]),
    ],
)
def test_signs(world: World, more: dict[str, Any], names: list[str]) -> None:
    found = signs(Situation(OPERATOR, NOW, world.rules, **more))
    assert [sign.name for sign in found] == names
    assert all(f"quality.alarm.{name}" in entries() for name in names)


def test_levels_rise_with_time() -> None:
    assert [level_at(NOW, NOW + timedelta(minutes=m)) for m in (0, 59, 60, 239, 240, 9999)] == [1, 1, 2, 2, 3, 3]
    assert alarms.LEVEL_MAX == 3


class Ear:
    def __init__(self) -> None:
        self.heard: list[tuple[str, str, int]] = []
        self.deaf = False

    async def tell(self, alarm: AlarmRow) -> bool:
        if not self.deaf:
            self.heard.append((alarm.name, state_of(alarm), alarm.level))
        return not self.deaf


async def test_an_alarm_is_told_once_rises_is_acknowledged_and_ends(tmp_path: Path, world: World) -> None:
    store = await open_intake(tmp_path / "empty")
    good, bad = Ear(), Ear()
    watch = watch_of(store, world, good, bad, now=NOW)
    clock = watch.clock
    assert isinstance(clock, ManualClock)

    async def minutes(count: int, ret: int | None) -> None:
        for _ in range(count):
            for _ in range((5 if count < 5 else 1) if ret is not None else 0):
                await store.log(Call(clock.now(), "order", 200, ret, OPERATOR))
            clock.advance(60)
            await watch.look()

    bad.deaf = True
    await minutes(3, 500)
    assert good.heard == [("success_low", "raised", 1)], "once, however often it is seen"
    bad.deaf = False
    await minutes(1, 500)
    assert bad.heard == good.heard, "a channel that failed is tried again, the others are not"
    await minutes(60, 500)
    assert good.heard[1:] == [("success_low", "raised", 2)]
    (alarm,) = await store.quality.alarms()
    assert await store.quality.acknowledge(alarm.id or 0, "Li", clock.now())
    await minutes(200, 500)
    assert len(good.heard) == 2, "it does not rise any more"
    await minutes(40, None)
    assert good.heard[2:] == [("success_low", "over", 2)]
    assert await store.quality.alarms() == []
    await minutes(2, 500)
    assert good.heard[3:] == [("success_low", "raised", 1)], "a new one"
    await store.close()


async def test_what_fails_for_one_operator_keeps_no_other_waiting(
    store: IntakeStore, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day that cannot be judged, and what cannot be looked at, are named; the others are judged and alarmed."""
    ear = Ear()
    watch = watch_of(store, world, ear)
    first = Watched("000000001", world.profile, world.rules)
    watch.operators = {first.operator_id: first, **watch.operators}
    standing = AlarmRow(
        first.operator_id, "silent", "", "", END - timedelta(hours=2), END - timedelta(hours=2), told_level=1
    )
    await store.quality.keep_alarms([standing])
    calls = store.quality.calls

    async def broken(start: datetime, end: datetime, operator_id: str | None = None, until: int | None = None) -> Any:
        if operator_id == first.operator_id:
            raise OSError("a broken page")
        return await calls(start, end, operator_id, until)

    monkeypatch.setattr(store.quality, "calls", broken)
    for _ in range(5):
        await store.log(Call(END, "order", 200, 500, OPERATOR))
    with pytest.raises(OSError, match="a broken page"):
        await watch.round()
    assert LOCAL_DAY in {row.day for row in await store.quality.days(OPERATOR)}
    assert await store.quality.hours(OPERATOR, END - timedelta(hours=1), END)
    assert [name for name, _, _ in ear.heard] == ["success_low"]
    kept = next(alarm for alarm in await store.quality.alarms() if alarm.operator_id == first.operator_id)
    assert (kept.over_at, kept.level) == (None, 1), "nobody has seen that it is over"


async def test_an_alarm_that_stands_is_known_however_many_came_after_it(tmp_path: Path, world: World) -> None:
    store, ear = await open_intake(tmp_path / "empty"), Ear()
    watch = watch_of(store, world, ear, now=NOW)
    for _ in range(5):
        await store.log(Call(NOW - timedelta(minutes=1), "order", 200, 500, OPERATOR))
    await watch.look()
    later = [AlarmRow(OPERATOR, "late", str(n), "", NOW, NOW, over_at=NOW, told_level=9) for n in range(250)]
    await store.quality.keep_alarms(later)
    await watch.look()
    assert [name for name, _, _ in ear.heard] == ["success_low"], "it is not raised again"
    assert len(await store.quality.alarms()) == 1
    await store.close()


ALARM = AlarmRow(OPERATOR, "new_defect", "DQ_ENUM", "", NOW, NOW, id=7)


class Letters:
    def __init__(self) -> None:
        self.got: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.got.append(envelope)
        return "250 OK"


@contextmanager
def post_office(port: int = 0) -> Iterator[tuple[Letters, int]]:
    """A real SMTP server on this machine."""
    letters = Letters()
    with socket.create_server(("127.0.0.1", port)) as free:
        port = free.getsockname()[1]
    server = Controller(letters, hostname="127.0.0.1", port=port, ready_timeout=20)
    server.start()
    try:
        yield letters, port
    finally:
        server.stop()


def read_letter(envelope: Any) -> Any:
    return email.message_from_bytes(envelope.content, policy=policy.default)


async def test_a_letter_goes_through_a_real_server() -> None:
    words = (catalogue("zh"), catalogue("en"))
    with post_office() as (letters, port):
        to = {OPERATOR: "operator@example.cn"}
        channel = MailChannel("127.0.0.1", port, "watch@example.cn", "duty@example.cn", words, to, tls="none")
        assert await channel.tell(ALARM)
    (envelope,) = letters.got
    assert envelope.rcpt_tos == ["operator@example.cn"]
    letter = read_letter(envelope)
    assert "出现新的缺陷类型" in letter["Subject"]
    assert "a new class of defect" in letter["Subject"]
    assert '"subject": "DQ_ENUM"' in letter.get_content()
    assert not await channel.tell(ALARM), "the server is gone"


async def test_the_daily_report_is_sent_once_to_its_operator_and_again_when_it_was_judged_anew(
    store: IntakeStore, world: World, tmp_path: Path
) -> None:
    watch = watch_of(store, world)
    evidence = Evidence(store.evidence, private_key(tmp_path / "data"), watch.clock)
    with post_office() as (_, port):
        pass
    words = (catalogue("zh"), catalogue("en"))
    mail = MailChannel(
        "127.0.0.1", port, "watch@example.cn", "duty@example.cn", words, {OPERATOR: "data@op.example.cn"}, tls="none"
    )
    keeper = Keeper(watch.clock, watch, evidence, tmp_path / "data", Figures(watch.clock), mail=mail)
    await keeper.round()
    assert (tmp_path / "data" / "reports" / OPERATOR / f"{LOCAL_DAY}.html").exists(), "though nobody takes letters"
    with post_office(port) as (letters, _):
        await keeper.round()
        await keeper.round()
        sent = [read_letter(envelope) for envelope in letters.got]
        assert [envelope.rcpt_tos for envelope in letters.got] == [["data@op.example.cn"]] * 3, "of three days, once"
        letter = next(letter for letter in sent if LOCAL_DAY in letter["Subject"])
        assert "数据质量：A 级" in letter["Subject"]
        assert "2 defects" in letter.get_body().get_content()
        (page,) = letter.iter_attachments()
        assert page.get_filename() == f"quality-{OPERATOR}-{LOCAL_DAY}.html"
        assert "order.money_sum" in page.get_content()
        watch.operators = {OPERATOR: Watched(OPERATOR, world.profile, replace(world.rules, order_limit_s=Decimal(5)))}
        await watch.judge(OPERATOR, LOCAL_DAY)
        await keeper.round()
        assert "judged again" in read_letter(letters.got[3])["Subject"]


async def test_a_webhook_gets_the_alarm() -> None:
    got: list[dict[str, Any]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204 if self.path == "/right" else 500)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        assert await WebhookChannel(f"{url}/right").tell(ALARM)
        assert not await WebhookChannel(f"{url}/right", {OPERATOR: f"{url}/wrong"}).tell(ALARM)
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()
    assert [row["state"] for row in got] == ["raised", "raised"]
    assert got[0]["operator_id"] == OPERATOR
    assert not await WebhookChannel(url).tell(ALARM)
    assert await WebhookChannel("").tell(ALARM)
    assert await LogChannel().tell(ALARM)
