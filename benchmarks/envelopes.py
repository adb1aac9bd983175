"""Orders through the envelope: signed, encrypted, verified and decrypted, on one core.

Beside the same by hand with `cryptography` (what the library itself costs) and beside an AES in pure Python, as several
open SDKs of the interface have it. Contestants take turns; figures are the best of the rounds.
"""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from benchmarks.hot_path import Row
from csms.model.ids import ConnectorRef
from csms.province import strict_json
from csms.province.crypto import AES_MD5, SM4_SM3, CbcSuite, Secrets
from csms.province.envelope import Codec, Door, Opened, Stamp, check_request, format_stamp, seal_request
from csms.province.ids import IdTable, Names
from csms.province.mapping import priced
from csms.province.messages import render_body
from csms.province.profile import Kind, load_profile
from csms.province.records import ChargeOrder
from csms.province.replay import ReplayCache
from csms.province.values import order_values

KEY = b"1234567890abcdef"
OPERATOR = "123456789"
NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
SECRETS = Secrets(KEY.decode(), KEY, KEY, KEY)
SLOW_ORDERS = 20
ORDERS_BAR, HAND_BAR = 3000.0, 1.5


def an_order() -> bytes:
    """A provincial order of three tariff periods."""
    profile, names = load_profile("supervision-2023"), Names(OPERATOR, IdTable())
    ends = [NOW + timedelta(minutes=20 * n) for n in range(4)]
    details = tuple(priced(since, until, 8_000.0, Decimal("0.66"), Decimal("0.40")) for since, until in pairwise(ends))
    order = ChargeOrder(1, "1", ConnectorRef("CP-1", 1, 1), NOW, ends[-1], details, 0, 1000.0, 25_000.0)
    return strict_json.write(render_body(profile, Kind.CHARGE_ORDER, order_values(order, names, NOW)))


def ours(suite: CbcSuite, body: bytes, count: int) -> None:
    """As the product does it, both ends: strict JSON, MAC, window and replay, decryption, strict JSON."""
    codec, replays = Codec(suite, SECRETS), ReplayCache()
    door = Door({OPERATOR: codec}, NOW, replays, None)
    stamp = format_stamp(NOW)
    for number in range(count):
        raw = seal_request(codec, OPERATOR, body, Stamp(stamp, f"{number % 10_000:04d}")).to_wire()
        assert isinstance(check_request(raw, door), Opened)


def by_hand(body: bytes, count: int) -> None:
    """The least that does it: no check of form, window, replay or duplicate keys."""
    stamp = format_stamp(NOW)
    for number in range(count):
        padder, encryptor = PKCS7(128).padder(), Cipher(algorithms.AES(KEY), modes.CBC(KEY)).encryptor()
        padded = padder.update(body) + padder.finalize()
        data = base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()
        seq = f"{number % 10_000:04d}"
        sig = hmac.new(KEY, (OPERATOR + data + stamp + seq).encode(), "md5").hexdigest().upper()
        raw = json.dumps({"OperatorID": OPERATOR, "Data": data, "TimeStamp": stamp, "Seq": seq, "Sig": sig}).encode()
        told = json.loads(raw)
        text = told["OperatorID"] + told["Data"] + told["TimeStamp"] + told["Seq"]
        assert hmac.compare_digest(hmac.new(KEY, text.encode(), "md5").hexdigest().upper(), told["Sig"])
        unpadder, decryptor = PKCS7(128).unpadder(), Cipher(algorithms.AES(KEY), modes.CBC(KEY)).decryptor()
        plain = decryptor.update(base64.b64decode(told["Data"])) + decryptor.finalize()
        json.loads(unpadder.update(plain) + unpadder.finalize())


def pure_python(body: bytes, count: int) -> None:
    """The cipher alone, both ways, block by block in Python."""
    cipher = PureAes(KEY)
    padded = body + bytes([16 - len(body) % 16]) * (16 - len(body) % 16)
    for _ in range(count):
        assert cipher.decrypt_cbc(cipher.encrypt_cbc(padded, KEY), KEY) == padded


class PureAes:
    """AES-128 as FIPS 197 has it, with tables of bytes."""

    def __init__(self, key: bytes) -> None:
        self._sbox = _sbox()
        self._inverse = bytes(self._sbox.index(n) for n in range(256))
        self._times = {n: bytes(_times(n, value) for value in range(256)) for n in (2, 3, 9, 11, 13, 14)}
        self._keys = self._expanded(key)

    def _expanded(self, key: bytes) -> list[bytes]:
        words, round_constant = [key[n : n + 4] for n in range(0, 16, 4)], 1
        for n in range(4, 44):
            word = words[n - 1]
            if n % 4 == 0:
                word = bytes(self._sbox[value] for value in word[1:] + word[:1])
                word = bytes([word[0] ^ round_constant]) + word[1:]
                round_constant = _times(2, round_constant)
            words.append(bytes(a ^ b for a, b in zip(words[n - 4], word, strict=True)))
        return [b"".join(words[n : n + 4]) for n in range(0, 44, 4)]

    def encrypt_cbc(self, plain: bytes, iv: bytes) -> bytes:
        """Whole blocks."""
        made, before = bytearray(), iv
        for at in range(0, len(plain), 16):
            before = self._encrypt(_xor(plain[at : at + 16], before))
            made += before
        return bytes(made)

    def decrypt_cbc(self, data: bytes, iv: bytes) -> bytes:
        """Whole blocks."""
        made, before = bytearray(), iv
        for at in range(0, len(data), 16):
            block = data[at : at + 16]
            made += _xor(self._decrypt(block), before)
            before = block
        return bytes(made)

    def _encrypt(self, block: bytes) -> bytes:
        state = _xor(block, self._keys[0])
        for turn in range(1, 11):
            state = bytes(self._sbox[state[(n + 4 * (n % 4)) % 16]] for n in range(16))
            state = state if turn == 10 else self._mixed(state, (2, 3, 1, 1))
            state = _xor(state, self._keys[turn])
        return state

    def _decrypt(self, block: bytes) -> bytes:
        state = block
        for turn in range(10, 0, -1):
            state = _xor(state, self._keys[turn])
            state = state if turn == 10 else self._mixed(state, (14, 11, 13, 9))
            state = bytes(self._inverse[state[(n - 4 * (n % 4)) % 16]] for n in range(16))
        return _xor(state, self._keys[0])

    def _mixed(self, state: bytes, factors: tuple[int, int, int, int]) -> bytes:
        made = bytearray()
        for column in range(0, 16, 4):
            for row in range(4):
                value = 0
                for n in range(4):
                    factor, byte = factors[(n - row) % 4], state[column + n]
                    value ^= byte if factor == 1 else self._times[factor][byte]
                made.append(value)
        return bytes(made)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _times(factor: int, value: int) -> int:
    made = 0
    while factor:
        made ^= value if factor & 1 else 0
        value = (value << 1) ^ (0x11B if value & 0x80 else 0)
        factor >>= 1
    return made


def _sbox() -> bytes:
    made = bytearray(256)
    for value in range(256):
        inverse = next((n for n in range(1, 256) if _times(n, value) == 1), 0)
        turned = inverse
        for shift in range(1, 5):
            turned ^= ((inverse << shift) | (inverse >> (8 - shift))) & 0xFF
        made[value] = turned ^ 0x63
    return bytes(made)


def _per_s(contestants: Sequence[Callable[[int], None]], count: int, rounds: int) -> list[float]:
    """The best round of each; they take turns, so that a busy moment of the machine is nobody's alone."""
    best = [0.0] * len(contestants)
    for _ in range(rounds):
        for place, work in enumerate(contestants):
            begun = time.process_time()
            work(count)
            best[place] = max(best[place], count / (time.process_time() - begun))
    return best


def run(quick: bool = False) -> list[dict[str, Any]]:
    """The table."""
    body, count, rounds = an_order(), 500 if quick else 2500, 2 if quick else 12
    fast = (lambda n: ours(AES_MD5, body, n), lambda n: by_hand(body, n), lambda n: ours(SM4_SM3, body, n))
    mine, hand, national = _per_s(fast, count, rounds)
    (slow,) = _per_s([lambda n: pure_python(body, n)], 2 if quick else SLOW_ORDERS, 1)
    rows = [
        Row("size of an order", len(body), "bytes"),
        Row("orders, AES-128-CBC and HMAC-MD5", mine, "/s", f">= {ORDERS_BAR:,.0f}", mine >= ORDERS_BAR),
        Row("orders, SM4-CBC and HMAC-SM3", national, "/s"),
        Row("by hand with cryptography, no checks", hand, "/s"),
        Row("cost against by hand", hand / mine, "x", f"<= {HAND_BAR}", hand / mine <= HAND_BAR),
        Row("cipher in pure Python alone", slow, "/s"),
        Row("faster than pure Python", mine / slow, "x"),
    ]
    return [asdict(row) for row in rows]
