"""The potential of an area: by hand, never resting on cars that are not there, and delivered when it is dispatched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from csms.console.response import build
from csms.response.area import area_potential, driver_offer, site_potential
from csms.texts import catalogue
from optimizer.incentive import Response
from optimizer.problem import EvSession, Problem
from optimizer.solver import solve

SLOTS = 16


def problem(*sessions: EvSession, cap_kw: float = 100.0) -> Problem:
    price = np.where(np.arange(SLOTS) < 8, 0.5, 1.0)
    return Problem(0.25, np.full(SLOTS, 10.0), np.full(SLOTS, cap_kw), sessions, price=price)


def car(name: str, arrive: int = 0, depart: int = SLOTS, energy_kwh: float = 14.0) -> EvSession:
    return EvSession(name, arrive, depart, 7.0, energy_kwh)


def test_by_hand() -> None:
    """A car that charges 7 kW in the cheap half can wait; one that has to charge all the time cannot."""
    sure = site_potential("s", problem(car("a"), car("b", 0, 8)), frozenset(), 0, 4, 0)
    assert (sure.cars, sure.expected) == (2, 0)
    assert sure.down.sustained_kw == pytest.approx(
        solve(problem(car("a"), car("b", 0, 8))).power_kw[0, :4].min(), abs=1e-2
    )
    assert sure.down_expected == sure.down


def test_nothing_is_promised_below_the_floors() -> None:
    """What stations may draw whatever is ordered cannot be taken away by a limit."""
    free = site_potential("s", problem(car("a")), frozenset(), 0, 4, 0)
    held = site_potential("s", problem(car("a")), frozenset(), 0, 4, 0, floors_kw=1.4)
    usual = solve(problem(car("a"))).power_kw[0, :4]
    assert held.down.sustained_kw == pytest.approx(min(free.down.sustained_kw, usual.min() - 1.4), abs=1e-6)
    assert held.up == free.up
    assert site_potential("s", problem(car("a")), frozenset(), 0, 4, 0, floors_kw=50.0).down.energy_kwh == 0.0


def test_cars_to_come_are_told_and_not_promised() -> None:
    whole = problem(car("a"), car("expected/1"))
    found = site_potential("s", whole, frozenset({"expected/1"}), 2, 4, 0)
    alone = site_potential("s", problem(car("a")), frozenset(), 2, 4, 0)
    assert (found.cars, found.expected) == (1, 1)
    assert found.down == alone.down
    assert found.down_expected.sustained_kw > found.down.sustained_kw


def test_sites_add_up() -> None:
    each = [site_potential(name, problem(car("a")), frozenset(), 2, 4, 0) for name in ("n", "s")]
    area = area_potential(each)
    assert area.down.sustained_kw == pytest.approx(2 * each[0].down.sustained_kw)
    offer = driver_offer(area, 1.5, 0.5, Response(0.25, 0.6))
    assert offer.incentive == pytest.approx(0.5)
    assert offer.energy_kwh <= area.down.energy_kwh


def test_nobody_there_and_an_event_beyond_the_plan() -> None:
    assert site_potential("s", problem(), frozenset(), 0, 4, 0).down.sustained_kw == 0.0
    with pytest.raises(ValueError, match="the plan of s has 16 slots"):
        site_potential("s", problem(car("a")), frozenset(), 14, 4, 0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 12), st.integers(1, 4))
def test_what_is_promised_is_delivered(seed: int, first: int, slots: int) -> None:
    rng = np.random.default_rng(seed)
    sessions = []
    for number in range(int(rng.integers(1, 12))):
        arrive = int(rng.integers(0, 12))
        depart = int(rng.integers(arrive + 1, SLOTS + 1))
        sessions.append(car(str(number), arrive, depart, float(rng.uniform(0.2, 1.0)) * 7.0 * (depart - arrive) / 4.0))
    asked = problem(*sessions)
    slots = min(slots, SLOTS - first)
    promised = site_potential("s", asked, frozenset(), first, slots, first).down.sustained_kw
    usual = asked.load_kw(solve(asked).power_kw)
    cap = asked.cap_kw.copy()
    cap[first : first + slots] = np.maximum(usual[first : first + slots] - promised, asked.base_load_kw[0])
    served = solve(replace(asked, cap_kw=cap))
    assert (usual - asked.load_kw(served.power_kw))[first : first + slots].min() >= promised - 1e-3
    assert served.served_kwh.sum() == pytest.approx(sum(one.energy_kwh for one in sessions), rel=1e-4)


class Plans(BaseHTTPRequestHandler):
    """Plans of two sites, as the interface tells them."""

    def do_GET(self) -> None:
        wish = {"arrival_slot": 0, "departure_slot": SLOTS, "power_max_kw": 7.0, "energy_kwh": 14.0, "priority": 0}
        content: dict[str, Any] = {
            "slot_h": 0.25,
            "base_kw": [10.0] * SLOTS,
            "cap_kw": [100.0] * SLOTS,
            "sessions": [{"evse": "CP1/1", **wish}],
        }
        if self.path.endswith("north"):
            content["forecast"] = {"expected": [{"id": "expected/1", **wish}]}
        raw = json.dumps({"content": content}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Plans) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_command(url: str) -> None:
    def run(*words: str, lang: str = "en") -> Any:
        return CliRunner().invoke(
            build(catalogue(lang)), ["potential", "north", "south", "--url", url, *words], env={"COLUMNS": "160"}
        )

    done = run("--price", "1.5")
    assert done.exit_code == 0, done.output
    assert all(said in done.stdout for said in ("can be promised", "Offer drivers", "north", "south"))
    document = json.loads(run("--json").stdout)
    assert [one["expected"] for one in document["sites"]] == [1, 0]
    assert "可承诺" in run(lang="zh").stdout
    assert run("--after", "600").exit_code == 1
