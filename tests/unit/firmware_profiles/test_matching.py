"""Which profile is about a station: what says most of it, the user's own first, ties refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_profiles import Book, FirmwareProfile, ProfileInvalid, Seen, book, find, load, shipped, shipped_book, use


def profile(name: str, match: str) -> FirmwareProfile:
    return load(name, f'product = "P"\nsources = ["a/b#1"]\n[match]\n{match}\n')


@pytest.mark.parametrize(
    ("vendor", "model", "firmware", "name"),
    [
        ("ABB", "CDT_TACW22::NET_WIFI", "TAC3Z9119006710273::V1.8.21", "abb-terra-ac-fw1.8.21"),
        ("ABB", "CDT_TACW22::NET_WIFI", "TAC3Z9119006710273::V1.8.32", "abb-terra-ac"),
        ("ABB", "CDT_TACW22::NET_WIFI", "", "abb-terra-ac"),
        ("ABB", "MD_TERRA_53", "4.0.4.22", "abb-terra-53"),
        ("ABB", "MD_TERRA_54", "4.0.4.22", "abb-terra-dc"),
        ("VESTEL", "EVC04-AC22SW", "", "vestel-evc04"),
        ("vestel", "evc04", "", "vestel-evc04"),
        ("", "ACChargePoint", "", "huawei-scharger"),
        ("Wall Box Chargers", "PLP1-0-2-4", "6.7.38", "wallbox-pulsar-plus"),
        ("Wall Box Chargers", "PLP1-0-2-4", "5.17.87", "wallbox-pulsar-plus-fw5.17.87"),
        ("Alfen BV", "NG910-60005", "5.8.1-4123", "alfen-eve-fw5.8"),
        ("Alfen BV", "NG910-60005", "6.0.0", "alfen-eve"),
        ("Autel", "MaxiChargerAC", "PFA0102|V0.00.00|V1.38.00||2.4.3.0", "autel-maxicharger-ac-fw1.50"),
        ("Autel", "MaxiChargerAC", "PFA0102|V0.00.00|V1.51.00||2.4.3.0", "autel-maxicharger-ac"),
        ("go-e", "go-eCharger_V4", "055.5", "go-e"),
        ("go-e", "go-eCharger_V4", "056.2", "go-e-fw56.2"),
        ("Heidelberg", "connect.solar", "5.0.9", "heidelberg-connect-before-5.1"),
        ("Heidelberg", "connect.solar", "5.10.0", "heidelberg-connect"),
        ("United Chargers", "any", "3.09.0", "grizzl-e-fw3.09"),
        ("United Chargers", "any", "3.10", "grizzl-e-fw3"),
        ("United Chargers", "any", "5.621", "grizzl-e-smart"),
        ("Phoenix Contact GmbH & Co. KG", "EV-CC-AC1-M3", "1.9.0", "phoenix-charx"),
        ("TELD", "anything", "", "teld"),
        ("Nobody", "Nothing", "1.0", "generic"),
    ],
)
def test_a_station_finds_its_profile(vendor: str, model: str, firmware: str, name: str) -> None:
    assert find(vendor, model, firmware).name == name


def test_the_protocol_and_the_kind_tell_generic_ones_apart() -> None:
    assert find("N", "N", protocol="ocpp1.6", kind="dc").name == "generic-dc-1.6"
    assert find("N", "N", protocol="ocpp2.1", kind="ac").name == "generic-ac-2.1"
    assert find("FoxESS", "A022KP1", protocol="ocpp2.0.1").name == "foxess-a022kp1-2.0.1"
    assert find("FoxESS", "A022KP1", protocol="ocpp1.6", kind="ac").name == "foxess-a022kp1"


@pytest.mark.parametrize(
    ("station_id", "name"),
    [("GRS-123", "grizzl-e-smart"), ("EVB-P1", "evbox-elvi"), ("XGJ0000", "growatt-thor"), ("SN1005", "en-plus-ac"),
     ("ABL_1", "abl-emh"), ("GPN1", "zaptec-go2"), ("12345678901234", "injet-sonic"), ("CP-1", "generic")],
)  # fmt: skip
def test_before_the_boot_only_the_id_tells(station_id: str, name: str) -> None:
    assert find(None, station_id=station_id).name == name


def test_after_the_boot_an_id_overrules_no_name() -> None:
    assert find("Somebody", "Else", station_id="12345678901234").name == "generic"
    by_id_alone = Book([profile("x", 'id = "Q*"')])
    assert by_id_alone.find(Seen("Somebody", "Else", station_id="Q1")).name == "x"
    assert by_id_alone.find(Seen(None, station_id="Q1")).name == "x"


def test_a_profile_that_asks_for_nothing_is_found_by_name_only() -> None:
    assert shipped_book().named("unnamed-dc") is not None
    assert find("N", "N").name == "generic"
    Book([profile("x", ""), profile("y", "")])  # and never ties


TOLD_BY_BOOT = [one for one in shipped() if one.match.vendor or one.match.model]


@pytest.mark.parametrize("one", TOLD_BY_BOOT, ids=lambda one: one.name)
def test_a_pile_that_says_what_the_profile_shows_finds_that_profile(one: FirmwareProfile) -> None:
    boot, match = one.boot, one.match
    vendor = boot.vendor or match.vendor[0].removesuffix("*")
    model = boot.model or (match.model[0].removesuffix("*") if match.model else "")
    seen = Seen("" if boot.empty_vendor else vendor, model, boot.firmware, "S1", match.protocol, match.kind)
    assert shipped_book().find(seen).name == one.name


ORDER = [
    'vendor = "V"\nmodel = "Model 7"\nfirmware = "1.2"',
    'vendor = "V"\nmodel = "Model 7"\nversion = "==1.2"',
    'vendor = "V"\nmodel = "Model 7"\nversion = ">=1,<2"',
    'vendor = "V"\nmodel = "Model 7"\nversion = ">=1"',
    'vendor = "V"\nmodel = "Model 7"\nprotocol = "ocpp1.6"',
    'vendor = "V"\nmodel = "Model 7"\nkind = "ac"',
    'vendor = "V"\nmodel = "Model 7"',
    'vendor = "V"\nmodel = "Model*"',
    'vendor = "V"\nmodel = "Mod*"',
    'vendor = "V"\nmodel = "/M.*/"',
    'vendor = "V"',
    'vendor = "V*"',
    'vendor = "/V|W/"\nmodel = "Model 7"',
    'model = "Model 7"',
    'protocol = "ocpp1.6"',
    'kind = "ac"',
]
"""From the one that says most to the one that says least; all are about the same station."""
STATION = Seen("V", "Model 7", "1.2", "S-1", "ocpp1.6", "ac")


def test_the_order_of_what_says_more() -> None:
    profiles = [profile(f"p{number:02}", match) for number, match in enumerate(ORDER)]
    ranked = Book(list(reversed(profiles))).fitting(STATION)
    assert [one.name for one in ranked] == [one.name for one in profiles]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('vendor = "V"', 'vendor = "v"'),
        ('vendor = ["A", "V"]', 'vendor = ["V", "B"]'),
        ('vendor = "V*"', 'vendor = "V*"'),
        ('vendor = "/A.*/"', 'vendor = "/B.*/"'),
        ('vendor = "V"\nversion = ">=1,<3"', 'vendor = "V"\nversion = ">=2,<4"'),
        ('vendor = "V"\nversion = ">=1"', 'vendor = "V"\nversion = "<9"'),
        ('vendor = "V"\nversion = ">=1,<3"', "vendor = 'V'\nversion = '>=5,<6'\nversion_from = 'r([0-9]+)'"),
        ('vendor = "V"\nid = "S*"', 'vendor = "W"\nid = "S*"'),
        ('protocol = "ocpp1.6"', 'protocol = "ocpp1.6"'),
    ],
)
def test_two_that_could_tie_are_refused(one: str, other: str) -> None:
    with pytest.raises(ProfileInvalid, match="one and other"):
        Book([profile("one", one), profile("other", other)])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('vendor = "V"', 'vendor = "V*"'),
        ('vendor = "V*"', 'vendor = "VW*"'),
        ('vendor = "V"\nmodel = "/A.*/"', 'vendor = "W"\nmodel = "/A.*/"'),
        ('vendor = "V"\nversion = ">=1,<2"', 'vendor = "V"\nversion = ">=2,<4"'),
        ('vendor = "V"\nversion = "<=2"', 'vendor = "V"\nversion = ">2"'),
        ('vendor = "V"\nprotocol = "ocpp1.6"', 'vendor = "V"\nprotocol = "ocpp2.0.1"'),
        ('vendor = "V"\nid = "S*"', 'vendor = "W"'),
    ],
)
def test_two_that_cannot_tie_live_together(one: str, other: str) -> None:
    Book([profile("one", one), profile("other", other)])


def own(path: Path, name: str, text: str) -> Path:
    (path / f"{name}.toml").write_text(text, encoding="utf-8")
    return path


def test_the_users_own_goes_first(tmp_path: Path) -> None:
    text = 'product = "Mine"\nsources = ["probe"]\n[match]\nvendor = "VESTEL"\nmodel = "EVC04*"\n[limits]\nunit = "W"\n'
    mine = book(own(tmp_path, "mine", text))
    assert mine.find(Seen("VESTEL", "EVC04-AC22SW")).name == "mine"
    assert [one.name for one in mine.fitting(Seen("VESTEL", "EVC04-AC22SW"))] == ["mine", "vestel-evc04"]
    assert mine.find(Seen("Wall Box Chargers", "PLP1-1")).name == "wallbox-pulsar-plus"


def test_the_users_own_replaces_a_shipped_one_of_its_name(tmp_path: Path) -> None:
    text = 'product = "Mine"\nsources = ["probe"]\n[match]\nvendor = "VESTEL"\n'
    mine = book(own(tmp_path, "vestel-evc04", text))
    assert [one.product for one in mine.profiles if one.name == "vestel-evc04"] == ["Mine"]


def test_the_users_own_may_extend_a_shipped_one(tmp_path: Path) -> None:
    text = 'product = "Mine"\nsources = ["probe"]\nextends = "vestel-evc04"\n[match]\nvendor = "VESTEL"\nmodel = "X"\n'
    found = book(own(tmp_path, "mine", text)).find(Seen("VESTEL", "X"))
    assert (found.name, found.limits.periods_max) == ("mine", 5)


def test_a_folder_that_is_not_there_is_an_empty_one(tmp_path: Path) -> None:
    assert book(tmp_path / "none") is shipped_book()
    assert book(None) is shipped_book()


def test_the_book_in_use_is_chosen_once(tmp_path: Path) -> None:
    text = 'product = "Mine"\nsources = ["probe"]\n[match]\nvendor = "Q"\n'
    try:
        use(book(own(tmp_path, "mine", text)))
        assert find("Q", "").name == "mine"
    finally:
        use(None)
    assert find("Q", "").name == "generic"
