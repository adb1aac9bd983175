"""Secrets of partners: sealed at rest, changed without a gap, proved before older ones end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from csms.model.clock import ManualClock
from csms.province.client import Partner, PlatformClient
from csms.province.crypto import AES_MD5, Secrets
from csms.province.envelope import (
    Codec,
    Door,
    Opened,
    Refused,
    SeqAllocator,
    check_request,
    open_response,
    seal_request,
    seal_response,
)
from csms.province.keys import TRY_AGAIN_S, Direction, KeyRecord, KeyRing, Keys, KeysMissing, new_secrets, texts_of
from csms.province.profile import Kind, load_profile
from csms.province.replay import ReplayCache
from csms.security.sealing import Seal, SealBroken

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
OLD = Secrets.of(*("1234567890abcdef",) * 4)
NEW = Secrets.of(*("fedcba0987654321",) * 4)
OPERATOR = "123456789"
SEAL = Seal(bytes(range(32)))


class Kept:
    """What was saved, the last word of each."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str, int], KeyRecord] = {}

    async def save(self, records: Sequence[KeyRecord]) -> None:
        self.rows |= {(r.partner, r.direction, r.number): r for r in records}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def keys(clock: ManualClock, kept: Kept) -> Keys:
    made = Keys(clock, SEAL, save=kept.save)
    made.from_settings("prov", Direction.INBOUND, OLD)
    return made


def opened_with(keys: Keys, secrets: Secrets, clock: ManualClock) -> Opened | Refused:
    codec = keys.ring("prov", Direction.INBOUND).codec(AES_MD5)
    raw = seal_request(Codec(AES_MD5, secrets), OPERATOR, b"{}", SeqAllocator(clock).next()).to_wire()
    return check_request(raw, Door({OPERATOR: codec}, clock.now(), ReplayCache(), None))


async def test_old_and_new_secrets_count_until_the_new_ones_were_used(keys: Keys, clock: ManualClock) -> None:
    ring = keys.ring("prov", Direction.INBOUND)
    await keys.add("prov", Direction.INBOUND, NEW)
    for secrets in (OLD, NEW):
        opened = opened_with(keys, secrets, clock)
        assert isinstance(opened, Opened)
        assert opened.codec.secrets == secrets
    await ring.proved(OLD)
    clock.advance(86400)
    assert isinstance(opened_with(keys, OLD, clock), Opened), "nobody has used the new ones yet"
    await ring.proved(NEW)
    assert isinstance(opened_with(keys, OLD, clock), Opened), "what is under way still arrives"
    clock.advance(301)
    refused = opened_with(keys, OLD, clock)
    assert isinstance(refused, Refused)
    assert refused.ret == 4001
    assert isinstance(opened_with(keys, NEW, clock), Opened)


async def test_secrets_that_leaked_end_at_once_also_where_another_process_ends_them(
    keys: Keys, clock: ManualClock, kept: Kept
) -> None:
    running = Keys(clock, SEAL, kept.rows.values(), kept.save)
    running.from_settings("prov", Direction.INBOUND, OLD)
    await keys.add("prov", Direction.INBOUND, NEW, end_older=True)
    running.take_in(kept.rows.values())
    for each in (keys, running):
        refused = opened_with(each, OLD, clock)
        assert isinstance(refused, Refused)
        assert refused.ret == 4001
        assert isinstance(opened_with(each, NEW, clock), Opened)
    await running.ring("prov", Direction.INBOUND).proved(NEW)
    clock.advance(1)
    assert isinstance(opened_with(running, OLD, clock), Refused), "they do not come back with their successor"


async def test_the_secrets_of_the_settings_stay_ended_after_a_restart(
    keys: Keys, clock: ManualClock, kept: Kept
) -> None:
    await keys.add("prov", Direction.INBOUND, NEW)
    await keys.ring("prov", Direction.INBOUND).proved(NEW)
    clock.advance(301)
    again = Keys(clock, SEAL, kept.rows.values(), kept.save)
    again.from_settings("prov", Direction.INBOUND, OLD)
    assert again.ring("prov", Direction.INBOUND).codec(AES_MD5) == Codec(AES_MD5, NEW)
    assert [(r.number, r.used_at is None) for r in again.records()] == [(1, False), (0, True)]


async def test_other_secrets_in_the_settings_are_not_those_that_ended(
    keys: Keys, clock: ManualClock, kept: Kept
) -> None:
    await keys.add("prov", Direction.INBOUND, NEW)
    await keys.ring("prov", Direction.INBOUND).proved(NEW)
    clock.advance(301)
    again, third = Keys(clock, SEAL, kept.rows.values(), kept.save), new_secrets()
    again.from_settings("prov", Direction.INBOUND, third)
    assert again.ring("prov", Direction.INBOUND).codec(AES_MD5).older == (third,)


async def test_nothing_readable_is_stored_and_rows_cannot_be_swapped(
    keys: Keys, clock: ManualClock, kept: Kept
) -> None:
    secrets = new_secrets()
    record = await keys.add("prov", Direction.INBOUND, secrets)
    for text in texts_of(secrets).values():
        assert text not in repr(record)
    with pytest.raises(SealBroken):
        Keys(clock, Seal(bytes(32)), kept.rows.values())
    with pytest.raises(SealBroken):
        Keys(clock, SEAL, [replace(record, partner="another")])
    with pytest.raises(SealBroken):
        Keys(clock, SEAL, [replace(record, sealed="A" + record.sealed[1:])])


async def test_secrets_are_new_each_time_and_fit() -> None:
    first, second = texts_of(new_secrets()), texts_of(new_secrets())
    assert all(len(text) == 16 for text in first.values())
    assert len({*first.values(), *second.values()}) == 8


async def test_a_call_goes_on_with_what_the_partner_knows(clock: ManualClock) -> None:
    ring = KeyRing(clock)
    ring.hold(KeyRecord("prov", "outbound", 0, "", "", NOW), OLD)
    ring.hold(KeyRecord("prov", "outbound", 1, "", "", NOW), NEW)
    assert ring.to_call() == [NEW, OLD]
    ring.refused()
    await ring.proved(OLD)
    assert ring.to_call() == [OLD, NEW], "the partner is not told of a wrong signature with every call"
    clock.advance(TRY_AGAIN_S)
    assert ring.to_call() == [NEW, OLD]
    await ring.proved(NEW)
    clock.advance(301)
    assert ring.to_call() == [NEW]


def test_a_ring_without_secrets_says_so(clock: ManualClock) -> None:
    with pytest.raises(KeysMissing, match="csms province keys"):
        KeyRing(clock).codec(AES_MD5)


def test_an_answer_with_older_secrets_is_understood() -> None:
    answer = seal_response(Codec(AES_MD5, OLD), 4001, "", b"").to_wire()
    response, body = open_response(Codec(AES_MD5, NEW, (OLD,)), answer, OPERATOR)
    assert (response.ret, body) == (4001, {})


def test_seals_differ_and_fingerprints_do_not() -> None:
    assert SEAL.close(b"x", "a") != SEAL.close(b"x", "a")
    assert SEAL.open(SEAL.close(b"x", "a"), "a") == b"x"
    assert SEAL.fingerprint(b"x") == SEAL.fingerprint(b"x") != Seal(bytes(32)).fingerprint(b"x")
    assert timedelta(seconds=TRY_AGAIN_S) == timedelta(minutes=10)


async def test_an_answer_of_somebody_too_busy_to_look_proves_no_secrets(clock: ManualClock) -> None:
    """A partner that knows only the old ones answers -1 before it looks at the signature, signed with the old ones."""
    ring = KeyRing(clock)
    ring.hold(KeyRecord("p", "outbound", 0, "", "", clock.now()), OLD)
    ring.hold(KeyRecord("p", "outbound", 1, "", "", clock.now()), NEW)
    client = PlatformClient(
        Partner("p", load_profile("tcec102-2016"), "http://127.0.0.1:1", OPERATOR, ring=ring), clock
    )
    for ret, signer, used in ((-1, OLD, False), (0, OLD, False), (0, NEW, True)):
        clock.advance(2)
        client._post = _always(seal_response(Codec(AES_MD5, signer), ret, "", b"").to_wire())  # type: ignore[method-assign]
        await client._call(Kind.CHARGE_ORDER, lambda secrets: b"{}", None)
        assert [record.used_at is not None for record in ring.records] == [used, False]


def _always(raw: bytes) -> Any:
    async def post(url: str, content: bytes, token: str | None) -> bytes:
        return raw

    return post
