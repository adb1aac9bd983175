"""Signed limits: who must sign and does not, forges, strips or moves a signature is refused, and nothing changes."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from csms.app.grid import LimitSourceSettings
from csms.charging.feeder import Feeder, FeederTree
from csms.grid.peer import Peer, SourceRule
from csms.grid.service import FORBIDDEN, LimitService
from csms.grid.statement import signed_part
from csms.model.clock import ManualClock
from csms.security.jws import BadSignature, PrivateKey, read_keys, read_private_key, sign, verify
from csms.station.bus import EventBus
from csms.store.engine import Store, open_store
from csms.store.security_tables import Alert
from tests.support.limits import limits_over
from tests.support.signing import certificate, pem, rsa_key

KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())
NORTH = Peer("grid:north", "mqtt", "north", feeders=frozenset({"T1", "T2"}))
SOUTH = Peer("grid:south", "http", "south", feeders=frozenset({"T1"}))
RULES = [
    SourceRule("grid:north", frozenset({"T1", "T2"}), signed=True, keys=(KEY.public_key(),)),
    SourceRule("grid:south", frozenset({"T1"}), keys=(KEY.public_key(),)),
]


def said(key: PrivateKey | None = KEY, **changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {"id": "evening", "feeder": "T1", "version": 1, "value_w": 120_000.0}
    whole = {name: value for name, value in (whole | changes).items() if value is not ...}
    return whole | ({"signature": sign(signed_part(whole), key)} if key is not None else {})


def raw(statement: dict[str, Any]) -> bytes:
    return json.dumps(statement).encode()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", ManualClock(), upgrade=True)
    yield store
    await store.close()


@pytest.fixture
def limits(store: Store) -> LimitService:
    tree = FeederTree([Feeder("T1", 400_000), Feeder("T2", 400_000)])
    return limits_over(ManualClock(), store, tree, EventBus(), RULES)


async def code(limits: LimitService, statement: dict[str, Any], peer: Peer = NORTH, feeder_id: str = "T1") -> str:
    return (await limits.submit(raw(statement), peer, feeder_id, "evening")).code


@pytest.mark.req("GL-A5")
async def test_a_signed_limit_counts_in_whatever_way_it_is_spelt(limits: LimitService) -> None:
    statement = said()
    spelt = json.dumps(dict(reversed(statement.items())), indent=2).replace("120000.0", "1.2e5").encode()
    assert (await limits.submit(spelt, NORTH, "T1", "evening")).accepted
    assert limits.cap_w("T1", limits.now()) == 120_000
    again = await limits.submit(raw(said()), NORTH, "T1", "evening")
    assert again.repeated, "another signature of the same words says nothing new"


def altered(statement: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return statement | changes


def with_header(statement: dict[str, Any], header: dict[str, Any]) -> dict[str, Any]:
    encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return statement | {"signature": f"{encoded}..{statement['signature'].split('.')[2]}"}


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("stripped", said(None), "unsigned"),
    ("null", said(None, signature=None), "unsigned"),
    ("forged value", altered(said(), value_w=300_000), "bad_signature"),
    ("forged version", altered(said(), version=2), "bad_signature"),
    ("a field more", altered(said(), reason="for fun"), "bad_signature"),
    ("a cancellation made of it", altered(said(), cancel=True), "bad_signature"),
    ("wrong key", said(OTHER), "bad_signature"),
    ("wrong kind of key", said(ed25519.Ed25519PrivateKey.generate()), "bad_signature"),
    ("without its feeder", said(feeder=...), "bad_signature"),
    ("without its id", said(id=...), "bad_signature"),
    ("of another feeder", said(feeder="T2"), "malformed"),
    ("of another limit", said(id="morning"), "malformed"),
    ("no algorithm", with_header(said(), {"alg": "none"}), "bad_signature"),
    ("a secret in place of a key", with_header(said(), {"alg": "HS256"}), "bad_signature"),
    ("something critical", with_header(said(), {"alg": "ES256", "crit": ["exp"]}), "bad_signature"),
    ("bytes as they are", with_header(said(), {"alg": "ES256", "b64": False}), "bad_signature"),
    ("two headers in one", altered(said(), signature="e30.e30.e30"), "bad_signature"),
    ("no signature at all", altered(said(), signature="x"), "bad_signature"),
    ("not base64", altered(said(), signature="!..!"), "bad_signature"),
    ("umlauts", altered(said(), signature="ä..ö"), "bad_signature"),
    ("too long", altered(said(), signature="a" * 5000 + "..b"), "bad_signature"),
    ("a number", altered(said(), signature=1), "malformed"),
    ("an empty one", altered(said(), signature=""), "bad_signature"),
]


@pytest.mark.req("GL-A5")
@pytest.mark.parametrize(("what", "statement", "expected"), REFUSED, ids=[one[0] for one in REFUSED])
async def test_what_is_not_signed_as_agreed_is_refused_recorded_and_changes_nothing(
    limits: LimitService, store: Store, what: str, statement: dict[str, Any], expected: str
) -> None:
    assert await code(limits, statement) == expected
    assert limits.cap_w("T1", limits.now()) is None
    (row,) = await store.reader.audit_page(10, kind="limit")
    assert json.loads(row.text)["result"]["code"] == expected
    alerts = await store.reader.find(Alert)
    assert [alert.kind for alert in alerts] == ([FORBIDDEN] if expected in ("unsigned", "bad_signature") else []), what


async def test_a_limit_in_force_cannot_be_ended_without_a_signature(limits: LimitService) -> None:
    assert await code(limits, said()) == ""
    assert (await limits.cancel(NORTH, "T1", "evening")).code == "unsigned"
    assert await code(limits, said(None, version=2, value_w=..., cancel=True)) == "unsigned"
    assert limits.cap_w("T1", limits.now()) == 120_000
    assert await code(limits, said(version=2, value_w=..., cancel=True)) == ""
    assert limits.cap_w("T1", limits.now()) is None


async def test_the_house_may_cancel_and_a_rehearsal_needs_no_signature(limits: LimitService) -> None:
    assert await code(limits, said()) == ""
    assert limits.would(raw(said(None, version=2)), NORTH, "T1", "evening").code == "unsigned"
    assert limits.would(raw(said(None, version=2)), NORTH, "T1", "evening", rehearsed=True).accepted
    assert (await limits.cancel(Peer("grid:north", "http", "an administrator"), "T1", "evening")).accepted


async def test_where_signatures_are_not_demanded_one_that_is_there_is_checked(limits: LimitService) -> None:
    assert await code(limits, said(OTHER), SOUTH) == "bad_signature"
    assert await code(limits, said(None), SOUTH) == ""
    assert await code(limits, said(KEY, version=2), SOUTH) == ""
    stranger = Peer("grid:west", "http", "west", feeders=frozenset({"T1"}))
    assert await code(limits, said(), stranger) == "bad_signature", "nobody knows a key of its"


@pytest.mark.parametrize(
    "key",
    [KEY, ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate(), rsa_key()],
    ids=["ES256", "ES384", "EdDSA", "PS256"],
)
def test_every_algorithm_there_and_back_through_files(tmp_path: Path, key: PrivateKey) -> None:
    mine, yours = tmp_path / "key.pem", tmp_path / "public.pem"
    mine.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    yours.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    signature = sign(b"words", read_private_key(mine))
    verify(signature, b"words", read_keys(yours))
    with pytest.raises(BadSignature):
        verify(signature, b"other words", read_keys(yours))
    with pytest.raises(BadSignature):
        verify(signature[:-8] + "AAAAAAAA", b"words", read_keys(yours))


def test_keys_of_certificates_and_keys_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "north.pem"
    file.write_text(pem(certificate(KEY)) + pem(certificate(OTHER)))
    verify(sign(b"words", OTHER), b"words", read_keys(file))
    small = rsa.generate_private_key(65537, 1024).public_key()
    file.write_bytes(small.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(ValueError, match="2048"):
        read_keys(file)


def test_signatures_are_demanded_only_with_keys() -> None:
    with pytest.raises(ValueError, match="signed needs keys"):
        LimitSourceSettings(name="north", signed=True)
