"""Matching of firmware profiles, whatever they are: one that says less changes nothing, ties never come to life."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from firmware_profiles import Book, FirmwareProfile, ProfileInvalid, Seen, load
from firmware_profiles.patterns import numbers, read_range, version_in

LETTERS = st.text("abX", min_size=1, max_size=4)
PATTERN = st.one_of(
    LETTERS, LETTERS.map(lambda text: text + "*"), LETTERS.map(lambda text: f"/{text}.*/"), st.just("/[abx]+/")
)
TEXTS = st.lists(PATTERN, max_size=2)
NUMBER = st.lists(st.integers(0, 3), min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))
RANGE = st.one_of(
    st.just(""),
    NUMBER.map(lambda v: f">={v}"),
    NUMBER.map(lambda v: f"<{v}"),
    NUMBER.map(lambda v: f"=={v}"),
    st.tuples(NUMBER, NUMBER).map(lambda vs: f">={vs[0]},<={vs[1]}"),
)
MATCH = st.fixed_dictionaries(
    {
        "vendor": TEXTS,
        "model": TEXTS,
        "firmware": st.lists(PATTERN, max_size=1),
        "version": RANGE,
        "id": st.lists(PATTERN, max_size=1),
        "protocol": st.sampled_from(["", "ocpp1.6", "ocpp2.0.1"]),
        "kind": st.sampled_from(["", "ac", "dc"]),
    }
)
SEEN = st.builds(
    Seen,
    vendor=st.one_of(st.none(), LETTERS),
    model=LETTERS,
    firmware=st.one_of(LETTERS, NUMBER.map(lambda v: f"fw {v}")),
    station_id=LETTERS,
    protocol=st.sampled_from(["", "ocpp1.6", "ocpp2.0.1"]),
    kind=st.sampled_from(["", "ac", "dc"]),
)


def made(name: str, match: dict[str, object]) -> FirmwareProfile:
    lines = [f"{key} = {value!r}" for key, value in match.items() if value]
    assume(can_be(str(match["version"])))
    return load(name, f'product = "P"\nsources = ["s"]\n[match]\n{chr(10).join(lines)}\n')


def can_be(version: str) -> bool:
    """Whether some version lies in the range."""
    try:
        return not version or bool(read_range(version))
    except ValueError:
        return False


@given(matches=st.lists(MATCH, min_size=1, max_size=4), less=MATCH, seen=SEEN)
def test_a_profile_that_says_less_never_changes_the_result(
    matches: list[dict[str, object]], less: dict[str, object], seen: Seen
) -> None:
    profiles = [made(f"p{number}", match) for number, match in enumerate(matches)]
    more = made("added", less)
    try:
        before, after = Book(profiles).find(seen), Book([*profiles, more]).find(seen)
    except ProfileInvalid:
        assume(False)
        return
    ranks = {one.name: one.rule.specificity(seen) for one in [*profiles, more]}
    if ranks["added"] is None or (before.name != "generic" and ranks["added"] < (ranks[before.name] or ())):
        assert after.name == before.name
    else:
        assert after.name == "added"


@given(one=MATCH, other=MATCH, seen=SEEN)
def test_two_that_were_let_in_never_tie(one: dict[str, object], other: dict[str, object], seen: Seen) -> None:
    first, second = made("one", one), made("two", other)
    mine, theirs = first.rule.specificity(seen), second.rule.specificity(seen)
    if mine is not None and mine == theirs:
        with pytest.raises(ProfileInvalid):
            Book([first, second])


@given(matches=st.lists(MATCH, min_size=2, max_size=4), seen=SEEN, data=st.data())
def test_the_order_of_the_files_does_not_matter(
    matches: list[dict[str, object]], seen: Seen, data: st.DataObject
) -> None:
    profiles = [made(f"p{number}", match) for number, match in enumerate(matches)]
    try:
        found = Book(profiles).find(seen)
    except ProfileInvalid:
        assume(False)
        return
    assert Book(data.draw(st.permutations(profiles))).find(seen).name == found.name


@given(low=NUMBER, high=NUMBER, version=NUMBER)
def test_a_range_holds_what_lies_between(low: str, high: str, version: str) -> None:
    assume(numbers(low) < numbers(high))
    inside = numbers(low) <= numbers(version) < numbers(high)
    assert read_range(f">={low},<{high}").holds(numbers(version)) is inside


@given(version=NUMBER, before=st.sampled_from(["", "V", "fw ", "A|V"]), after=st.sampled_from(["", "-12", "b", " x"]))
def test_the_version_is_found_in_the_text(version: str, before: str, after: str) -> None:
    assert version_in(before + version + after) == numbers(version)
