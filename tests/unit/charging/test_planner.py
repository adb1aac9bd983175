"""From live state to a problem: needs, windows, caps, floors, price tilt; what metering teaches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from csms.charging.discretise import Outlet
from csms.charging.feeder import Feeder, FeederTree, NoCaps
from csms.charging.learning import Car, Cars
from csms.charging.ledger import Draw, Ledger
from csms.charging.lines import NONE
from csms.charging.outlets import car_possible, physical_w
from csms.charging.planner import NeedsPolicy, Visit, asks, ev_session, problem, reserved, visit
from csms.model.ids import EvseRef
from csms.model.meter import CURRENT_IMPORT, Sample
from csms.model.station import ConnectorStatus, CurrentKind, EvseRating, Protocol, RegistrationStatus, Stage
from csms.station.ports import Link
from csms.station.state import EvseState, Needs, OpenSession, StationState
from optimizer import solve
from tests.support.operations import TwinLink

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
A = EvseRef("A", 1)
AC1 = EvseRating(CurrentKind.AC, 1, 32.0, 7_360)
AC3 = EvseRating(CurrentKind.AC, 3, 32.0, 22_080)
POLICY = NeedsPolicy(energy_wh=40_000, stay_s=4 * 3600, unknown_rest_wh=3_000)


def seen(needs: Needs, got_wh: float = 0.0, car: Car | None = None, started: datetime = NOW) -> Visit:
    session = OpenSession(7, "tx", A, 1, started, energy_wh=got_wh)
    evse = EvseState(A, AC3, session=session, needs=needs)
    return visit(evse, session, car or Car(7), ("T",), 0, POLICY, NOW)


def hours(count: float) -> datetime:
    return NOW + timedelta(hours=count)


class Falling:
    """30 kW from a moment on."""

    def __init__(self, since: datetime) -> None:
        self.since = since

    def cap_w(self, feeder_id: str, at: datetime) -> int | None:
        return 30_000 if at >= self.since else None

    def edges(self, feeder_id: str, since: datetime, until: datetime) -> Sequence[datetime]:
        return [self.since] if since < self.since <= until else []

    def lowest_w(self, feeder_id: str, at: datetime) -> int | None:
        return None


def test_what_the_driver_said_counts() -> None:
    found = seen(Needs(20_000, hours(3)), got_wh=5_000)
    assert (found.remaining_wh, found.departure, found.wants) == (15_000, hours(3), True)
    assert not seen(Needs(20_000, hours(3)), got_wh=19_960).wants


def test_what_nobody_said_is_assumed() -> None:
    found = seen(Needs(), got_wh=5_000, started=hours(-1))
    assert (found.remaining_wh, found.departure) == (35_000, hours(3))
    assert seen(Needs(), got_wh=60_000).remaining_wh == 3_000


def test_who_overstays_is_still_served() -> None:
    assert seen(Needs(20_000, hours(-1))).departure == hours(1)
    assert seen(Needs(), started=hours(-9)).departure == hours(1)


def test_what_was_learned_of_the_car_bounds_its_power() -> None:
    assert seen(Needs()).power_max_w == 22_080
    assert seen(Needs(), car=Car(7, power_max_w=5_000.0)).power_max_w == 5_000
    one_phase = seen(Needs(), car=Car(7, phases=1))
    assert (one_phase.outlet.phases, one_phase.power_max_w) == (1, 7_360)


def test_windows_are_whole_quarter_hours_before_the_departure() -> None:
    assert ev_session(seen(Needs(1_000, NOW + timedelta(minutes=50))), NOW).departure_slot == 3
    assert ev_session(seen(Needs(1_000, NOW + timedelta(minutes=5))), NOW).departure_slot == 1
    assert ev_session(seen(Needs(1_000, hours(100))), NOW).departure_slot == 96


def test_the_problem_has_caps_base_load_reserve_and_rising_prices() -> None:
    tree = FeederTree([Feeder("T", 100_000, base_load_w=(10_000,))])
    visits = [seen(Needs(20_000, hours(3))), seen(Needs(0, hours(3)))]
    others = {"T": Draw(5_000, NONE)}, {"T": Draw(1_000, NONE)}
    found = problem(visits[:1], tree, Falling(hours(1)), "T", NOW, others, 0.02, 120, 0.2)
    assert found.cap_kw[0] == pytest.approx(98.0)
    assert found.cap_kw[4] == pytest.approx(29.4)
    assert list(found.base_load_kw[:3]) == [15.0, 11.0, 11.0]
    assert found.price is not None
    assert found.price[4] == pytest.approx(0.2 * 98 * 0.25)
    assert [s.id for s in found.sessions] == ["A/1"]
    assert problem(visits[1:], tree, NoCaps(), "T", NOW, ({}, {}), 0.0, 0, 0.0).sessions == ()


def test_a_cap_within_the_lead_time_counts_already() -> None:
    tree = FeederTree([Feeder("T", 100_000)])
    soon = Falling(NOW + timedelta(seconds=100))
    found = problem([], tree, soon, "T", NOW, ({}, {}), 0.0, 120, 0.0)
    assert found.cap_kw[0] == 30.0


def test_early_energy_is_preferred_but_not_at_any_price() -> None:
    tree = FeederTree([Feeder("T", 100_000)])
    asked = problem([seen(Needs(22_080, hours(4)))], tree, NoCaps(), "T", NOW, ({}, {}), 0.0, 0, 0.1)
    plan = solve(asked)
    assert plan.power_kw[0, 0] > plan.power_kw[0, 15] + 1
    assert plan.served_kwh[0] == pytest.approx(22.08, rel=1e-3)


def test_urgency() -> None:
    calm, urgent = seen(Needs(5_000, hours(4))), seen(Needs(22_000, hours(1)))
    assert [ask.must_run for ask in asks([calm, urgent], {"A/1": 5.0}, {}, NOW)] == [False, True]
    leaving = seen(Needs(1_000, NOW + timedelta(minutes=6)))
    assert asks([leaving], {"A/1": 4.0}, {}, NOW)[0].planned_w == pytest.approx(10_000)


def test_a_small_rest_is_finished_at_the_least_power() -> None:
    assert asks([seen(Needs(4_000, hours(4)))], {"A/1": 1.0}, {}, NOW)[0].planned_w == 4_140
    assert asks([seen(Needs(4_200, hours(4)))], {"A/1": 1.0}, {}, NOW)[0].planned_w == 1_000
    assert asks([seen(Needs(40, hours(4)))], {}, {}, NOW)[0].planned_w == 0


def test_others_reserve_what_they_may_draw() -> None:
    ledger = Ledger()
    for name in "ABC":
        ledger.enrol(EvseRef(name, 1), ("N", "T") if name == "C" else ("T",), 1_000, 9_000)
        ledger.confirm_floor(EvseRef(name, 1), NOW)
        ledger.trust(EvseRef(name, 1), NOW, floor=True, limit=True)
    ledger.acknowledge(EvseRef("C", 1), ledger.send(EvseRef("C", 1), 5_000, NOW, hours(1)), NOW)
    offline = reserved(ledger, [A], lambda station: station != "C", NOW)
    shown = tuple({id_: draw.value_w for id_, draw in part.items()} for part in offline)
    assert shown == ({"T": 6_000, "N": 5_000}, {"T": 2_000, "N": 1_000})


@pytest.mark.parametrize(
    ("online", "seen_before", "status", "session", "possible"),
    [
        (False, False, None, False, False),
        (False, True, None, False, True),
        (True, True, None, False, True),
        (True, True, ConnectorStatus.AVAILABLE, False, False),
        (True, True, ConnectorStatus.PREPARING, False, True),
        (True, True, ConnectorStatus.AVAILABLE, True, True),
    ],
)
def test_where_a_car_may_be(
    online: bool, seen_before: bool, status: ConnectorStatus | None, session: bool, possible: bool
) -> None:
    evse = EvseState(A, AC1, connectors={1: status} if status else {}, registered=True)
    evse.session = OpenSession(1, "1", A, 1, NOW) if session else None
    link: Link | None = TwinLink(Protocol.OCPP16) if online else None
    station = StationState("A", "T", "", {1: evse}, link, last_seen_at=NOW if seen_before else None)
    assert car_possible(station, evse) is possible


def test_a_connector_that_was_only_mentioned_has_no_car() -> None:
    evse, link = EvseState(A, AC1), TwinLink(Protocol.OCPP16)
    station = StationState("A", "T", "", {1: evse}, link, last_seen_at=NOW)
    assert not car_possible(station, evse)
    station.link = None
    assert not car_possible(station, evse)
    evse.connectors[1] = ConnectorStatus.AVAILABLE
    assert car_possible(station, evse)


def test_what_was_told_before_a_station_was_away_says_nothing_of_now() -> None:
    evse = EvseState(A, AC1, connectors={1: ConnectorStatus.AVAILABLE}, registered=True)
    station = StationState("A", "T", "", {1: evse}, TwinLink(Protocol.OCPP16), last_seen_at=NOW, connected_at=NOW)
    assert car_possible(station, evse)
    station.manners.states = 1
    assert not car_possible(station, evse)


def test_a_rejected_station_that_is_away_counts_while_its_session_runs_only() -> None:
    evse = EvseState(A, AC1, registered=True)
    station = StationState("A", "T", "", {1: evse}, None, last_seen_at=NOW, stage=Stage.REJECTED)
    assert not car_possible(station, evse)
    evse.session = OpenSession(1, "1", A, 1, NOW)
    assert car_possible(station, evse)


@pytest.mark.parametrize(
    ("registration", "counts"), [(RegistrationStatus.PENDING, False), (RegistrationStatus.ACCEPTED, True)]
)
def test_a_stranger_that_nobody_let_in_is_gone_when_it_leaves(registration: RegistrationStatus, counts: bool) -> None:
    evse = EvseState(A, AC3, registered=True)
    station = StationState("A", "T", "", {1: evse}, None, last_seen_at=NOW, stage=Stage.SEEN, registration=registration)
    assert car_possible(station, evse) is counts


def test_the_physical_maximum_is_the_larger_nameplate_figure() -> None:
    assert physical_w(EvseRating(CurrentKind.AC, 3, 32.0, 11_000)) == 22_080
    assert physical_w(EvseRating(CurrentKind.DC, 3, 32.0, 60_000)) == 60_000


def observed(cars: Cars, limit_w: float, *powers_w: float, outlet: Outlet | None = None, start_s: float = 0) -> Car:
    told = (outlet or Outlet(AC3, 3)).at_most(limit_w)
    for n, power_w in enumerate(powers_w):
        cars.observe(A, 7, power_w, told, NOW + timedelta(seconds=start_s + 60 * n))
    return cars.car(A, 7)


def test_a_car_that_stays_below_its_limit_is_believed_after_a_while() -> None:
    cars = Cars(patience_s=120)
    assert observed(cars, 22_080, 9_000, 9_000).power_max_w is None
    assert observed(cars, 22_080, 9_000, start_s=120).power_max_w == pytest.approx(9_000 * 1.05 + 200)


def test_a_car_held_by_its_limit_is_offered_more_again() -> None:
    cars = Cars(patience_s=0)
    assert observed(cars, 22_080, 9_000).power_max_w == pytest.approx(9_650)
    assert observed(cars, 9_660, 9_600).power_max_w == pytest.approx(9_660 * 1.5)


def test_a_limit_close_to_the_cars_own_maximum_teaches_nothing_new() -> None:
    cars = Cars(patience_s=0)
    outlet = Outlet(AC1, 1)
    cars.car(A, 7).phases = 1
    assert observed(cars, 7_360, 5_152, outlet=outlet).power_max_w == pytest.approx(5_609.6)
    assert observed(cars, 5_520, 5_152, outlet=outlet).power_max_w == pytest.approx(5_609.6)
    assert observed(cars, 2_300, 2_300, outlet=outlet).power_max_w == pytest.approx(5_609.6)


def test_a_car_that_stopped_drawing_is_idle() -> None:
    cars = Cars(patience_s=60)
    assert observed(cars, 6_900, 0, 0).idle
    assert not observed(cars, 6_900, 6_900).idle


def test_a_car_on_one_phase_shows_at_two_limits_or_by_its_currents() -> None:
    cars = Cars(patience_s=0)
    assert observed(cars, 6_900, 2_300).phases is None
    assert observed(cars, 13_800, 4_600).phases == 1
    assert cars.car(A, 7).power_max_w is None
    assert observed(cars, 13_800, 4_600, start_s=600).power_max_w is None, "its share of the old limit is no weakness"
    other = Cars()
    other.observe_phases(
        A, 7, [Sample(NOW, CURRENT_IMPORT, v, "A", p) for p, v in (("L1", 16.0), ("L2", 0.0), ("L3", 0.1))]
    )
    assert other.car(A, 7).phases == 1
    other.forget(A)
    assert other.car(A, 7).phases is None
