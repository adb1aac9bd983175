"""Transaction ids: a permutation of the 31-bit numbers, by a key that is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.security.numbers import KEY_BYTES, NUMBER_MAX, Scrambler, kept_key

KEY = bytes(range(32))


def test_no_number_comes_twice() -> None:
    scrambler = Scrambler(KEY)
    numbers = [scrambler.number(count) for count in range(1, 20_001)]
    assert len(set(numbers)) == 20_000
    assert min(numbers) >= 1
    assert max(numbers) <= NUMBER_MAX
    assert sum(number > NUMBER_MAX // 2 for number in numbers) == pytest.approx(10_000, rel=0.05)


@given(st.integers(1, NUMBER_MAX))
def test_each_number_stays_within_31_bits_and_the_same(count: int) -> None:
    number = Scrambler(KEY).number(count)
    assert 1 <= number <= NUMBER_MAX
    assert Scrambler(KEY).number(count) == number


def test_another_key_is_another_permutation() -> None:
    assert [Scrambler().number(count) for count in range(1, 5)] != [Scrambler(KEY).number(c) for c in range(1, 5)]


@pytest.mark.parametrize("count", [0, -1, NUMBER_MAX + 1])
def test_what_is_no_such_number_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="no number from 1"):
        Scrambler(KEY).number(count)


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "transactions.key"
    key = kept_key(file)
    assert len(key) == KEY_BYTES
    assert kept_key(file) == key
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(b"too short")
    assert kept_key(file) not in (key, b"too short")
