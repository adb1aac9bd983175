"""The strict reader: what two parties could read differently is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from csms.wire.strict_json import Bounds, JsonRefused, read, read_object

PLAIN = Bounds(bytes_max=1000, depth_max=3, integer_digits_max=5, nul=False)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": 1, "a": 2}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 123456}',
        b'[[[["deep"]]]]',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"a": "\\u0000"}',
        b"\xff\xfe",
        b"{",
        b"",
        b" " * 1001,
        b"[" * 900,
    ],
)
def test_refused(raw: bytes) -> None:
    with pytest.raises(JsonRefused):
        read(raw, PLAIN)


@pytest.mark.parametrize("number", ["1e309", "-1e309", "1e999999999", "-1.5e400"])
def test_an_exact_number_that_no_float_holds_is_refused(number: str) -> None:
    exact = Bounds(bytes_max=1000, depth_max=3, exact=True)
    with pytest.raises(JsonRefused, match="out of all bounds"):
        read(f'{{"a": {number}}}', exact)
    assert [float(value) for value in read(b"[1e308, 1e-400]", exact)] == [1e308, 0.0]


def test_only_objects_where_an_object_is_wanted() -> None:
    assert read_object('{"a": [1, "日照"]}', PLAIN) == {"a": [1, "日照"]}
    with pytest.raises(JsonRefused, match="object"):
        read_object("[1]", PLAIN)


def test_exact_numbers_keep_their_decimals() -> None:
    exact = Bounds(1000, 3, exact=True)
    assert read("[1.10, 2]", exact) == [Decimal("1.10"), 2]
    assert str(read("1.10", exact)) == "1.10"


def test_the_depth_bound_is_inclusive() -> None:
    assert read("[[[1]]]", PLAIN) == [[[1]]]
