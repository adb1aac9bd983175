"""Sites on the map: in which colour, with which words; and which files are outlines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from csms.texts import catalogue
from monitor.dashboard.web.drivers.offers import Offer, Outlets
from monitor.dashboard.web.outline import BYTES_MAX, OutlineUnusable, read_outline
from monitor.dashboard.web.palette import FAMILIES
from monitor.dashboard.web.places import BY_URGENCY, neighbour_places, site_family, site_places

TEXT = catalogue("en")


def station(name: str, *states: str, online: bool = True) -> dict:
    evses = [{"evse_id": place, "status": state} for place, state in enumerate(states, 1)]
    return {"station_id": name, "online": online, "evses": evses}


def site(name: str, *stations: str, longitude: float | None = 119.5) -> dict:
    latitude = None if longitude is None else 35.4
    return {"site_id": name, "name": name, "longitude": longitude, "latitude": latitude, "stations": list(stations)}


def test_every_family_has_its_turn() -> None:
    assert set(BY_URGENCY) | {"unknown"} == set(FAMILIES)


def test_a_site_shows_what_needs_somebody_first() -> None:
    charging, broken, away = station("A", "Charging"), station("B", "Faulted"), station("C", "Available", online=False)
    assert site_family([charging, broken, away]) == "faulted"
    assert site_family([charging, away]) == "charging"
    assert site_family([away]) == "offline"
    assert site_family([]) == "unknown"


def test_marks_tell_how_many_are_in_which_state() -> None:
    rows = [station("A", "Charging", "Available"), station("B", "Available")]
    (mark,) = site_places(TEXT, [site("a/b", "A", "B", "gone"), site("lost", longitude=None)], rows)
    assert (mark["family"], mark["letter"], mark["lng"], mark["lat"]) == ("charging", "C", 119.5, 35.4)
    assert mark["title"] == "a/b · charging 1, available 2"
    assert mark["href"] == "/stations?find=a%2Fb"


@pytest.mark.parametrize(
    ("outlets", "family"),
    [
        (Outlets("dc", 60_000, 3, 1, 2), "available"),
        (Outlets("dc", 60_000, 3, 0, 2), "occupied"),
        (Outlets("dc", 60_000, 3, 0, 3), "unavailable"),
        (Outlets("dc", 60_000, 3, None), "unknown"),
    ],
)
def test_a_partner_s_station_shows_what_was_told_last(outlets: Outlets, family: str) -> None:
    offer = Offer("1/S", "Harbour", "Quay", "", (119.5, 35.4), (outlets,))
    lost = Offer("1/T", "Harbour", "Nowhere", "", None, (outlets,))
    (mark,) = neighbour_places(TEXT, [offer, lost])
    assert (mark["family"], mark["id"], mark["lat"]) == (family, "1/S", 35.4)
    assert mark["title"] == f"Quay · Harbour · {outlets.free or 0} of 3 free"


def test_an_outline_is_geojson_with_areas_or_lines(tmp_path: Path) -> None:
    good = tmp_path / "outline.json"
    good.write_text(json.dumps({"type": "FeatureCollection", "features": []}))
    assert json.loads(read_outline(good)) == {"type": "FeatureCollection", "features": []}


@pytest.mark.parametrize("words", ["", "[]", "{", '{"type": "Point", "coordinates": [1, 2]}', "\xff"])
def test_another_file_is_refused_with_its_name(tmp_path: Path, words: str) -> None:
    bad = tmp_path / "outline.json"
    bad.write_bytes(words.encode("latin-1"))
    with pytest.raises(OutlineUnusable, match=r"outline\.json"):
        read_outline(bad)


def test_a_file_that_is_missing_or_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutlineUnusable, match="none"):
        read_outline(tmp_path / "none.json")
    large = tmp_path / "large.json"
    large.write_text('{"type": "Feature", "x": "' + "y" * BYTES_MAX + '"}')
    with pytest.raises(OutlineUnusable, match="MB"):
        read_outline(large)
