"""The plan and its document: every candidate is answered for, what forbids is seen, users cannot be found."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from csms.texts import catalogue
from monitor.siting import plan as planning
from monitor.siting.area import AreaBroken
from monitor.siting.cells import cells_of
from monitor.siting.console import build
from monitor.siting.folder import read_area
from monitor.siting.market import market_of
from monitor.siting.plan import plan_of
from monitor.siting.report import written
from monitor.siting.wishes import Wishes
from tests.support.siting_city import degrees, write, write_city


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("city")
    write_city(folder, transformers=True)
    return folder


def _with(city: Path, folder: Path, name: str, head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> Path:
    for file in city.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    write(folder / f"{name}.csv", head, rows)
    return folder


def test_every_candidate_is_proposed_or_told_why_not(city: Path) -> None:
    found = plan_of(read_area(city), Wishes(sites=5, break_even_kwh=3.0))
    names = [one.name for one in found.proposals] + [one.name for one in found.rejected]
    assert len(names) == len(set(names)) == found.candidates
    assert {one.reason for one in found.rejected} <= set(planning.REASONS)
    reasons = Counter(one.reason for one in found.rejected)
    assert min(reasons["too_close"], reasons["no_room"], reasons["others_reach_more"]) > 0
    assert 0 < len(found.proposals) <= 5
    assert found.greedy_share <= 1.0 + 1e-12
    assert found.gap <= 0.001
    for one in found.proposals:
        assert one.low_kwh < one.median_kwh < one.high_kwh
        assert one.median_kwh <= one.alone_kwh + 1e-9
        assert one.room_kw is None or one.size.load_kw <= one.room_kw
        assert [rival.away_km for rival in one.rivals] == sorted(rival.away_km for rival in one.rivals)


def test_proposals_at_one_transformer_share_its_room(city: Path, tmp_path: Path) -> None:
    """Three good places at one transformer with room for one plug: one is proposed, the others find no room left."""
    here = degrees(np.array([[0.4, 0.3], [3.0, 0.3], [0.5, 3.0], [-7.0, -6.0]])).tolist()
    rows = [(f"C{number}", *place, None) for number, place in enumerate(here)]
    folder = _with(city, tmp_path, "candidates", ("name", "longitude", "latitude", "room_kw"), rows)
    place = degrees(np.array([[0.5, 0.35]]))[0].tolist()
    write(folder / "transformers.csv", ("name", "longitude", "latitude", "room_kw"), [("T", *place, 8.0)])
    area = read_area(folder)
    dc = replace(area.sites, power_kw=np.full(len(area.sites), 7.0))
    wishes = Wishes(sites=4, cover_km=1.0, break_even_kwh=0.1, apart_km=0.01, transformer_km=5.0)
    found = plan_of(replace(area, sites=dc), wishes)
    near = [one for one in found.proposals if one.name != "C3"]
    assert len(near) == 1
    assert near[0].size.load_kw <= 8.0
    taken = [one for one in found.rejected if one.reason == "no_room"]
    assert {one.name for one in taken} == {"C0", "C1", "C2"} - {near[0].name}
    assert all(0 <= one.figure < 7.0 for one in taken)


def test_what_a_planner_says_of_candidates_counts(city: Path, tmp_path: Path) -> None:
    """No room, beside a site, far from everything, and two good ones: the reasons are those."""
    area = read_area(city)
    beside = (float(area.sites.longitude[0]), float(area.sites.latitude[0]))
    (far, one, other) = (tuple(place) for place in degrees(np.array([[80.0, 80.0], [0.4, 0.3], [-3.0, 2.0]])))
    rows = [
        ("full", *one, 1.0),
        ("beside", *beside, 500.0),
        ("far", *far, 500.0),
        ("good", *one, 500.0),
        ("also", *other, 500.0),
    ]
    folder = _with(city, tmp_path, "candidates", ("name", "longitude", "latitude", "room_kw"), rows)
    found = plan_of(read_area(folder), Wishes(sites=2, break_even_kwh=0.1, apart_km=0.01))
    assert {one.name: one.reason for one in found.rejected} == {
        "full": "no_room", "beside": "too_close", "far": "unknown_ground",
    }  # fmt: skip
    assert {one.name for one in found.proposals} == {"good", "also"}
    dear = plan_of(read_area(folder), Wishes(sites=2, break_even_kwh=1e9, apart_km=0.01))
    assert Counter(one.reason for one in dear.rejected)["below_break_even"] == 2
    assert dear.proposals == ()


def test_a_site_that_was_full_half_the_time_shows_more_demand(city: Path, tmp_path: Path) -> None:
    area = read_area(city)
    lines = (city / "stations.csv").read_text("utf-8").splitlines()
    full = [[*line.split(","), "2196" if number == 0 else "0"] for number, line in enumerate(lines[1:])]
    folder = _with(city, tmp_path, "stations", (*lines[0].split(","), "full_h"), [tuple(row) for row in full])
    cell = cells_of(area.sites.longitude[:1], area.sites.latitude[:1])[0]
    plain, censored = market_of(area, 25.0), market_of(read_area(folder), 25.0)
    row = plain.cells.index(cell)
    assert censored.demand[row] > 1.2 * plain.demand[row]


def test_amounts_that_cannot_be_do_no_harm(city: Path, tmp_path: Path) -> None:
    """Unknown, endless and negative numbers of piles, energy, hours and power: the plan is made without them."""
    lines = (city / "stations.csv").read_text("utf-8").splitlines()
    rows = [line.split(",") for line in lines[1:]]
    for row, word in zip(rows, ("", "inf", "-7", "nan"), strict=False):
        row[3:] = [word] * 4
    rows[4][1:3] = ["", "91"]
    folder = _with(city, tmp_path, "stations", tuple(lines[0].split(",")), [tuple(row) for row in rows])
    area = read_area(folder)
    assert len(area.sites) == len(rows) - 1
    assert area.sites.piles[:4].tolist() == [1.0] * 4
    assert area.sites.energy_kwh[:4].tolist() == [0.0] * 4
    assert (area.notes["without_place"], area.notes["unused"]) == (1, 4)
    assert plan_of(area, Wishes(sites=2, break_even_kwh=0.1)).proposals


def test_hours_in_which_all_plugs_were_in_use_are_not_counted(tmp_path: Path) -> None:
    """Two plugs: full in 2 of 5 hours, whose 100 kWh tell nothing of who wanted to come; B's plugs are not known."""
    head = ("station_id", "longitude", "latitude", "pile_num", "total_duration", "total_volume", "avg_power", "plugs")
    write(tmp_path / "stations.csv", head, [("A", 119.5, 35.4, 1, 1, 1, 7, 2), ("B", 119.6, 35.4, 1, 1, 1, 7, "")])
    hours = [f"2026-03-01 0{hour}:00:00" for hour in range(5)]
    write(
        tmp_path / "duration.csv", ("time", "A", "B"), zip(hours, (2.0, 1.95, 1.0, 0.5, 0.0), (2.0,) * 5, strict=True)
    )
    write(tmp_path / "volume.csv", ("time", "A", "B"), zip(hours, (60, 40, 20, 10, 0), (10,) * 5, strict=True))
    sites = read_area(tmp_path).sites
    assert sites.energy_kwh.tolist() == [130.0, 50.0]
    assert sites.open_kwh.tolist() == [30.0, 50.0]
    assert sites.full_h[0] == 2.0
    assert np.isnan(sites.full_h[1])


def test_unmet_demand_is_what_draws_say(city: Path) -> None:
    """The closed forms against a hundred thousand draws; a cell without presence wants nothing."""
    market = market_of(read_area(city), 25.0)
    drawn = np.random.default_rng(0).gamma(market.shape, size=(100_000, len(market.cells)))[:, :40] * market.scale[:40]
    over = drawn - market.supply[:40]
    spread = drawn.std(axis=0) / np.sqrt(len(drawn)) + 1e-9
    assert np.all(np.abs(np.maximum(over, 0).mean(axis=0) - market.unmet[:40]) < 5 * spread)
    assert (over > 0).mean(axis=0) == pytest.approx(market.sure[:40], abs=0.01)
    assert np.all(market.unmet >= market.gap - 1e-9)
    empty = market.presence == 0
    assert empty.any()
    assert not market.unmet[empty].any()
    assert not market.demand[empty].any()


def test_stays_tell_when_a_site_was_full_and_what_it_wants(city: Path, tmp_path: Path) -> None:
    """Site 0 has two plugs and short, great charges side by side; site 1 has long ones; others are not known."""
    rows = []
    for day in range(1, 21):
        rows += [(0, f"2026-03-{day:02d} 0{hour}:00:00", f"2026-03-{day:02d} 0{hour}:30:00", 40) for hour in (1, 1, 3)]
        rows.append((1, f"2026-03-{day:02d} 00:00:00", f"2026-03-{day:02d} 20:00:00", 30))
    rows += [
        ("nobody", "2026-03-01 00:00:00", "2026-03-01 01:00:00", 1),
        (1, "2026-03-02 00:00:00", "2026-03-01 00:00:00", 1),
    ]
    lines = (city / "stations.csv").read_text("utf-8").splitlines()
    plugs = [(*line.split(","), "2" if number < 2 else "") for number, line in enumerate(lines[1:])]
    write_to = _with(city, tmp_path, "stations", (*lines[0].split(","), "plugs"), plugs)
    write(write_to / "sessions.csv", ("station_id", "start", "end", "energy_kwh"), rows)
    area = read_area(write_to)
    assert area.sites.full_h[:2] == pytest.approx([10.0, 0.0])
    assert np.isnan(area.sites.full_h[2:]).all()
    assert area.sites.wants_dc[:2].tolist() == [1.0, 0.0]
    assert area.session_kwh == pytest.approx((3 * 40 + 30) / 4)
    plan = plan_of(area, Wishes(sites=2, break_even_kwh=0.1))
    assert plan.session_kwh == area.session_kwh


def _pings(users: int, cell_at: tuple[float, float]) -> list[tuple[object, ...]]:
    return [(f"u{number}", *cell_at) for number in range(users) for _ in range(3)]


def test_a_cell_with_four_users_leaves_no_trace_in_anything_that_is_exported(city: Path, tmp_path: Path) -> None:
    """The whole document is the same with and without their pings; with a fifth one it is another."""
    crowd = _pings(40, tuple(degrees(np.array([[0.0, 0.0]]))[0]))
    lonely = tuple(degrees(np.array([[6.0, -6.0]]))[0])
    head = ("user", "longitude", "latitude")
    documents = []
    for users in (0, 4, 5):
        folder = tmp_path / str(users) / "area"
        folder.mkdir(parents=True)
        _with(city, folder, "presence", head, [*crowd, *_pings(users, lonely)])
        documents.append(_document(folder, tmp_path / f"out{users}"))
    assert documents[0] == documents[1]
    assert documents[1] != documents[2]


def _document(folder: Path, out: Path) -> dict[str, Any]:
    call = ["run", str(folder), "--out", str(out), "--sites", "3", "--repeats", "1", "--json"]
    answer = CliRunner().invoke(build(catalogue("zh")), call)
    assert answer.exit_code == 0, answer.output
    assert len(json.loads(answer.stdout)["files"]) == 7
    document: dict[str, Any] = json.loads((out / "report.json").read_text("utf-8"))
    del document["made_at"]
    return document


def test_bad_files_are_named(city: Path, tmp_path: Path) -> None:
    def said(name: str, head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
        with pytest.raises(AreaBroken) as fault:
            read_area(_with(city, tmp_path, name, head, rows))
        (tmp_path / f"{name}.csv").unlink()
        return str(fault.value)

    assert "poi.csv has no column latitude" in said("poi", ("type", "longitude"), [("shop", 1)])
    assert "every row needs a place" in said("candidates", ("name", "longitude", "latitude"), [("a", 200, 0)])
    assert "no number" in said("transformers", ("name", "longitude", "latitude", "room_kw"), [("a", 1, 1, "much")])
    assert "stands twice" in said("stations", HEAD_OF_STATIONS, [(1, 1, 1, 1, 1, 1, 1)] * 2)
    assert "no column total_volume" in said("stations", HEAD_OF_STATIONS[:5], [(1, 1, 1, 1, 1)])
    answer = CliRunner().invoke(build(catalogue("en")), ["evaluate", str(tmp_path / "nowhere"), "--json"])
    assert answer.exit_code == 2
    assert json.loads(answer.stderr)["code"] == "unusable"


HEAD_OF_STATIONS = ("station_id", "longitude", "latitude", "pile_num", "total_duration", "total_volume", "avg_power")


def test_figures_are_written_as_people_write_them() -> None:
    assert written(1234567.4, "0") == "1,234,567"
    assert written(-0.1234, "2") == "−0.12"
    assert written(0.256, "%") == "26 %"
    assert written(None, "1") == "–"
    assert written(2.0, "g") == "2"
