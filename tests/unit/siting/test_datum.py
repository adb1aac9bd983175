"""Shifted coordinates are noticed by where sites stand among points, and brought back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from csms.province.mapping import gcj02
from monitor.siting import datum
from monitor.siting.area import Area
from tests.support.shared_data import shared_folder


def _beside_points(area: Area) -> Area:
    """The area with each site some 30 m from a point."""
    rows = np.arange(len(area.sites)) * 3
    sites = replace(area.sites, longitude=area.longitude[rows] + 3e-4, latitude=area.latitude[rows])
    return replace(area, sites=sites)


def test_gcj02_is_undone_to_a_decimetre() -> None:
    for longitude, latitude in ((119.5, 35.4), (114.06, 22.54), (87.6, 43.8)):
        assert datum.from_gcj02(*gcj02(longitude, latitude)) == pytest.approx((longitude, latitude), abs=2e-6)


def test_outside_china_nothing_moves() -> None:
    assert datum.from_gcj02(144.9, -37.8) == (144.9, -37.8)


def test_sites_of_a_shifted_map_are_noticed(make_area: Callable[..., Area]) -> None:
    true = _beside_points(make_area())
    places = np.array([gcj02(*place) for place in true.sites.degrees.tolist()])
    shifted = replace(true, sites=replace(true.sites, longitude=places[:, 0], latitude=places[:, 1]))
    assert datum.likeliest(true).chosen == "wgs84"
    fit = datum.likeliest(shifted)
    assert fit.chosen == "gcj02"
    back = datum.moved(shifted, fit.chosen)
    assert back.sites.degrees == pytest.approx(true.sites.degrees, abs=2e-6)


def test_without_points_the_coordinates_are_believed(make_area: Callable[..., Area]) -> None:
    area = make_area()
    assert datum.likeliest(replace(area, longitude=np.empty(0), latitude=np.empty(0))).chosen == "wgs84"


def test_shenzhen_is_gcj02() -> None:
    """Its table does not say so; twelve standard errors do."""
    from monitor.siting.folder import read_area

    fit = datum.likeliest(read_area(shared_folder("charged/SZH")))
    assert fit.chosen == "gcj02"
    assert fit.errors["gcj02"] > 8.0
    assert fit.median_km["gcj02"] < 0.75 * fit.median_km["wgs84"]
