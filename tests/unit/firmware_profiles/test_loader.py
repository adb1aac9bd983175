"""Firmware profiles: found by what a boot says, refused when they claim what nobody published."""

from __future__ import annotations

import pytest

from firmware_profiles import ProfileInvalid, find, load, shipped
from firmware_profiles.loader import GENERIC


def test_every_shipped_file_is_valid_and_has_a_source() -> None:
    assert len(shipped()) >= 7
    assert all(profile.sources for profile in shipped())


@pytest.mark.parametrize(
    ("vendor", "model", "name"),
    [
        ("ABB", "CDT_TACW22::NET_WIFI", "abb-terra-ac"),
        ("VESTEL", "EVC04-AC22SW", "vestel-evc04"),
        ("", "ACChargePoint", "huawei-scharger"),
        ("Wall Box Chargers", "PLP1-0-2-4", "wallbox-pulsar-plus"),
        ("Nobody", "Nothing", "generic"),
    ],
)
def test_a_station_finds_its_profile(vendor: str, model: str, name: str) -> None:
    assert find(vendor, model, "1.0").name == name


def test_the_generic_profile_claims_nothing() -> None:
    limits = GENERIC.limits
    assert (limits.unit, limits.periods_max, limits.stack_level, limits.kind) == (None, None, None, None)


GOOD = 'sources = ["a#1"]\n[match]\nvendor = "V"\nmodel = "M"\n'


def test_limits_are_read() -> None:
    profile = load("x", GOOD + '[limits]\nunit = "A"\nperiods_max = 2\nreaction_s = 7\n')
    assert (profile.limits.unit, profile.limits.periods_max, profile.limits.reaction_s) == ("A", 2, 7)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nonsense", "x: "),
        ('[match]\nvendor = "V"\nmodel = "M"\n', "source"),
        (GOOD + '[limits]\nunit = "kW"\n', "unit"),
        (GOOD + "[limits]\nperiods_max = 0\n", "periods_max"),
        (GOOD + "[limits]\nspeed = 3\n", "speed"),
        ('sources = ["a"]\n[match]\nvendor = "("\nmodel = "M"\n', "regular expression"),
        ('sources = ["a"]\ngrade = "sure"\n[match]\nvendor = "V"\nmodel = "M"\n', "grade"),
        ('sources = ["a"]\n[match]\nvendor = "V"\n', "model"),
    ],
)
def test_a_bad_file_is_named(text: str, says: str) -> None:
    with pytest.raises(ProfileInvalid, match=says):
        load("x", text)
