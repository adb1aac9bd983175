"""A second city by the same code: Hamburg's public chargers, busy hours instead of energy, counts of points of interest
around each site instead of the points (Adenaw and Krapf 2022).
"""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter, defaultdict
from math import asin, atan2, cos, degrees, log, radians, sin, sqrt
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from csms.texts import catalogue
from monitor.siting.console import build
from monitor.siting.folder import read_area
from tests.support.shared_data import shared_folder
from tests.support.siting_city import HEAD, write

A_M, FLATNESS = 6378137.0, 1 / 298.257222101
ECCENTRICITY = sqrt(FLATNESS * (2 - FLATNESS))
HOURS = 24.0 * 25
"""8 February to 3 March 2020."""
AC_KW = 11.0
"""No energy is told: hours times one power, so that ranks and R² of the log are those of busy hours."""


def authalic(sine: float) -> float:
    """q of Snyder, Map Projections: A Working Manual, 3-12."""
    e = ECCENTRICITY
    return (1 - e * e) * (sine / (1 - (e * sine) ** 2) - log((1 - e * sine) / (1 + e * sine)) / (2 * e))


def from_3035(east: float, north: float) -> tuple[float, float]:
    """Longitude and latitude of ETRS89-LAEA: equal area about 52° N, 10° E (Snyder 24-17 to 24-30)."""
    q_pole, middle = authalic(1.0), radians(52.0)
    beta = asin(authalic(sin(middle)) / q_pole)
    radius = A_M * sqrt(q_pole / 2)
    d = A_M * cos(middle) / sqrt(1 - (ECCENTRICITY * sin(middle)) ** 2) / (radius * cos(beta))
    x, y = east - 4321000.0, north - 3210000.0
    rho = sqrt((x / d) ** 2 + (d * y) ** 2)
    c = 2 * asin(rho / (2 * radius))
    sine = cos(c) * sin(beta) + d * y * sin(c) * cos(beta) / rho
    across = d * rho * cos(beta) * cos(c) - d * d * y * sin(beta) * sin(c)
    b, e2 = asin(sine), ECCENTRICITY**2
    latitude = (
        b
        + (e2 / 3 + 31 * e2**2 / 180 + 517 * e2**3 / 5040) * sin(2 * b)
        + (23 * e2**2 / 360 + 251 * e2**3 / 3780) * sin(4 * b)
        + 761 * e2**3 / 45360 * sin(6 * b)
    )
    return 10.0 + degrees(atan2(x * sin(c), across)), degrees(latitude)


def test_the_projection_by_a_worked_point() -> None:
    """EPSG guidance note 7-2: 3962799.45 E, 2999718.85 N is 5° E, 50° N."""
    assert from_3035(3962799.45, 2999718.85) == (pytest.approx(5.0, abs=1e-7), pytest.approx(50.0, abs=1e-7))


@pytest.fixture(scope="module")
def hamburg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source, folder = shared_folder("hamburg"), tmp_path_factory.mktemp("hamburg")
    with gzip.open(source / "charging_processes.csv.gz", "rt", encoding="utf-8") as file:
        stays = list(csv.DictReader(file))
    with gzip.open(source / "charging_sites.geojson.gz", "rt", encoding="utf-8") as file:
        sites = json.load(file)["features"]
    chargers: dict[str, set[str]] = defaultdict(set)
    busy_h: Counter[str] = Counter()
    for one in stays:
        chargers[one["location_id"]].add(one["charger_id"])
        busy_h[one["location_id"]] += float(one["duration"]) / 3600.0  # type: ignore[assignment]
    counts = sorted(name for name in sites[0]["properties"] if "_poi_num_" in name)
    rows = []
    for site in sites:
        name, told = str(site["properties"]["location_id"]), site["properties"]
        place = from_3035(*site["geometry"]["coordinates"])
        plugs, hours = max(len(chargers[name]), 1), busy_h[name]
        rows.append((name, *place, plugs, hours, hours * AC_KW, AC_KW, plugs, *(told[count] for count in counts)))
    write(folder / "stations.csv", (*HEAD, "plugs", *(f"around_{count}" for count in counts)), rows)
    moments = ((one["location_id"], one["start_time"], one["end_time"], "") for one in stays)
    write(folder / "sessions.csv", ("station_id", "start", "end", "energy_kwh"), moments)
    return folder


def test_the_folder_is_read(hamburg: Path) -> None:
    area = read_area(hamburg, HOURS)
    assert len(area.sites) == 399
    assert area.sites.counted.shape == (399, 70)
    assert ((area.sites.longitude > 9.5) & (area.sites.longitude < 10.5)).all()
    assert ((area.sites.latitude > 53.3) & (area.sites.latitude < 53.8)).all()
    assert (area.sites.full_h <= area.span_h).all()


def test_what_is_told_of_hamburg_is_told_with_its_skill(hamburg: Path) -> None:
    words = ["evaluate", str(hamburg), "--span-hours", str(HOURS), "--repeats", "1", "--json"]
    done = CliRunner().invoke(build(catalogue("en")), words)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    blocks = found["scores"]["blocks"]
    assert 0.84 <= blocks["chosen"]["coverage"] <= 0.95
    for name in ("mean", "heat_map"):
        assert blocks["chosen"]["r2"]["value"] > blocks[name]["r2"]["value"] + 0.05
        assert blocks["chosen"]["spearman"]["value"] > blocks[name]["spearman"]["value"] + 0.05
    assert found["verdict"] == "skill"
