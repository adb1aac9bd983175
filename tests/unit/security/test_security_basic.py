"""The Authorization header in own code: bytes in, bytes out."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.security.basic import PASSWORD_BYTES_MAX, Credentials, canonical, is_hex_key, read_basic

KEY = bytes(range(0xEC, 0x100))


def header(told: bytes, scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(told).decode()}"


@pytest.mark.req("A00.FR.204", "1.6S:A00.FR.204", "1.6S:A00.FR.205", "RB-01")
@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([header(b"CP-1:secret")], Credentials(b"CP-1", b"secret")),
        ([header(b"CP-1:secret", "basic")], Credentials(b"CP-1", b"secret")),
        ([header(b"CP-1:secret", "BASIC") + "  "], Credentials(b"CP-1", b"secret")),
        ([header(b"CP-1:a:b:c")], Credentials(b"CP-1", b"a:b:c")),
        ([header(b"CP-1:" + KEY)], Credentials(b"CP-1", KEY)),
        ([header(b":secret")], Credentials(b"", b"secret")),
        ([header(b"CP-1:")], None),
        ([header(b"CP-1")], None),
        ([header(b"CP-1:" + b"x" * (PASSWORD_BYTES_MAX + 1))], None),
        (["Basic"], None),
        (["Basic "], None),
        (["Bearer abc"], None),
        (["Basic Q1At\udcffMTpz"], None),
        (["Basic Q1AtMTpz*"], None),
        ([], None),
        ([header(b"CP-1:secret")] * 2, None),
    ],
)
def test_one_header_of_this_scheme_is_read(headers: list[str], found: Credentials | None) -> None:
    assert read_basic(headers) == found


@given(st.binary(max_size=60).filter(lambda user: b":" not in user), st.binary(min_size=1, max_size=PASSWORD_BYTES_MAX))
def test_any_bytes_come_out_as_they_went_in(user: bytes, password: bytes) -> None:
    assert read_basic([header(user + b":" + password)]) == Credentials(user, password)


@given(st.lists(st.text(max_size=80), max_size=2))
def test_nonsense_is_none_and_never_a_fault(headers: list[str]) -> None:
    found = read_basic(headers)
    assert found is None or isinstance(found, Credentials)


@given(st.binary(min_size=16, max_size=20), st.booleans())
def test_a_key_and_its_digits_are_the_same(key: bytes, upper: bool) -> None:
    digits = key.hex().upper() if upper else key.hex()
    assert canonical(digits.encode()) == canonical(key) == key


@pytest.mark.parametrize("text", [b"", b"a" * 31, b"a" * 33, b"a" * 42, b"g" * 32, b"a" * 64, b"correct-horse-battery"])
def test_other_passwords_are_no_keys(text: bytes) -> None:
    assert not is_hex_key(text)
    assert canonical(text) == text
