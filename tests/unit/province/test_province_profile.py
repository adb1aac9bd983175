"""Profiles are data, checked at load; nothing about a platform is guessed."""

from __future__ import annotations

import pytest

from csms.province.profile import Kind, ProfileInvalid, build_profile, load_profile, shipped_profiles

STATES = {
    "tcec102-2016": "reconstructed",
    "supervision-2023": "reconstructed",
    "city-2019": "reconstructed",
    "shandong": "assumed",
    "qingdao": "assumed",
    "gbt44130": "stub",
}


def test_the_shipped_profiles() -> None:
    assert set(shipped_profiles()) == set(STATES)


@pytest.mark.parametrize(("profile_id", "state"), STATES.items())
def test_every_shipped_profile_loads_and_says_how_far_to_trust_it(profile_id: str, state: str) -> None:
    profile = load_profile(profile_id)
    assert (profile.id, profile.state) == (profile_id, state)
    assert profile.flagged == (state in ("assumed", "stub"))
    assert str(profile.zone) == "Asia/Shanghai"


def test_the_parents_of_the_assumed_ones() -> None:
    assert load_profile("shandong").extends == "supervision-2023"
    assert load_profile("qingdao").extends == "city-2019"


def test_wire_names_and_paths() -> None:
    base, zhejiang = load_profile("tcec102-2016"), load_profile("supervision-2023")
    assert base.path(Kind.STATION_STATUS) == "/evcs/v20160701/notification_stationStatus"
    assert zhejiang.path(Kind.CHARGE_ORDER) == "/evcs/v20160701/supervise_notification_charge_order_info"
    assert base.wire_name("ChargeOrder", "TotalServiceMoney") == "TotalSeviceMoney"
    assert zhejiang.wire_name("SupChargeOrder", "TotalServiceMoney") == "TotalServiceMoney"
    assert (base.wire_name("ChargeStatus", "Soc"), zhejiang.wire_name("SupChargeStatus", "Soc")) == ("Soc", "SOC")


def test_enumerations_of_the_province_go_further() -> None:
    assert 104 not in load_profile("tcec102-2016").enums["StationType"]
    assert load_profile("supervision-2023").enums["StationType"] >= {1, 50, 100, 103, 104, 106, 255}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"colour": "red"}, "colour"),
        ({"transport": {"retries": 3}}, "transport.retries"),
        ({"clock": {"replay_window_s": 0}}, "replay_window_s"),
        ({"state": "certain"}, "state"),
        ({"interfaces": {"weather": {"wire": "w", "host": "platform"}}}, "interfaces.weather"),
        ({"interfaces": {"charge_order": {"business_key": "Nothing"}}}, "Nothing"),
        ({"messages": {"ChargeOrder": {"X": {"type": "colour"}}}}, "ChargeOrder.X.type"),
        ({"messages": {"ChargeOrder": {"X": {"type": "int", "enum": "Colours"}}}}, "ChargeOrder.X"),
        ({"messages": {"ChargeOrder": {"X": {"type": "objects", "message": "Lost"}}}}, "ChargeOrder.X"),
        ({"enums": {"StationType": ["a"]}}, "invalid literal"),
        ({"retry": {"charge_order": {"delays_s": []}}}, "delays_s"),
        ({"extends": "atlantis"}, "atlantis"),
    ],
)
def test_a_faulty_profile_is_refused_by_name(change: dict[str, object], words: str) -> None:
    with pytest.raises(ProfileInvalid, match=words):
        build_profile({"id": "mine", "extends": "tcec102-2016", **change})


def test_a_profile_without_parents_must_be_whole() -> None:
    with pytest.raises(ProfileInvalid, match="messages"):
        build_profile({"id": "mine"})


def test_a_variant_replaces_only_its_ladders() -> None:
    beijing = load_profile("city-2019")
    other = load_profile("city-2019:v2")
    assert other.retry[Kind.CHARGE_ORDER].delays_s == (150, 300, 1800, 3600)
    assert other.retry[Kind.STATION_STATUS] == beijing.retry[Kind.STATION_STATUS]
    with pytest.raises(ProfileInvalid, match="v3"):
        beijing.with_variant("v3")
