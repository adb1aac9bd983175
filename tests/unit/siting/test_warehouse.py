"""An area from a warehouse: own sites and those of partners, in their places, with what they did; what is missing is
said; few users and new sites tell nothing.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from csms.province import strict_json
from csms.province.mapping import gcj02
from csms.texts import catalogue
from monitor.evidence.documents import record_bytes
from monitor.siting.area import AreaBroken
from monitor.siting.console import build
from monitor.siting.partners import places_of
from monitor.siting.warehouse import Place, read_warehouse
from monitor.store.intake import open_intake
from monitor.store.messages import Call, Message, Standing
from monitor.warehouse.files import Files
from tests.support.siting_city import degrees, write_city

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 60
OPERATOR = "123456789"
KEYS = dict.fromkeys(("operator_secret", "data_secret", "data_secret_iv", "sig_secret"), "1234567890abcdef")
PARTNERS = f'[[partners]]\noperator_id = "{OPERATOR}"\n' + "".join(
    f'{name} = "{value}"\n' for name, value in KEYS.items()
)


class House:
    """A warehouse being written."""

    def __init__(self, folder: Path) -> None:
        self.files, self.folder = Files(folder), folder
        self.sites: list[dict[str, Any]] = []
        self.stations: list[dict[str, Any]] = []
        self.sessions: dict[date, list[dict[str, Any]]] = {}
        self.orders: dict[date, list[dict[str, Any]]] = {}
        self.number = 0

    def site(self, name: str, longitude: float | None, latitude: float | None, stations: int = 1) -> None:
        self.sites.append({"site_id": name, "name": name, "longitude": longitude, "latitude": latitude})
        self.stations += [{"station_id": f"{name}-{n}", "site_id": name} for n in range(stations)]

    def session(self, station: str, at_h: float, hours: float, kwh: float, user: str | None) -> None:
        self.number += 1
        begin = BEGIN + timedelta(hours=at_h)
        self.sessions.setdefault(begin.date(), []).append(
            {"session_id": self.number, "station_id": station, "evse_id": 1, "started_at": begin,
             "ended_at": begin + timedelta(hours=hours), "energy_wh": 1000.0 * kwh, "user_hash": user}
        )  # fmt: skip

    def order(self, connector: str, at_h: float, hours: float, kwh: float, **more: Any) -> None:
        self.number += 1
        begin = BEGIN + timedelta(hours=at_h)
        self.orders.setdefault(begin.date(), []).append(
            {"operator_id": OPERATOR, "order_id": str(self.number), "source": "platform", "station_id": "",
             "connector_id": connector, "started_at": begin, "ended_at": begin + timedelta(hours=hours),
             "energy_wh": 1000.0 * kwh, "doubted": "", "repeated": False} | more
        )  # fmt: skip

    def write(self) -> Path:
        evses = [
            {"station_id": one["station_id"], "evse_id": 1, "kind": "dc", "power_max_w": 60_000}
            for one in self.stations
        ]
        for name, rows in (("dim_site", self.sites), ("dim_station", self.stations), ("dim_evse", evses)):
            self.files.put_dimension(name, rows)
        for fact, days in (("fact_session", self.sessions), ("fact_order", self.orders)):
            for day, rows in days.items():
                self.files.put_rows(fact, day, rows)
        return self.folder


def busy(house: House, station: str, kwh: float, count: int = 12, users: int = 6, first_h: float = 0.0) -> None:
    """So many sessions of an hour each, evenly over the rest of the span."""
    for n in range(count):
        at_h = first_h + n * (24.0 * DAYS - first_h - 2.0) / count
        house.session(station, at_h, 1.0, kwh / count, f"{station}-u{n % users}")


def test_what_sites_did_is_read_and_scaled_to_the_span(tmp_path: Path) -> None:
    house = House(tmp_path / "w")
    for n, name in enumerate(("old", "later", "few", "young", "idle")):
        house.site(name, 119.5 + 0.01 * n, 35.4)
    house.site("lost", None, None)
    busy(house, "old-0", 600.0)
    house.session("old-0", 24.0 * DAYS - 1.0, 1.0, 0.0, "old-0-u0")
    busy(house, "later-0", 300.0, first_h=24.0 * 30)
    busy(house, "few-0", 900.0, users=4)
    busy(house, "young-0", 50.0, first_h=24.0 * (DAYS - 10))
    area = read_warehouse(house.write())
    assert list(area.sites.names) == ["old", "later", "few", "young", "idle"]
    assert area.span_h == pytest.approx(24.0 * DAYS)
    assert area.sites.energy_kwh[0] == pytest.approx(600.0)
    assert area.sites.energy_kwh[1] == pytest.approx(600.0, rel=0.01), "half the time, half the energy"
    assert area.sites.energy_kwh[2:].tolist() == [0.0, 0.0, 0.0]
    assert area.sites.withheld is not None
    assert area.sites.withheld.tolist() == [False, False, True, True, False]
    assert area.sites.full_h[2] == area.span_h, "time in which nothing was seen is no exposure"
    assert (area.notes["few_users"], area.notes["young"], area.notes["newer"]) == (1, 1, 2)
    assert (area.notes["without_place"], area.notes["unused"]) == (1, 1)
    assert area.hourly is not None
    assert area.hourly.sum() == pytest.approx(1.0)


def test_clocks_that_are_wrong_stretch_no_span(tmp_path: Path) -> None:
    """Sessions of 1970 and of the year after next, and one of six weeks, are no part of the year that is looked at."""
    house = House(tmp_path / "w")
    house.site("S", 119.5, 35.4)
    busy(house, "S-0", 600.0)
    house.session("S-0", -24.0 * 20_000, 1.0, 50.0, "u")
    house.session("S-0", 24.0 * 700, 1.0, 50.0, "u")
    house.session("S-0", 24.0 * 5, 24.0 * 40, 50.0, "u")
    area = read_warehouse(house.write(), now=BEGIN + timedelta(days=DAYS + 5))
    assert area.span_h == pytest.approx(24.0 * DAYS, rel=0.1)
    assert area.sites.energy_kwh.tolist() == [pytest.approx(600.0)]


def test_orders_of_partners_count_by_station_or_connector_unless_doubted(tmp_path: Path) -> None:
    house = House(tmp_path / "w")
    theirs = Place("S1", 119.5, 35.4, 1, 2, 60.0, frozenset({"S1"}), frozenset({"C1", "C2"}), OPERATOR)
    for n in range(6):
        house.order("C1", 24.0 * n, 1.0, 10.0)
    house.order("C2", 3.0, 1.0, 10.0, station_id="S1")
    house.order("C2", 9.0, 1.0, 1000.0, doubted="Q06")
    house.order("C2", 12.0, 1.0, 1000.0, repeated=True)
    house.order("other", 12.0, 1.0, 1000.0)
    house.order("C2", 24.0 * 29, 1.0, 10.0)
    area = read_warehouse(house.write(), [theirs])
    assert area.sites.names == [f"{OPERATOR} S1"]
    assert area.sites.energy_kwh.tolist() == [80.0]
    assert area.sites.full_h.tolist() == [0.0], "two plugs, one in use"
    fewer = House(tmp_path / "few")
    for n in range(4):
        fewer.order("C1", 24.0 * n, 1.0, 10.0)
    withheld = read_warehouse(fewer.write(), [theirs]).sites.withheld
    assert withheld is not None
    assert withheld.tolist() == [True], "four orders are of four users at most"


def test_coordinates_of_partners_are_moved_back_to_wgs84() -> None:
    from monitor.quality.observed import Pile, Plug, Station

    told = gcj02(119.5, 35.4)
    piles = (Pile("P1", Decimal(60), 1, (Plug("C1", Decimal(60), None, None, 4), Plug("C2", None, None, None, 4))),)
    row = Station(BEGIN, "S1", Decimal(str(told[0])), Decimal(str(told[1])), "371102", piles)
    (place,) = places_of(OPERATOR, [row, Station(BEGIN, "S2", None, None, "371102", ())])
    assert (place.longitude, place.latitude) == (pytest.approx(119.5, abs=2e-6), pytest.approx(35.4, abs=2e-6))
    assert (place.piles, place.plugs, place.power_kw, place.operator) == (1, 2, 60.0, OPERATOR)
    assert place.connectors == {"C1", "C2"}


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    house = House(tmp_path / "w")
    house.site("lost", None, None)
    with pytest.raises(AreaBroken, match=r"no site has coordinates \(lost\): write longitude and latitude"):
        read_warehouse(house.write())
    other = House(tmp_path / "v")
    other.site("here", 119.5, 35.4)
    with pytest.raises(AreaBroken, match="1 sites have coordinates, but no session"):
        read_warehouse(other.write())


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse of 40 own sites and the data of a platform with 10 stations of a partner; layers beside them."""
    root = tmp_path_factory.mktemp("market")
    layers = root / "layers"
    layers.mkdir()
    write_city(layers, sites=4)
    (layers / "stations.csv").unlink()
    rng, house = np.random.default_rng(1), House(root / "data" / "warehouse")
    places = degrees(rng.uniform(-7, 7, size=(50, 2)))
    for n, (longitude, latitude) in enumerate(places[:40].tolist()):
        house.site(f"own{n}", longitude, latitude)
        busy(house, f"own{n}-0", float(np.exp(6 + rng.standard_normal())), users=3 if n == 0 else 6)
    for n in range(10):
        for _ in range(8):
            house.order(f"C{n}", float(rng.uniform(0, 24 * DAYS - 2)), 1.0, 30.0)
    house.write()
    asyncio.run(_told(root / "data", places[40:].tolist()))
    (root / "partners.toml").write_text(PARTNERS, "utf-8")
    return root


async def _told(folder: Path, places: list[list[float]]) -> None:
    store = await open_intake(folder)
    for n, place in enumerate(places):
        longitude, latitude = gcj02(*place)
        connector = {"ConnectorID": f"C{n}", "Power": 60, "ConnectorType": 4}
        pile = {"EquipmentID": f"P{n}", "Power": 60, "EquipmentType": 1, "ConnectorInfos": [connector]}
        station = {"StationID": f"S{n}", "StationLng": Decimal(str(longitude)), "StationLat": Decimal(str(latitude)),
                   "EquipmentInfos": [pile]}  # fmt: skip
        body = {"StationInfo": station}
        at = BEGIN + timedelta(minutes=n)
        call = Call(at, "notification_stationInfo", 200, 0, OPERATOR, f"S{n}")
        record = record_bytes(OPERATOR, "station_info", f"S{n}", at, body)
        fields = json.loads(strict_json.canonical(body))
        await store.accept(dict.fromkeys(Standing, call), Message("station_info", fields, f"S{n}", record))
    await store.close()


def run(*words: str) -> Any:
    return CliRunner().invoke(build(catalogue("en")), list(words), env={"COLUMNS": "160"})


def test_the_report_from_the_own_warehouse(market: Path, tmp_path: Path) -> None:
    places = ("--platform-dir", str(market / "data"), "--partner-file", str(market / "partners.toml"))
    asked = ("--sites", "3", "--repeats", "1", "--break-even", "1", "--box", "119.4,35.3,119.6,35.5")
    layers = ("--layers", str(market / "layers"))
    done = run("run", str(market / "data" / "warehouse"), *places, *layers, *asked, "--out", str(tmp_path / "out"))
    assert done.exit_code == 0, done.output
    document = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert document["data"]["sites"] == 50
    assert document["data"]["notes"]["partners"] == 10
    assert document["data"]["notes"]["few_users"] == 1
    assert document["data"]["bounded"]
    assert document["data"]["points"] == 900
    for one in document["proposals"]:
        assert 119.4 < one["longitude"] < 119.6
        assert 35.3 < one["latitude"] < 35.5
        for rival in one["rivals"]:
            assert (rival["kwh_per_day"] is None) == (rival["name"] == "own0"), "of three users nothing is told"
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "fewer than" in page
    assert "Sites up to 5 km outside" in page


def test_options_that_do_not_go_together(market: Path) -> None:
    folder = str(market / "data" / "warehouse")
    assert run("evaluate", folder, "--platform-dir", str(market / "data")).exit_code == 2
    assert run("evaluate", folder, "--box", "0,0,1,1", "--boundary", str(market)).exit_code == 2
    assert "none lies in" in run("evaluate", folder, "--box", "0,0,1,1").stderr
    both = ("--partner-file", str(market / "partners.toml"), "--platform-dir", str(market))
    assert run("evaluate", folder, *both).exit_code == 2
