"""Figures of an operator from what it reported, by hand."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from monitor.quality.observed import Order, Pile, Plug, Station, Status
from monitor.scoring.collect import Reported, figures_of
from monitor.scoring.collecting import days_of, month_before

START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=2)


def order(number: str, begin_h: float, hours: float, energy: str, connector: str = "c1") -> Order:
    begin = START + timedelta(hours=begin_h)
    return Order(
        received_at=begin + timedelta(hours=hours),
        id=number,
        connector_id=connector,
        start=begin,
        end=begin + timedelta(hours=hours),
        energy_kwh=Decimal(energy),
        elec_yuan=None,
        service_yuan=None,
        total_yuan=None,
        period_count=None,
        details=(),
        split_kwh=(),
        meter_start_kwh=None,
        meter_end_kwh=None,
        duration_s=None,
        refused=False,
    )


def status(at_h: float, state: int | None, connector: str = "c1") -> Status:
    return Status(START + timedelta(hours=at_h), connector, state, None, None)


def station(*connectors: str) -> Station:
    plugs = tuple(Plug(name, None, None, None, None) for name in connectors)
    return Station(START, "s1", None, None, "3711", (Pile("p1", None, None, plugs),))


def said(told: Reported) -> dict[str, tuple[float, float]]:
    return {one.indicator: (one.value, one.samples) for one in figures_of("op", "2026-03", told)}


def test_energy_use_and_success() -> None:
    told = Reported(START, END, stations=[station("c1", "c2")])
    told.orders = [order("a", 0, 2, "30"), order("b", 5, 1, "0"), order("c", 47, 2, "10", "c2")]
    found = said(told)
    assert found["energy_per_connector"] == (10.0, 4.0)
    assert found["utilisation"] == (pytest.approx(4 / 96), 4.0)  # the last hour of "c" lies outside
    assert found["order_success"] == (pytest.approx(2 / 3), 3)


def test_states() -> None:
    told = Reported(START, END, stations=[station("c1", "c2")], states=[status(-5, 1)])
    told.statuses = [status(12, 255), status(13, 255), status(18, 1), status(40, 0), status(24, 3, "c2")]
    found = said(told)
    assert found["availability"] == (pytest.approx((12 + 22 + 24) / 72), 3.0)
    assert found["fault_rate"] == (pytest.approx(1 / 3), 3.0)
    assert found["repair_time"] == (6.0, 1)


def test_a_fault_from_before_is_no_new_one() -> None:
    told = Reported(START, END, states=[status(-5, 255)], statuses=[status(6, 1)])
    found = said(told)
    assert found["fault_rate"][0] == 0.0
    assert found["repair_time"] == (6.0, 1)


def test_quality_and_growth() -> None:
    told = Reported(START, END, orders=[order("a", 0, 2, "30")], quality=[Decimal(80), Decimal(90)])
    told.orders_before = [order("z", 0, 2, "20")]
    found = said(told)
    assert found["data_quality"] == (85.0, 2)
    assert found["growth"] == (pytest.approx(math.log(1.5)), 1)


def test_what_cannot_be_said_is_not_said() -> None:
    assert said(Reported(START, END)) == {}
    unreadable = said(Reported(START, END, statuses=[status(1, None)]))
    assert "availability" not in unreadable


def test_months() -> None:
    assert (len(days_of("2026-02")), days_of("2026-12")[-1]) == (28, "2026-12-31")
    assert month_before("2026-01") == "2025-12"
    with pytest.raises(ValueError, match="does not match"):
        days_of("2026")
