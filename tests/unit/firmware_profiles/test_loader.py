"""Firmware profiles as files: each fact with its source, everything else refused with file and field."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from firmware_profiles import GENERIC, ProfileInvalid, book, load, shipped
from firmware_profiles.loader import GRADES, stated

HEAD = 'product = "P"\nsources = ["a/b#1"]\n'
GOOD = HEAD + '[match]\nvendor = "V"\n'
SOURCE = re.compile(
    r"[\w.-]+/[\w.-]+#\d+|[\w.-]+/[\w.-]+: .+|manual: .+|https://.+|user report|observed on the wire of .+"
)
PROFILES = pytest.mark.parametrize("profile", shipped(), ids=lambda profile: profile.name)


def test_every_row_of_the_public_record_has_a_file() -> None:
    assert len(shipped()) >= 80
    assert {profile.grade for profile in shipped()} <= set(GRADES)


@PROFILES
def test_a_shipped_profile_says_where_its_facts_come_from(profile) -> None:  # type: ignore[no-untyped-def]
    sources = [*profile.sources, *(text for _, _, given in stated(profile) for text in given)]
    sources += [text for note in profile.notes for text in note.sources]
    assert all(SOURCE.fullmatch(text) for text in sources), sources
    assert profile.grade == "generic" or profile.sources


@PROFILES
def test_a_maker_without_public_trace_claims_nothing(profile) -> None:  # type: ignore[no-untyped-def]
    if profile.unverified:
        assert (profile.grade, profile.facts, profile.match.assumed) == ("generic", {}, True)


def test_the_makers_without_public_trace_are_there() -> None:
    unverified = {profile.name for profile in shipped() if profile.unverified}
    assert unverified == {"teld", "starcharge-dc", "efacec-qc", "tritium-veefil", "xcharge", "siemens-sicharge"}


def test_the_generic_profile_claims_nothing() -> None:
    limits = GENERIC.limits
    assert (limits.unit, limits.periods_max, limits.stack_level, limits.kind) == (None, None, None, None)
    assert not GENERIC.facts


def test_a_fact_stands_with_its_own_source_or_with_those_of_the_file() -> None:
    text = GOOD + '[limits]\nunit = { value = "A", source = ["c/d#2", "c/d#3"] }\nperiods_max = 2\nreaction_s = 7\n'
    profile = load("x", text)
    assert (profile.limits.unit, profile.limits.periods_max, profile.limits.reaction_s) == ("A", 2, 7.0)
    assert profile.facts == {
        "limits.unit": ("c/d#2", "c/d#3"),
        "limits.periods_max": ("a/b#1",),
        "limits.reaction_s": ("a/b#1",),
    }
    assert profile.states("limits.unit")
    assert not profile.states("limits.kind")


def test_one_word_may_stand_for_a_list_and_a_whole_number_for_a_number() -> None:
    limits = load("x", GOOD + '[limits]\npurposes = "TxProfile"\nsteps_a = [6, 8]\n').limits
    assert (limits.purposes, limits.steps_a) == (("TxProfile",), (6.0, 8.0))


def test_a_table_of_texts_may_have_a_source() -> None:
    profile = load("x", GOOD + '[setup.keys]\nvalue = { A = "1" }\nsource = "c/d#2"\n')
    assert (profile.setup.keys, profile.facts["setup.keys"]) == ({"A": "1"}, ("c/d#2",))
    assert load("x", GOOD + '[setup]\nkeys = { A = "1" }\n').setup.keys == {"A": "1"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nonsense", "x: "),
        ('sources = ["a"]\n', "x: product is missing"),
        ('product = "P"\n[match]\nvendor = "V"\n', "x: a profile that is not generic names its sources"),
        (HEAD + 'speed = "high"\n', "x: unknown field speed"),
        (HEAD + 'grade = "sure"\n', "grade is one of"),
        (HEAD + "unverified = true\n", "unverified goes with grade generic"),
        (HEAD + 'grade = "generic"\nunverified = true\n[limits]\nstack_level = 0\n', "holds no facts"),
        (HEAD + 'sources = "twice"\n', "x: "),
        ('product = "P"\nsources = [""]\n', "sources: a source is a text"),
        ('product = "P"\nsources = 3\n', "sources: a source is a text"),
        (HEAD + f'notes = [{{ text = "{"n" * 301}", source = "a" }}]\n', "at most 300"),
        (HEAD + 'notes = [{ text = "n" }]\n', "notes: each has text and source"),
        (HEAD + 'extends = "nobody"\n', "extends 'nobody'"),
        (HEAD + 'limits = "none"\n', "limits is a table"),
        (GOOD + "[limits]\nspeed = 3\n", "unknown field limits.speed"),
        (GOOD + '[limits]\nunit = "kW"\n', "limits.unit is one of A, W, not 'kW'"),
        (GOOD + "[limits]\nunit = 3\n", "limits.unit is a text"),
        (GOOD + '[limits]\nperiods_max = "2"\n', "limits.periods_max is a whole number"),
        (GOOD + "[limits]\nperiods_max = true\n", "limits.periods_max is a whole number"),
        (GOOD + "[limits]\nperiods_max = 0\n", "limits.periods_max is at least 1"),
        (GOOD + "[limits]\nstation_only = 1\n", "limits.station_only is true or false"),
        (GOOD + '[limits]\npurposes = ["Tx"]\n', "limits.purposes is one of"),
        (GOOD + '[limits]\npurposes = ["TxProfile", "TxProfile"]\n', "each once"),
        (GOOD + "[limits]\nsteps_a = [8, 6]\n", "limits.steps_a rises"),
        (GOOD + "[limits]\nfloor_a = 501\n", "limits.floor_a is at most 500"),
        (GOOD + '[limits]\nstatic_unit = "mA"\n', "goes with limits.static_key"),
        (
            GOOD + '[limits]\nrefusal = "error"\n[rpc]\nrefuses = { Reset = "no way" }\n',
            "rpc.refuses.Reset is a status",
        ),
        (HEAD + '[match]\nvendor = "V"\nversion_from = "a"\n', "version_from goes with"),
        (GOOD + "[limits]\nstack_level = { value = 0, sauce = 1 }\n", "value and source, not sauce"),
        (GOOD + "[setup]\nkeys = 3\n", "setup.keys is a table"),
        (GOOD + "[setup]\nkeys = { A = 1 }\n", "setup.keys.A is a text"),
        ('product = "P"\ngrade = "generic"\n[limits]\nstack_level = 0\n', "limits.stack_level has no source"),
        (HEAD + '[match]\nvendor = "/(/"\n', "match.vendor: .* no regular expression"),
        (HEAD + '[match]\nvendor = "*"\n', "match.vendor: .* leave the field out"),
        (HEAD + '[match]\nversion = "five"\n', "match.version: 'five' is no range"),
        (HEAD + '[match]\nversion = ">6,<5"\n', "no version lies in"),
        (HEAD + '[match]\nversion = ">6"\nversion_from = "("\n', "match.version: .* no regular expression"),
    ],
)
def test_a_bad_file_is_refused_with_file_and_field(text: str, says: str) -> None:
    with pytest.raises(ProfileInvalid, match=says) as fault:
        load("x", text)
    assert str(fault.value).startswith("x: ")


BASE = GOOD + 'notes = []\n[limits]\nunit = "A"\nstack_level = { value = 0, source = "base/fact#1" }\n'.replace(
    "notes = []\n", ""
)


def folder(path: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (path / f"{name}.toml").write_text(text, encoding="utf-8")
    return path


def test_a_profile_extends_another_and_goes_first(tmp_path: Path) -> None:
    base = 'product = "B"\nsources = ["base/b#1"]\nnotes = [{ text = "old", source = "base/b#9" }]\n'
    base += '[match]\nvendor = "V"\n[limits]\nunit = "A"\nstack_level = { value = 0, source = "base/fact#1" }\n'
    newer = HEAD + 'extends = "old"\nnotes = [{ text = "new", source = "a/b#2" }]\n'
    newer += '[match]\nvendor = "V"\nversion = ">=2"\n[limits]\nunit = "W"\n'
    found = book(folder(tmp_path, old=base, new=newer)).named("new")
    assert found is not None
    assert (found.limits.unit, found.limits.stack_level, found.product) == ("W", 0, "P")
    assert found.facts == {"limits.unit": ("a/b#1",), "limits.stack_level": ("base/fact#1",)}
    assert [note.text for note in found.notes] == ["new", "old"]


def test_what_is_taken_over_keeps_the_sources_of_its_own_file(tmp_path: Path) -> None:
    newer = HEAD + 'extends = "old"\n[match]\nvendor = "W"\n'
    found = book(folder(tmp_path, old=GOOD.replace("a/b#1", "base/b#1") + '[limits]\nunit = "A"\n', new=newer))
    assert [p.facts for p in found.own if p.name == "new"] == [{"limits.unit": ("base/b#1",)}]


def test_profiles_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    one, two = (HEAD + f'extends = "{name}"\n' for name in ("two", "one"))
    with pytest.raises(ProfileInvalid, match="extends"):
        book(folder(tmp_path, one=one, two=two))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ProfileInvalid, match="x: "):
        book(tmp_path)
