"""Areas by box and boundary: what is inside, what is near, and what cannot be read."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.siting.area import AreaBroken
from monitor.siting.bounds import boundary, bounded, box
from monitor.siting.market import market_of
from tests.support.siting_city import EAST, NORTH

SQUARE = [[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0], [0.0, 0.0]]
HOLE = [[1.0, 1.0], [2.0, 1.0], [2.0, 2.0], [1.0, 2.0], [1.0, 1.0]]


def test_polygons_with_holes_and_several_of_them() -> None:
    shape = {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [SQUARE, HOLE]}},
            {
                "type": "Feature",
                "properties": {},
                "geometry": {"type": "MultiPolygon", "coordinates": [[[[9, 9], [10, 9], [10, 10]]]]},
            },
        ],
    }
    found = boundary(json.dumps(shape), "x")
    places = np.array([(0.5, 0.5), (1.5, 1.5), (3.0, 1.5), (9.8, 9.5), (5.0, 1.0), (-0.01, 2.0)])
    assert found.inside(*places.T).tolist() == [True, False, True, True, False, False]
    assert found.near(*places.T, reach_km=2.0).tolist() == [True, False, True, True, False, True]


@settings(max_examples=60, deadline=None)
@given(st.floats(-179, 170), st.floats(-80, 80), st.floats(0.01, 5), st.floats(0.01, 5), st.integers(0, 1000))
def test_a_box_is_what_lies_between_its_sides(west: float, south: float, wide: float, high: float, seed: int) -> None:
    found = box(f"{west},{south},{west + wide},{south + high}")
    rng = np.random.default_rng(seed)
    east, north = rng.uniform(west - 1, west + wide + 1, 50), rng.uniform(south - 1, south + high + 1, 50)
    within = (east > west) & (east < west + wide) & (north > south) & (north < south + high)
    assert (found.inside(east, north) == within).all()
    assert (found.near(east, north, 0.0) >= within).all()


@pytest.mark.parametrize("words", ["1,2,3", "a,b,c,d", "3,2,1,4", "0,0,0,1", "0,-95,1,1"])
def test_a_box_that_is_none(words: str) -> None:
    with pytest.raises(AreaBroken, match="west,south,east,north"):
        box(words)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}',
                                  '{"type": "Polygon", "coordinates": [[["x", 0], [1, 1], [1, 2], [0, 0]]]}',
                                  '{"type": "Point", "coordinates": [0, 0]}'])  # fmt: skip
def test_a_boundary_that_is_none(text: str) -> None:
    with pytest.raises(AreaBroken):
        boundary(text, "x")


def test_cells_lie_inside_and_sites_near_it_compete(make_area) -> None:  # type: ignore[no-untyped-def]
    area = make_area()
    part = bounded(area, box(f"{EAST - 0.05},{NORTH - 0.05},{EAST + 0.05},{NORTH + 0.05}"))
    inside = part.bounds.inside(part.sites.longitude, part.sites.latitude)
    assert inside.sum() < len(part.sites) < len(area.sites)
    market = market_of(part, 25.0)
    longitude, latitude = (np.array(one) for one in zip(*(middle(cell) for cell in market.cells), strict=True))
    assert part.bounds.inside(longitude, latitude).all()
    assert market.piles.sum() == pytest.approx(part.sites.piles[inside].sum(), rel=0.25), "but for cells at the edge"
    assert market.demand.sum() < 0.7 * market_of(area, 25.0).demand.sum()
    with pytest.raises(AreaBroken, match="none lies in"):
        bounded(area, box("0,0,1,1"))


def middle(cell: str) -> tuple[float, float]:
    import h3

    north, east = h3.cell_to_latlng(cell)
    return east, north
