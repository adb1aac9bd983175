"""Explanations, comparisons, pictures and site files, by themselves and on the screen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from optimizer.comparison import compare
from optimizer.comparison_site import compare_site
from optimizer.conductors import Conductors
from optimizer.console import build
from optimizer.cooptimise import solve_site
from optimizer.examples import example_problem, example_site
from optimizer.explain import account, accounts, stretches
from optimizer.explain_site import account_site
from optimizer.json_format import problem_document
from optimizer.models import Storage
from optimizer.picture import Curves, save, svg
from optimizer.problem import EvSession, Feeder, Problem
from optimizer.reports import reason_words, sentences, shortages
from optimizer.site import Site
from optimizer.site_format import is_site, read_site, site_plan_document
from optimizer.solver import solve
from tests.support.optimizer_commands import run, words

UNIT = {"id": "g", "a": 1, "b": 1, "energy_min_kwh": 0, "energy_max_kwh": 1}


@pytest.fixture(params=["en", "zh"])
def app(request: pytest.FixtureRequest) -> typer.Typer:
    return build(words(request.param))


def priced() -> Problem:
    cars = (EvSession("patient", 0, 4, 2.0, 4.0), EvSession("pressed", 0, 2, 3.0, 6.0))
    price = np.array([1.0, 5.0, 2.0, 3.0])
    return Problem(1.0, np.zeros(4), np.array([4.0, 9.0, 9.0, 9.0]), cars, price=price, weight=np.zeros(4))


def test_why_a_patient_car_waits() -> None:
    problem = priced()
    plan = solve(problem)
    told = account(problem, plan, 0)
    # Slot 0 has room for 1 kW beside the pressed car, then slot 2 is cheapest, then slot 3.
    assert told.charges == ((0, 0), (2, 3))
    assert told.waits == ((1, 1),)
    assert told.laxity_h == pytest.approx(2.0)
    assert not told.must_run
    assert told.price_avoided == pytest.approx(5.0, abs=1e-2)
    assert [(held.feeder, held.stretches) for held in told.held] == [("", ((0, 0),))]


def test_a_pressed_car_has_no_choice() -> None:
    problem = priced()
    told = account(problem, solve(problem), 1)
    assert told.must_run
    assert told.charges == ((0, 1),)
    assert told.price_avoided is None


def test_the_feeder_that_holds_a_car_back_is_named() -> None:
    feeder = Feeder("east", np.array([1.0, 9.0]))
    car = EvSession("a", 0, 2, 5.0, 7.0, feeder="east")
    problem = Problem(1.0, np.zeros(2), np.full(2, 20.0), (car,), feeders=(feeder,))
    told = account(problem, solve(problem), 0)
    assert [held.feeder for held in told.held] == ["east"]
    assert told.missing_kwh == pytest.approx(1.0, abs=1e-5)
    assert told.missing_feeder == "east"


def test_runs_of_truths() -> None:
    assert stretches(np.array([1, 1, 0, 1], dtype=bool)) == ((0, 1), (3, 3))
    assert stretches(np.zeros(3, dtype=bool)) == ()


def test_the_optimum_is_cheapest_and_keeps_the_caps() -> None:
    problem = priced()
    lines = compare(problem, solve(problem))
    assert [line.name for line in lines] == [
        "unmanaged",
        "equal share",
        "earliest departure",
        "least laxity",
        "optimum",
    ]
    # Unmanaged: 2 + 3 at 1, 2 + 3 at 5, over the cap by 1.
    assert (lines[0].money, lines[0].over_cap_kw) == (pytest.approx(30.0), pytest.approx(1.0))
    best = lines[-1]
    # 1 + 3 at 1, 3 at 5, 2 at 2, 1 at 3.
    assert best.money == pytest.approx(26.0, abs=1e-4)
    assert best.over_cap_kw == 0.0


def curves(**fields: Any) -> Curves:
    usual: dict[str, Any] = {
        "slot_h": 0.5,
        "base": np.ones(4),
        "load": np.array([1.0, 3.0, 2.0, 1.0]),
        "cap": np.array([5.0, np.inf, 5.0, 5.0]),
    }
    return Curves(**(usual | fields))


def test_a_picture_draws_what_there_is() -> None:
    plain = svg(curves())
    assert plain.count("<polygon") == 2
    # The cap is open in the second slot: two stretches.
    assert plain.count("<polyline") == 2
    full = svg(curves(storage=np.array([1.0, -1.0, 0.0, 0.0]), unmanaged=np.full(4, 2.0)))
    assert full.count("<polygon") == 3
    assert "unmanaged" in full


def test_pictures_are_saved_by_their_ending(tmp_path: Path) -> None:
    save(curves(), tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text("utf-8").startswith("<svg")
    with pytest.raises(ValueError, match="svg or"):
        save(curves(), tmp_path / "a.gif")


def test_a_png_is_drawn_by_matplotlib(tmp_path: Path) -> None:
    save(curves(storage=np.ones(4), unmanaged=np.full(4, 2.0)), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_the_example_of_a_site_is_read_and_solved() -> None:
    document = example_site(problem_document(example_problem()))
    assert is_site(document)
    assert not is_site(problem_document(example_problem()))
    site = read_site(json.dumps(document))
    plan = solve_site(site)
    told = site_plan_document(site, plan)
    assert [b["id"] for b in told["batteries"]] == ["battery", "v2g"]
    assert -1e-9 <= told["gap"] <= 1e-6


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"storages": {}}, "a list"),
        ({"storages": [{"id": "b"}]}, "energy_max_kwh"),
        ({"storages": [3]}, "an object"),
        (
            {"generators": [{"id": "g", "a": 1, "b": 1, "energy_min_kwh": 0, "energy_max_kwh": 1, "x": 1}]},
            "x is unknown",
        ),
        ({"peak_price": "much"}, "peak_price"),
        ({"sun": 1}, "unknown field sun"),
        ({"scenarios": []}, "scenarios"),
        ({"pv_kw": [1, "a"]}, "pv_kw"),
    ],
)
def test_faulty_sites_say_what_is_wrong(change: dict[str, Any], reason: str) -> None:
    document = {"slot_h": 1.0, "base_load_kw": [1, 2], "pv_kw": 0} | change
    with pytest.raises(ValueError, match=reason):
        read_site(json.dumps(document))


def test_a_site_on_the_screen(app: typer.Typer, tmp_path: Path) -> None:
    file, picture = tmp_path / "site.json", tmp_path / "site.svg"
    assert run(app, "example", "--whole-site", "--out", file).exit_code == 0
    shown = run(app, "solve", file, "--plot", picture)
    assert shown.exit_code == 0
    assert "battery" in shown.stdout
    assert picture.exists()
    assert json.loads(run(app, "solve", file, "--json").stdout)["gap"] <= 1e-6


def test_explaining_a_site_on_the_screen(app: typer.Typer, tmp_path: Path) -> None:
    file = tmp_path / "site.json"
    run(app, "example", "--whole-site", "--out", file)
    shown = run(app, "explain", file)
    assert shown.exit_code == 0
    assert all(name in shown.stdout for name in ("car-5", "battery", "v2g", "pv"))
    documents = json.loads(run(app, "explain", file, "--json").stdout)
    assert {document["kind"] for document in documents} == {"car", "battery", "source", "connection"}
    (only,) = json.loads(run(app, "explain", file, "--session", "v2g", "--json").stdout)
    assert (only["kind"], only["id"]) == ("battery", "v2g")
    assert run(app, "explain", file, "--session", "nobody").exit_code == 2


def test_comparing_a_site_on_the_screen(app: typer.Typer, tmp_path: Path) -> None:
    file, picture = tmp_path / "site.json", tmp_path / "site.svg"
    run(app, "example", "--whole-site", "--out", file)
    assert run(app, "compare", file, "--plot", picture).exit_code == 0
    assert picture.exists()
    lines = json.loads(run(app, "compare", file, "--json").stdout)
    money = {line["name"]: line["money"] for line in lines}
    assert money["optimum"] < money["without batteries"] < money["unmanaged"]
    assert next(line for line in lines if line["name"] == "optimum")["over_cap_kw"] == pytest.approx(0.0, abs=1e-6)


def test_explaining_on_the_screen(app: typer.Typer, tmp_path: Path) -> None:
    file = tmp_path / "problem.json"
    run(app, "example", "--out", file)
    shown = run(app, "explain", file, "--session", "car-5")
    assert shown.exit_code == 0
    assert "car-5" in shown.stdout
    assert "18:00" in shown.stdout
    assert len(json.loads(run(app, "explain", file, "--json").stdout)) == 6
    assert run(app, "explain", file, "--session", "nobody").exit_code == 2


def test_comparing_on_the_screen(app: typer.Typer, tmp_path: Path) -> None:
    file, picture = tmp_path / "problem.json", tmp_path / "plan.svg"
    run(app, "example", "--out", file)
    assert run(app, "compare", file, "--plot", picture).exit_code == 0
    assert picture.exists()
    assert json.loads(run(app, "compare", file, "--json").stdout)[-1]["name"] == "optimum"
    assert run(app, "compare", file, "--plot", tmp_path / "plan.gif").exit_code == 2
    assert run(app, "compare", file, "--plot", tmp_path / "no" / "plan.svg").exit_code == 1


def test_either_a_file_or_a_site(app: typer.Typer) -> None:
    assert run(app, "solve").exit_code == 2
    assert run(app, "solve", "--site", "north").exit_code == 2


def test_a_site_of_a_server(tmp_path: Path) -> None:
    asked: list[str] = []

    def server(site: str, as_json: bool) -> dict[str, Any]:
        asked.append(site)
        return problem_document(example_problem())

    shown = run(build(words("en"), server), "explain", "--site", "north")
    assert shown.exit_code == 0
    assert asked == ["north"]


def test_conductors_and_limits_are_named_in_words() -> None:
    cars = (EvSession("a", 0, 1, 7.0, 6.0, lines="1"),)
    problem = Problem(1.0, [0.0], [99.0], cars, conductors=Conductors(cap_a=[10.0, 3.0, 99.0], base_a=[0.0, 4.0, 0.0]))
    plan = solve(problem)
    english, chinese = (shortages(words(lang), plan) for lang in ("en", "zh"))
    assert english[0] == "a misses 3.700 kWh: the cap of conductor 1 of the site"
    assert english[1] == "Slot 0: the base load alone is 1.0 A above the limit of 2 of the site"
    assert "场站 1 相" in chinese[0]
    told = sentences(words("en"), account(problem, plan, 0), 1.0)
    assert any("conductor 1" in line for line in told)
    assert "Held back 00:00–01:00: the cap of conductor 1 of the site." in told
    assert reason_words(words("en"), "feeder cap", "F", "") == "the cap of feeder F"


def in_a_hall() -> Problem:
    """Conductor 2 of the hall carries 10 A, 2.3 kW; the car on the other two waits for nobody."""
    cars = (
        EvSession("a", 0, 2, 7.0, 4.0, feeder="hall", lines="2"),
        EvSession("b", 0, 2, 7.0, 4.0, feeder="hall", lines="13"),
    )
    hall = Feeder("hall", np.full(2, 99.0), conductors=Conductors(cap_a=[99.0, 10.0, 99.0]))
    return Problem(1.0, np.zeros(2), np.full(2, 99.0), cars, price=[1.0, 3.0], weight=np.zeros(2), feeders=(hall,))


def test_which_conductor_of_which_feeder_holds_a_car_back() -> None:
    problem = in_a_hall()
    held, free = accounts(problem, solve(problem))
    assert [(h.feeder, h.reason, h.line, h.stretches) for h in held.held] == [("hall", "line cap", "2", ((0, 0),))]
    assert free.held == ()
    assert free.charges == ((0, 0),)
    english, chinese = (sentences(words(lang), held, 1.0) for lang in ("en", "zh"))
    assert "Held back 00:00–01:00: the cap of conductor 2 of feeder hall." in english
    assert "在 00:00–01:00 受限：馈线 hall 2 相的电流限额。" in chinese
    assert account(problem, solve(problem), 0) == held


def test_two_conductors_too_far_apart_by_name() -> None:
    problem = replace(in_a_hall(), feeders=(), conductors=Conductors(unbalance_a=10.0), sessions=(
        EvSession("a", 0, 2, 7.0, 4.6, lines="2"),))  # fmt: skip
    (told,) = accounts(problem, solve(problem))
    assert {(h.reason, h.line) for h in told.held} <= {("unbalance", "2-1"), ("unbalance", "2-3")}
    assert any("how far apart conductors 2-" in line for line in sentences(words("en"), told, 1.0))


def test_of_a_whole_site_too() -> None:
    hall = in_a_hall()
    battery = Storage(
        "battery", 9.0, 0.0, 5.0, 5.0, energy_end_kwh=2.0, feeder="hall", lines="2", charge_efficiency=1.0
    )
    site = Site(1.0, np.zeros(2), hall.sessions, storages=(battery,), feeders=hall.feeders, price=[1.0, 3.0])
    told = account_site(site, solve_site(site))
    held = {h.line for h in told.cars[0].held}
    assert held == {"2"}
    assert told.cars[1].held == ()


def test_how_far_rules_go_over_a_conductor(tmp_path: Path) -> None:
    """Unmanaged puts 7 kW on conductor 2, which carries 2.3."""
    problem = in_a_hall()
    lines = compare(problem, solve(problem))
    assert lines[0].over_a == pytest.approx(4.7 / 0.23, rel=1e-6) or lines[0].over_a == pytest.approx(1.7 / 0.23)
    assert max(line.over_a for line in lines[1:]) <= 1e-9
    (tmp_path / "hall.json").write_text(json.dumps(problem_document(problem)))
    shown = run(build(words("en")), "compare", str(tmp_path / "hall.json"))
    assert "Over a limit A" in shown.stdout
    site = Site(1.0, np.zeros(2), problem.sessions, feeders=problem.feeders, price=[1.0, 3.0])
    told = compare_site(site, solve_site(site))
    assert (told[0].over_a > 1.0, told[-1].over_a) == (True, 0.0)
