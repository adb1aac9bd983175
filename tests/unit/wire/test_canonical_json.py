"""JSON in one spelling: the numbers and names of RFC 8785, and that reading it gives the same value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.wire.canonical_json import canonical


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (120000.0, "120000"),
        (120_000, "120000"),
        (1.5, "1.5"),
        (-2.5e-3, "-0.0025"),
        (1e-7, "1e-7"),
        (0.000001, "0.000001"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (123456789012345680000.0, "123456789012345680000"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (333333333.33333329, "333333333.3333333"),
        (True, "true"),
        (None, "null"),
        ('€$\u000f\nA\'B"\\"/', '"€$\\u000f\\nA\'B\\"\\\\\\"/"'),
        ([56, {"d": True, "10": None, "1": []}], '[56,{"1":[],"10":null,"d":true}]'),
        ({"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}, None),
    ],
)
def test_the_spelling(value: Any, text: str | None) -> None:
    spelt = canonical(value).decode()
    if text is None:
        names = list(json.loads(spelt))
        assert names == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"], "by UTF-16 units"
    else:
        assert spelt == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {"a": b"b"}])
def test_what_json_cannot_say(value: Any) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical(value)


values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_reading_it_gives_the_same_and_spelling_that_again_the_same_bytes(value: Any) -> None:
    text = canonical(value)
    assert json.loads(text, parse_int=float) == value
    assert canonical(json.loads(text)) == text
