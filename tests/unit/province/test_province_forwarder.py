"""One pass at a time with a clock that stands still: outage, pause, recovery after a restart, ladder in the rows."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from csms.model.clock import ManualClock
from csms.province import strict_json
from csms.province.client import Partner, retry_after_s
from csms.province.crypto import AES_MD5, Secrets
from csms.province.envelope import Codec, seal_response
from csms.province.forwarder import Forwarder, PartnerForwarder
from csms.province.ids import IdTable
from csms.province.memory import MemoryOutbox
from csms.province.ports import NewEntry, OutboxEntry
from csms.province.profile import Kind, load_profile
from csms.province.service import ProvinceService

KEY = "1234567890abcdef"
NOW = datetime(2026, 1, 1, 8, 0, tzinfo=UTC)
CODEC = Codec(AES_MD5, Secrets.of(KEY, KEY, KEY, KEY))
OPERATOR = "123456789"
TOKEN = {"OperatorID": OPERATOR, "SuccStat": 0, "AccessToken": "t", "TokenAvailableTime": 7200, "FailReason": 0}

Script = Callable[[str, bytes], bytes]


class Peer:
    """A bare HTTP server that answers as told and keeps what it was asked."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.answers: dict[str, bytes] = {"query_token": answer(0, TOKEN)}
        self.default = answer(0, {"Status": 0})
        self.port = 0
        self._open: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def listening(self, port: int = 0) -> AsyncIterator[None]:
        """Answer on `port` and close every connection at the end."""
        server = await asyncio.start_server(self.serve, "127.0.0.1", port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            for writer in list(self._open):
                writer.close()
            while self._open:  # noqa: ASYNC110
                await asyncio.sleep(0)

    async def before(self, name: str) -> None:
        """Before an answer."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(length_of(request))
                name = request.split(b" ")[1].decode().rpartition("/")[2]
                self.paths.append(name)
                await self.before(name)
                writer.write(self.answers.get(name, self.default))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        finally:
            self._open.discard(writer)


def length_of(request: bytes) -> int:
    lines = request.lower().split(b"\r\n")
    return next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))


def http(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def answer(ret: int, body: dict[str, object] | None = None) -> bytes:
    return http(seal_response(CODEC, ret, "", strict_json.write(body) if body else b"").to_wire())


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    found = Peer()
    async with found.listening():
        yield found


async def closed_port() -> int:
    """A port that nobody listens on."""
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


def partner(port: int, profile: str = "tcec102-2016") -> Partner:
    return Partner("p", load_profile(profile), f"http://127.0.0.1:{port}", OPERATOR, CODEC.secrets)


Resync = Callable[[str], Awaitable[None]]


async def ignore(name: str) -> None:
    """Nothing to send again."""


@asynccontextmanager
async def forwarding(
    port: int, outbox: MemoryOutbox, clock: ManualClock, resync: Resync | None = None
) -> AsyncIterator[PartnerForwarder]:
    forwarder = PartnerForwarder(partner(port), clock, outbox, resync or ignore)
    clock.advance(1)  # the second of the start is left to the process before
    try:
        yield forwarder
    finally:
        await forwarder.close()


def entry(key: str, interface: str = "charge_order") -> NewEntry:
    return NewEntry("p", interface, key, {"k": key}, NOW)


async def test_orders_before_statuses_before_snapshots(peer: Peer) -> None:
    outbox, clock = MemoryOutbox(), ManualClock(NOW)
    await outbox.add(
        [entry("s", "charge_status"), entry("c", "station_status"), entry("i", "station_info"), entry("o")]
    )
    async with forwarding(peer.port, outbox, clock) as forwarder:
        assert await forwarder.step() == 60.0
    assert peer.paths == [
        "query_token",
        "notification_charge_order_info",
        "notification_stationInfo",
        "notification_stationStatus",
        "notification_equip_charge_status",
    ]


async def test_the_base_ladder_runs_in_the_rows(peer: Peer) -> None:
    outbox, clock = MemoryOutbox(), ManualClock(NOW)
    peer.default = answer(-1)
    await outbox.add([entry("o")])
    async with forwarding(peer.port, outbox, clock) as forwarder:
        start, tried = clock.now(), []
        for _ in range(3 * 3600 // 30):
            before = len(peer.paths)
            await forwarder.step()
            if len(peer.paths) > before:
                tried.append((clock.now() - start).total_seconds())
            clock.advance(30)
    assert tried == [0, 60, 120, 180, 240, 3840, 7440]
    [row] = outbox.rows.values()
    assert (row.state, row.attempts, row.last_code) == ("retry", 7, -1)


async def test_a_silent_partner_is_probed_once_a_minute_and_then_greeted_once() -> None:
    greeted: list[str] = []

    async def greet(name: str) -> None:
        greeted.append(name)

    port = await closed_port()
    outbox, clock = MemoryOutbox(), ManualClock(NOW)
    await outbox.add([entry(str(number)) for number in range(5)])
    async with forwarding(port, outbox, clock, greet) as forwarder:
        assert await forwarder.step() == 60.0
        status = await forwarder.status()
        assert (status["attempts"], status["unreachable"], status["retry"], status["queued"]) == (2, True, 2, 3)
        clock.advance(59)
        await forwarder.step()
        assert (await forwarder.status())["attempts"] == 2
        clock.advance(1)
        async with Peer().listening(port):
            await forwarder.step()
            await forwarder.step()
            await forwarder.close()
    assert (await outbox.counts())["acked"] == 5
    assert greeted == ["p"]


async def test_an_outage_climbs_no_ladder() -> None:
    """A day of probes, then one failure more: the order waits for its first step, not for the hourly one."""
    port = await closed_port()
    outbox, clock = MemoryOutbox(), ManualClock(NOW)
    await outbox.add([entry(str(number)) for number in range(2)])
    async with forwarding(port, outbox, clock) as forwarder:
        for _ in range(1440):
            await forwarder.step()
            clock.advance(60)
        assert [row.attempts for row in outbox.rows.values()] == [1, 0], "the first of two that failed in a row counts"
        peer = Peer()
        peer.default = answer(-1, {})
        async with peer.listening(port):
            await forwarder.step()
            await forwarder.close()
    waits_s = [(row.next_at - clock.now()).total_seconds() for row in outbox.rows.values()]
    ladder = partner(port).profile.retry[Kind.CHARGE_ORDER]
    assert waits_s == [ladder.delay_s(2), ladder.delay_s(1)]


class Poisoned(Peer):
    """Has no answer to one order."""

    poison = b"never"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                body = await reader.readexactly(length_of(request))
                name = request.split(b" ")[1].decode().rpartition("/")[2]
                self.paths.append(name)
                plain = AES_MD5.decrypt(strict_json.parse_object(body)["Data"], CODEC.secrets)
                broken = self.poison in plain
                writer.write(http(b"", "500 Internal Server Error") if broken else self.answers.get(name, self.default))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        finally:
            self._open.discard(writer)


async def test_one_message_without_an_answer_keeps_no_other_back() -> None:
    """Not in a quiet night, in which it is all that is due, nor after an outage."""
    port = await closed_port()
    outbox, clock = MemoryOutbox(), ManualClock(NOW)
    await outbox.add([NewEntry("p", "charge_order", "never", {"Key": "never"}, clock.now())])
    async with forwarding(port, outbox, clock) as forwarder:
        for _ in range(5):
            await forwarder.step()
            clock.advance(60)
        async with Poisoned().listening(port):
            for minute in range(120):
                if minute % 10 == 0:
                    await outbox.add([NewEntry("p", "station_status", f"s{minute}", {"Key": "s"}, clock.now())])
                await forwarder.step()
                clock.advance(60)
            await forwarder.close()
    counts = await outbox.counts()
    assert (counts["acked"], counts["retry"]) == (12, 1)


class Stuck(Peer):
    """Holds the first orders until it is let, and then cuts them off."""

    def __init__(self, held: int) -> None:
        super().__init__()
        self.held = held
        self.let = asyncio.Event()

    async def before(self, name: str) -> None:
        order = "notification_charge_order_info"
        if name == order and 1 < self.paths.count(order) <= 1 + self.held:
            await self.let.wait()
            raise ConnectionResetError


async def test_calls_that_fail_late_are_no_sign_of_silence_when_later_ones_were_answered() -> None:
    outbox, clock, peer = MemoryOutbox(), ManualClock(NOW), Stuck(held=2)
    await outbox.add([entry(str(number)) for number in range(20)])
    async with peer.listening(), forwarding(peer.port, outbox, clock) as forwarder:
        working = asyncio.create_task(forwarder.step())
        await acked(outbox, 18)
        peer.let.set()
        await working
        status = await forwarder.status()
        assert (status["unreachable"], status["retry"]) == (False, 2)
        assert [row.attempts for row in outbox.rows.values() if row.state == "retry"] == [1, 1]


async def test_one_attempt_that_fails_among_others_is_no_outage(peer: Peer) -> None:
    greeted: list[str] = []

    async def greet(name: str) -> None:
        greeted.append(name)

    outbox, clock = MemoryOutbox(), ManualClock(NOW)
    await outbox.add([entry("s", "charge_status"), *(entry(str(number)) for number in range(5))])
    peer.answers["notification_equip_charge_status"] = http(b"", "503 Service Unavailable")
    async with forwarding(peer.port, outbox, clock, greet) as forwarder:
        await forwarder.step()
        assert (await forwarder.status())["unreachable"]
        await outbox.add([entry("more")])
        await forwarder.step()
    counts = await outbox.counts()
    assert (counts["acked"], counts["retry"], greeted) == (6, 1, [])


class Slow(Peer):
    """Answers the second order only when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = asyncio.Event()

    async def before(self, name: str) -> None:
        order = "notification_charge_order_info"
        if name == order and self.paths.count(order) == 2:
            await self.let.wait()


async def acked(outbox: MemoryOutbox, count: int) -> None:
    while (await outbox.counts())["acked"] < count:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def test_a_slow_call_holds_up_no_other_and_none_about_the_same_thing_is_sent() -> None:
    outbox, clock, peer = MemoryOutbox(), ManualClock(NOW), Slow()
    await outbox.add([entry(str(number)) for number in range(100)] + [entry("c", "station_status")])
    async with peer.listening(), forwarding(peer.port, outbox, clock) as forwarder:
        working = asyncio.create_task(forwarder.step())
        await acked(outbox, 100)  # the state among them: it waits for no order
        (slow,) = [row for row in outbox.rows.values() if row.state == "sent"]
        await outbox.add([entry(slow.business_key), entry("late")])
        forwarder.wake()
        await acked(outbox, 101)
        assert (await outbox.counts())["queued"] == 1  # about the same thing as the slow one
        peer.let.set()
        await working
        await forwarder.close()
    assert (await outbox.counts())["acked"] == 103


async def test_one_that_fails_while_another_is_slow_leaves_all_lanes_open() -> None:
    outbox, clock, peer = MemoryOutbox(), ManualClock(NOW), Slow()
    peer.answers["notification_stationStatus"] = http(b"", "503 Service Unavailable")
    await outbox.add([entry("1"), entry("slow"), entry("c", "station_status")])
    async with peer.listening(), forwarding(peer.port, outbox, clock) as forwarder:
        working = asyncio.create_task(forwarder.step())
        while (await outbox.counts())["retry"] < 1:  # noqa: ASYNC110 - the refused state
            await asyncio.sleep(0.01)
        await outbox.add([entry(f"more {number}") for number in range(3)])
        forwarder.wake()
        await acked(outbox, 4)
        peer.let.set()
        await working
        await forwarder.close()
    assert (await outbox.counts())["acked"] == 5


async def test_a_retry_whose_time_comes_waits_for_no_call_that_is_under_way() -> None:
    outbox, clock, peer = MemoryOutbox(), ManualClock(NOW), Slow()
    await outbox.add([entry("1"), entry("slow")])
    async with peer.listening(), forwarding(peer.port, outbox, clock) as forwarder:
        working = asyncio.create_task(forwarder.step())
        await acked(outbox, 1)
        later = NewEntry("p", "charge_order", "later", {}, clock.now() + timedelta(seconds=30))
        await outbox.add([later])
        clock.advance(31)
        await acked(outbox, 2)
        peer.let.set()
        await working
        await forwarder.close()
    assert (await outbox.counts())["acked"] == 3


class Hanging(Peer):
    """Answers no new order any more once it is told to, until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.hang = False
        self.let = asyncio.Event()
        self.hung = 0

    async def before(self, name: str) -> None:
        if self.hang and name == "notification_charge_order_info":
            self.hung += 1
            await self.let.wait()


async def test_a_retry_goes_at_its_moment_though_all_new_calls_hang() -> None:
    outbox, clock, peer = MemoryOutbox(), ManualClock(NOW), Hanging()
    await outbox.add([entry("first")])
    peer.answers["notification_charge_order_info"] = answer(500)
    async with peer.listening(), forwarding(peer.port, outbox, clock) as forwarder:
        await forwarder.step()
        assert outbox.rows[1].state == "retry"
        peer.answers["notification_charge_order_info"] = answer(0)
        peer.hang = True
        await outbox.add([entry(str(number)) for number in range(30)])
        working = asyncio.create_task(forwarder.step())
        while peer.hung < 7:  # noqa: ASYNC110 - the eighth lane is kept
            await asyncio.sleep(0.01)
        peer.hang = False
        await asyncio.sleep(0.05)
        assert (await outbox.counts())["queued"] == 23
        clock.advance(60)
        await acked(outbox, 1)
        assert outbox.rows[1].state == "acked"
        peer.let.set()
        await working
        await forwarder.close()
    assert (await outbox.counts())["acked"] == 31


class SlowOutbox(MemoryOutbox):
    """Time passes while it is asked what is due."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self.clock = clock
        self.slow = False

    async def due(self, partner: str, interfaces: Sequence[str], now: datetime, limit: int) -> list[OutboxEntry]:
        found = await super().due(partner, interfaces, now, limit)
        if self.slow:
            self.slow = False
            self.clock.advance(60)
        return found


async def test_what_ripens_while_it_is_looked_for_is_not_overlooked() -> None:
    """It goes before the other new ones, not after them."""
    peer, clock = Peer(), ManualClock(NOW)
    outbox = SlowOutbox(clock)
    await outbox.add([entry("first")])
    peer.answers["notification_charge_order_info"] = answer(500)
    async with peer.listening(), forwarding(peer.port, outbox, clock) as forwarder:
        await forwarder.step()
        outbox.slow = True
        peer.answers["notification_charge_order_info"] = answer(0)
        await outbox.add([entry(str(number)) for number in range(40)])
        began: list[str] = []
        mark_sent = outbox.mark_sent

        async def noted(entry_id: int, next_at: datetime) -> None:
            began.append(outbox.rows[entry_id].business_key)
            await mark_sent(entry_id, next_at)

        outbox.mark_sent = noted  # type: ignore[method-assign]
        await forwarder.step()
    assert began.index("first") < 10
    assert len(began) == 41


async def test_nothing_is_sent_before_the_retry_after(peer: Peer) -> None:
    outbox, clock = MemoryOutbox(), ManualClock(NOW)
    await outbox.add([entry("o"), entry("other")])
    head = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 90\r\nContent-Length: 0\r\n\r\n"
    peer.default = head
    async with forwarding(peer.port, outbox, clock) as forwarder:
        start = clock.now()
        await forwarder.step()
        status = await forwarder.status()
        assert (status["attempts"], status["unreachable"], status["lanes"]) == (1, False, 4)
        assert outbox.rows[1].next_at == start + timedelta(seconds=90)  # the ladder says 60
        peer.default = answer(0)
        clock.advance(89)
        await forwarder.step()
        assert (await forwarder.status())["attempts"] == 1
        clock.advance(1)
        await forwarder.step()
    assert (await outbox.counts())["acked"] == 2


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("999999999999999999999", 3600.0),
        ("Thu, 01 Jan 2026 08:00:30 GMT", 30.0),
        ("Wed, 31 Dec 2025 08:00:30 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("٣", None),
    ],
)
def test_what_a_retry_after_says(text: str, wait_s: float | None) -> None:
    assert retry_after_s(text, NOW) == wait_s


REFUSED_TOKENS = [
    (answer(4001), "paused", 4001),
    (answer(4003), "paused", 4003),
    (answer(4004), "barred", 4004),
    (answer(4005), "barred", 4005),
    (answer(0, {**TOKEN, "SuccStat": 1, "FailReason": 2}), "barred", 500),
]


@pytest.mark.parametrize(("raw", "standing", "code"), REFUSED_TOKENS)
async def test_a_refused_token_is_an_answer_and_no_message_is_to_blame(
    peer: Peer, raw: bytes, standing: str, code: int
) -> None:
    told: list[tuple[str, str]] = []

    async def refused(name: str, reason: str) -> None:
        told.append((name, reason))

    outbox, clock = MemoryOutbox(), ManualClock(NOW)
    peer.answers["query_token"] = raw
    await outbox.add([entry("a"), entry("b")])
    forwarder = PartnerForwarder(partner(peer.port), clock, outbox, refused=refused)
    clock.advance(1)
    for _ in range(3):
        await forwarder.step()
        clock.advance(60)
    status = await forwarder.status()
    assert status[standing]
    assert (status["unreachable"], status["dead"], status["retry"] + status["queued"]) == (False, 0, 2)
    assert {row.attempts for row in outbox.rows.values()} == {0}, "nobody has seen them"
    assert outbox.rows[1].last_code == code
    assert len(peer.paths) == (1 if standing == "paused" else 3)
    assert [name for name, _ in told] == ["p"]
    assert str(code) in told[0][1] or "FailReason 2" in told[0][1]
    peer.answers["query_token"] = answer(0, TOKEN)
    forwarder.resume()
    await forwarder.step()
    await forwarder.close()
    assert (await outbox.counts())["acked"] == 2
    assert told[1:] == [("p", "")]


@pytest.mark.parametrize("ret", [4001, 4003])
async def test_a_refused_envelope_pauses_the_partner(peer: Peer, ret: int) -> None:
    outbox, clock = MemoryOutbox(), ManualClock(NOW)
    peer.default = answer(ret)
    await outbox.add([entry("a"), entry("b")])
    async with forwarding(peer.port, outbox, clock) as forwarder:
        await forwarder.step()
        status = await forwarder.status()
        assert (status["dead"], status["queued"], status["paused"]) == (1, 1, str(ret))
        clock.advance(3600)
        assert await forwarder.step() == 60.0
        assert (await forwarder.status())["queued"] == 1
        peer.default = answer(0)
        await outbox.revive("p", list(outbox.rows), clock.now())
        forwarder.resume()
        await forwarder.step()
        assert (await forwarder.status())["acked"] == 2


async def test_a_bad_message_dies_alone(peer: Peer) -> None:
    outbox, clock = MemoryOutbox(), ManualClock(NOW)
    peer.answers["notification_stationInfo"] = answer(4004)
    await outbox.add([entry("i", "station_info"), entry("c", "station_status"), entry("o")])
    async with forwarding(peer.port, outbox, clock) as forwarder:
        await forwarder.step()
        status = await forwarder.status()
    assert (status["acked"], status["dead"], status["paused"], status["last_error"]) == (2, 1, "", "4004")


async def test_a_token_refused_twice_waits_for_the_ladder(peer: Peer) -> None:
    outbox, clock = MemoryOutbox(), ManualClock(NOW)
    peer.default = answer(4002)
    await outbox.add([entry("o")])
    async with forwarding(peer.port, outbox, clock) as forwarder:
        await forwarder.step()
    assert peer.paths == ["query_token", "notification_charge_order_info"] * 2
    [row] = outbox.rows.values()
    assert (row.state, row.attempts, row.next_at) == ("retry", 1, clock.now() + timedelta(seconds=60))


BAD_TOKENS = [
    ({**TOKEN, "SuccStat": 1, "FailReason": 2}, "query_token refused"),
    ({**TOKEN, "OperatorID": "999999999"}, "another operator"),
    ({**TOKEN, "AccessToken": "a\r\nb"}, "without a token"),
    ({**TOKEN, "TokenAvailableTime": "7200"}, "TokenAvailableTime"),
]


@pytest.mark.parametrize(("body", "words"), BAD_TOKENS)
async def test_a_token_that_cannot_be_used(peer: Peer, body: dict[str, object], words: str) -> None:
    outbox, clock = MemoryOutbox(), ManualClock(NOW)
    peer.answers["query_token"] = answer(0, body)
    await outbox.add([entry("o")])
    async with forwarding(peer.port, outbox, clock) as forwarder:
        await forwarder.step()
        assert words in (await forwarder.status())["last_error"]


async def test_a_token_that_lives_for_ever_is_kept_for_a_week_at_most(peer: Peer) -> None:
    outbox, clock = MemoryOutbox(), ManualClock(NOW)
    peer.answers["query_token"] = answer(0, {**TOKEN, "TokenAvailableTime": 10**15})
    await outbox.add([entry("o")])
    async with forwarding(peer.port, outbox, clock) as forwarder:
        await forwarder.step()
        probe = await forwarder.probe()
    assert (outbox.rows[1].state, probe.token_life_s) == ("acked", 7 * 86400)


BAD_ANSWERS = [
    (http(b"busy", "503 Service Unavailable"), "HTTP 503", True),
    (http(b"", "302 Found"), "HTTP 302", False),
    (http(b"<html>"), "cannot be read", False),
    (http(b"x" * 3_000_000), "too big", False),
    (b"HTTP/1.1 200 OK\r\nContent-Length: nonsense\r\n\r\n", "ProtocolError", True),
]


@pytest.mark.parametrize(("raw", "words", "unreachable"), BAD_ANSWERS)
async def test_an_answer_that_is_none_counts_as_500(peer: Peer, raw: bytes, words: str, unreachable: bool) -> None:
    outbox, clock = MemoryOutbox(), ManualClock(NOW)
    peer.default = raw
    await outbox.add([entry("o")])
    async with forwarding(peer.port, outbox, clock) as forwarder:
        await forwarder.step()
        status = await forwarder.status()
    [row] = outbox.rows.values()
    assert (row.state, row.last_code, status["unreachable"]) == ("retry", 500, unreachable)
    assert words in row.last_error


async def test_what_was_on_its_way_when_the_process_died_is_sent_at_once(peer: Peer) -> None:
    outbox, clock = MemoryOutbox(), ManualClock(NOW)
    await outbox.add([entry("o")])
    await outbox.mark_sent(1, NOW + timedelta(hours=2))
    async with forwarding(peer.port, outbox.restarted(), clock) as forwarder:
        await forwarder.step()
    assert [(row.state, row.attempts) for row in outbox.rows.values()] == [("acked", 2)]


async def test_snapshots_of_a_session_end_with_its_order(peer: Peer) -> None:
    outbox, clock = MemoryOutbox(), ManualClock(NOW)
    await outbox.add([entry("7", "charge_status"), entry("8", "charge_status"), entry("7")])
    async with forwarding(peer.port, outbox, clock) as forwarder:
        await forwarder.step()
    assert peer.paths.count("notification_equip_charge_status") == 1
    assert len(outbox.rows) == 2


async def test_an_outage_of_a_day_loses_no_order_and_keeps_the_latest_status() -> None:
    """A port that is closed for 24 hours, then a platform behind it."""
    port = await closed_port()
    outbox, clock = MemoryOutbox(), ManualClock(NOW)
    async with forwarding(port, outbox, clock) as forwarder:
        for hour in range(24):
            status = NewEntry("p", "station_status", "c", {"hour": hour}, clock.now(), collapse=True)
            await outbox.add([NewEntry("p", "charge_order", f"o{hour}", {}, clock.now()), status])
            await forwarder.step()
            clock.advance(3600)
        assert (await forwarder.open_count()) == 25
        peer = Peer()
        async with peer.listening(port):
            await forwarder.step()
            await forwarder.close()
    token, *paths = peer.paths
    assert (token, paths.count("notification_charge_order_info"), len(paths)) == ("query_token", 24, 25)
    at_once = partner(port).profile.transport.calls_at_once
    assert paths.index("notification_stationStatus") > 24 - at_once  # when the last orders were under way
    assert [row.payload for row in outbox.rows.values() if row.interface == "station_status"] == [{"hour": 23}]


async def test_an_unconfirmed_profile_is_named_at_the_start(peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    for profile, count in (("shandong", 1), ("gbt44130", 2), ("supervision-2023", 2)):
        forwarder = PartnerForwarder(partner(peer.port, profile), ManualClock(NOW), MemoryOutbox())
        running = asyncio.create_task(forwarder.run())
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert caplog.messages.count("province_profile_unconfirmed") == count


async def test_a_packed_answer_is_not_unpacked(peer: Peer) -> None:
    outbox, clock = MemoryOutbox(), ManualClock(NOW)
    packed = gzip.compress(b"{}" * 100_000)
    peer.default = (
        f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode() + packed
    )
    await outbox.add([entry("o")])
    async with forwarding(peer.port, outbox, clock) as forwarder:
        await forwarder.step()
    assert outbox.rows[1].last_code == 500


async def test_without_a_free_sequence_number_the_message_waits(peer: Peer) -> None:
    outbox, clock = MemoryOutbox(), ManualClock(NOW)
    await outbox.add([entry("o")])
    forwarder = PartnerForwarder(partner(peer.port), clock, outbox)
    await forwarder.step()
    await forwarder.close()
    assert (outbox.rows[1].state, outbox.rows[1].last_error) == ("retry", "no sequence number became free")
    assert peer.paths == []


async def test_a_drain_gives_up_at_its_deadline() -> None:
    outbox, clock = MemoryOutbox(), ManualClock(NOW)
    await outbox.add([entry("o")])
    forwarder = Forwarder([partner(9)], clock, outbox)
    assert not await forwarder.drain(NOW)
    assert await Forwarder([], clock, outbox).drain(NOW)
    await forwarder.partners["p"].close()


async def test_orders_that_a_reconciliation_misses_are_sent_again() -> None:
    peer, outbox = Peer(), MemoryOutbox()
    dispute = {"StartChargeSeq": "1", "TotalPower": 1.0, "TotalMoney": 1.0, "DisputeReason": 1}
    disputes = [dispute, {**dispute, "StartChargeSeq": "2", "DisputeReason": 2}, "nonsense", {}]
    peer.answers["check_charge_orders"] = answer(0, {"TotalDisputeOrder": 4, "DisputeOrders": disputes})
    async with peer.listening():
        partner = Partner(
            "p", load_profile("tcec102-2016"), f"http://127.0.0.1:{peer.port}", OPERATOR, Secrets.of(KEY, KEY, KEY, KEY)
        )
        clock = ManualClock(NOW)
        service = ProvinceService(clock, outbox, IdTable(), [partner])
        clock.advance(1)
        await outbox.add([NewEntry("p", "charge_order", key, {"StartChargeSeq": key}, NOW) for key in ("1", "2")])
        for row in await outbox.listed("p", ["queued"], 10):
            await outbox.mark_acked(row.id, NOW, 0)
        await outbox.add([NewEntry("p", "check_orders", "c", {"CheckOrderSeq": "c"}, NOW)])
        forwarder = service.forwarder.partners["p"]
        await forwarder.step()
        await forwarder.close()
    orders = [path for path in peer.paths if path.endswith("notification_charge_order_info")]
    assert len(orders) == 1
    (check,) = (await outbox.newest("p", "check_orders", ["c"])).values()
    assert (check.state, check.last_error) == ("acked", "TotalDisputeOrder=4")
