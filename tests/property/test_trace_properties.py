"""No secret that a message carries is found in a segment file, whatever the secret is and however the frame is damaged;
and whatever happened to a file, what can be read of it is what was written.
"""

from __future__ import annotations

import json
import os
import random
import string
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from csms.trace.redaction import STRICT_WORDS, Cards, Redactor, card_writer
from csms.trace.segments import SegmentWriter, compact, segments
from csms.trace.sensitive import SURE
from csms.wire.frames import FrameError, decode
from tests.support.traces import NOON_MS, columns, everything, note

PASSWORD_SIGNS = string.ascii_letters + string.digits + "*-_=:+|@."
"""Of a basic authentication password (OCPP 2.0.1 A00.FR.205)."""
TOKEN_SIGNS = string.ascii_letters + string.digits + "-_"
EVENT = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
PLAIN = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
FIRMWARE = {"retrieveDateTime": "2026-03-02T12:00:00Z", "signature": "x"}

DAMAGES = int(os.environ.get("CSMS_DAMAGES", "2000"))
"""Of each message; 30,000 take some minutes."""

Message = Callable[[str], tuple[list[Any], str]]
"""A secret to the frame that carries it, and the action of the call that it answers."""

NAMED: dict[str, Message] = {
    "change configuration": lambda s: ([2, "1", "ChangeConfiguration", {"key": "AuthorizationKey", "value": s}], ""),
    "value first": lambda s: ([2, "1", "ChangeConfiguration", {"value": s, "key": "AuthorizationKey"}], ""),
    "get configuration": lambda s: (
        [3, "1", {"configurationKey": [
            {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
            {"key": "AuthorizationKey", "readonly": False, "value": s},
            {"key": "MeterValueSampleInterval", "readonly": False, "value": "60"},
        ], "unknownKey": ["AdminPassword"]}],
        "GetConfiguration",
    ),
    "set variables": lambda s: (
        [2, "1", "SetVariables", {"setVariableData": [
            PLAIN | {"attributeValue": "300"}, EVENT | {"attributeValue": s},
        ]}],
        "",
    ),
    "get variables": lambda s: (
        [3, "1", {"getVariableResult": [
            EVENT | {"attributeStatus": "Accepted", "attributeType": "Actual", "attributeValue": s},
            PLAIN | {"attributeStatus": "Accepted", "attributeValue": "300"},
        ]}],
        "GetVariables",
    ),
    "notify report": lambda s: (
        [2, "1", "NotifyReport", {"requestId": 1, "generatedAt": "2026-03-02T12:00:00Z", "seqNo": 0, "reportData": [
            EVENT | {"variableAttribute": [{"type": "Actual", "value": s, "mutability": "WriteOnly"}]},
        ]}],
        "",
    ),
    "network profile": lambda s: (
        [2, "1", "SetNetworkProfile", {"configurationSlot": 1, "connectionData": {
            "ocppCsmsUrl": "wss://csms.example.com/ocpp", "messageTimeout": 30, "basicAuthPassword": s,
            "apn": {"apn": "iot.example", "apnUserName": "u", "apnPassword": s, "apnAuthentication": "CHAP"},
            "vpn": {"server": "vpn.example.com", "user": "u", "password": s, "key": s, "type": "IKEv2"},
        }}],
        "",
    ),
    "vendor data": lambda s: ([2, "1", "DataTransfer", {"vendorId": "x", "data": json.dumps({"password": s})}], ""),
}  # fmt: skip

IN_ADDRESSES: dict[str, Message] = {
    "password": lambda s: (
        [2, "1", "UpdateFirmware", {"location": f"https://u:{s}@fw.example.com/AC.bin"}], "",
    ),
    "path": lambda s: (
        [2, "1", "UpdateFirmware", {"firmware": FIRMWARE | {"location": f"https://fw.example.com/{s}/AC.bin"}}], "",
    ),
    "query": lambda s: (
        [2, "1", "GetLog", {"requestId": 1, "log": {"remoteLocation": f"https://fw.example.com/x?{s}"}}], "",
    ),
    "diagnostics": lambda s: ([2, "1", "GetDiagnostics", {"location": f"ftp://u:{s}@fw.example.com/in/{s}"}], ""),
}  # fmt: skip

CARDS: dict[str, Message] = {
    "authorize": lambda s: ([2, "1", "Authorize", {"idTag": s}], ""),
    "start": lambda s: ([2, "1", "StartTransaction", {"connectorId": 1, "idTag": s, "meterStart": 0}], ""),
    "event": lambda s: ([2, "1", "TransactionEvent", {"idToken": {"idToken": s, "type": "ISO14443"}, "seqNo": 1}], ""),
    "list": lambda s: ([2, "1", "SendLocalList", {"listVersion": 1, "localAuthorizationList": [{"idTag": s}]}], ""),
    "answer": lambda s: ([3, "1", {"idTagInfo": {"status": "Accepted", "parentIdTag": s}}], "Authorize"),
    "refusal": lambda s: ([4, "1", "FormationViolation", f'Authorize/idTag: "{s}" is too long', {}], "Authorize"),
}  # fmt: skip


def kept(frames: list[tuple[str, str]], redactor: Redactor | None = None) -> str:
    """What a segment file holds of frames and their actions, read back; also what JSON in it says."""
    redactor = redactor or Redactor()
    with TemporaryDirectory() as folder:
        files = SegmentWriter(Path(folder), "gw")
        files.write(
            columns(*(note(NOON_MS, text=redactor.frame(text, action), action=action) for text, action in frames))
        )
        files.close()
        return "\n".join(_said(n.text) for n in everything(Path(folder)))


def _said(text: str) -> str:
    try:
        return text + "\n" + "\n".join(_texts(json.loads(text)))
    except ValueError:
        return text


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for item in pair for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


any_secret = st.text(st.characters(exclude_categories=("Cs",)), min_size=8, max_size=60).filter(
    lambda s: not any(s in text for text in (*NAMED, string.printable, json.dumps([m("")[0] for m in NAMED.values()])))
)


@given(secret=any_secret, escaped=st.booleans(), name=st.sampled_from(sorted(NAMED)))
@example(secret="0000000000000000", escaped=False, name="get configuration")
def test_a_secret_under_its_name_is_hidden_whatever_it_is(secret, escaped, name) -> None:
    items, action = NAMED[name](secret)
    assert secret not in kept([(json.dumps(items, ensure_ascii=escaped), action)])


@given(seed=st.integers(0, 2**32), name=st.sampled_from(sorted(IN_ADDRESSES)), size=st.integers(22, 43))
def test_a_secret_in_an_address_is_hidden(seed, name, size) -> None:
    secret = "".join(random.Random(seed).choices(TOKEN_SIGNS, k=size))
    items, action = IN_ADDRESSES[name](secret)
    assert secret not in kept([(json.dumps(items), action)])


@given(
    card=st.text(string.ascii_letters + string.digits + "-", min_size=5, max_size=36),
    name=st.sampled_from(sorted(CARDS)),
)
def test_no_whole_number_of_a_card_is_kept(card, name) -> None:
    for redactor in (Redactor(), Redactor(card_writer(Cards.HASH, b"key"))):
        items, action = CARDS[name](f"{card}!")
        assert f"{card}!" not in kept([(json.dumps(items), action)], redactor)


def damaged(rng: random.Random, text: str) -> str:
    """One to three signs or stretches cut out, doubled, swapped, replaced or put in; or the tail cut off."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.choice((1, 1, 2, 5, 10, 30, 100)))
        way = rng.randrange(6)
        if way == 0:
            text = text[:start] + text[end:]
        elif way == 1:
            text = text[:end] + text[start:end] + text[end:]
        elif way == 2:
            text = text[:start] + rng.choice('"\\{}[],:x1 \n\0') + text[start:]
        elif way == 3:
            text = text[:start] + rng.choice('"\\{}[],:x1 \n\0') + text[start + 1 :]
        elif way == 4:
            text = text[:start]
        else:
            middle = (start + end) // 2
            text = text[:start] + text[middle:end] + text[start:middle] + text[end:]
        if not text:
            return text
    return text


def told(text: str, name: str) -> bool:
    """Whether a damaged frame still says that there is a secret in it."""
    if name in NAMED:
        return SURE.search(text) is not None
    return "://" in text or any(word in text.lower() for word in STRICT_WORDS)


def kept_of(text: str, action: str) -> str:
    """As the recorder has it redacted, by whether the gateway can read the frame."""
    try:
        decode(text)
    except FrameError:
        return Redactor().unreadable(text)
    return Redactor().frame(text, action)


@pytest.mark.parametrize("name", sorted({**NAMED, **IN_ADDRESSES}))
def test_no_secret_survives_damage_to_its_frame(name) -> None:
    """As long as a word that names the secret is still there, or the message says what it is about."""
    rng = random.Random(f"traces {name}")
    make = (NAMED | IN_ADDRESSES)[name]
    leaks, frames = [], 0
    for _ in range(DAMAGES):
        signs = PASSWORD_SIGNS if name in NAMED else TOKEN_SIGNS
        secret = "".join(rng.choices(signs, k=rng.randrange(22, 40)))
        items, action = make(secret)
        text = damaged(rng, json.dumps(items, separators=(",", ":")))
        if secret not in text or not told(text + action, name):
            continue
        frames += 1
        if secret in _said(kept_of(text, action)):
            leaks.append(text)
    assert frames > DAMAGES // 10
    assert leaks == []


notes = st.lists(
    st.builds(
        note,
        st.integers(NOON_MS, NOON_MS + 5_000),
        st.sampled_from(["CP-1", "CP-2", "桩"]),
        st.text(max_size=30),
    ),
    min_size=1,
    max_size=20,
)


@settings(deadline=None)
@given(parts=st.lists(notes, min_size=1, max_size=6), data=st.data())
def test_whatever_happened_to_a_file_only_what_was_written_is_read(parts, data) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        files = SegmentWriter(folder, "gw")
        for part in parts:
            files.write(columns(*part))
        path = segments(folder)[0].path
        written = [n for part in parts for n in part]
        assert everything(folder, limit=3) == sorted(written, key=lambda n: n.at_ms)
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.integers(0, max(0, len(content) - 1)))
            match data.draw(st.sampled_from(["flip", "cut", "insert", "end"])):
                case "flip" if content:
                    content[place] ^= data.draw(st.integers(1, 255))
                case "cut":
                    del content[place : place + data.draw(st.integers(1, 200))]
                case "insert":
                    content[place:place] = data.draw(st.binary(max_size=50))
                case _:
                    del content[place:]
        path.write_bytes(content)
        left = everything(folder, limit=5)
        assert set(left) <= set(written)
        compact(path)
        assert everything(folder) == left


@settings(deadline=None)
@given(parts=st.lists(notes, min_size=1, max_size=4), size=st.integers(0, 2_000))
def test_a_cut_tail_leaves_every_whole_block(parts, size) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        files = SegmentWriter(folder, "gw")
        ends = []
        for part in parts:
            files.write(columns(*part))
            ends.append(segments(folder)[0].path.stat().st_size)
        path = segments(folder)[0].path
        path.write_bytes(path.read_bytes()[:size])
        whole = [n for part, end in zip(parts, ends, strict=True) if end <= size for n in part]
        assert everything(folder) == sorted(whole, key=lambda n: n.at_ms)
