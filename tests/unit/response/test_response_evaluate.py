"""What an event comes to: the table of the specification, records, what is not known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from csms.model.response import (
    Bid,
    Clearing,
    Invitation,
    Kind,
    Notice,
    PriceUnit,
    ResponseEvent,
    Status,
)
from csms.response.evaluate import evaluate, intervals, plan_w

START = datetime(2026, 7, 14, 11, tzinfo=UTC)
EARLY = START - timedelta(days=1)


def event(kind: Kind = Kind.SHAVE, target_w: int = 20_000, price: float = 1.5, unit: PriceUnit = PriceUnit.PER_KWH):
    """One hour, taken as it was asked for."""
    end = START + timedelta(hours=1)
    asked = Invitation("E1", "grid:north", "T1", kind, Notice.DAY_AHEAD, START, end, target_w, price, unit, START)
    bid, told = Bid(target_w, price, EARLY), Clearing(True, EARLY, target_w, price)
    return ResponseEvent(asked, EARLY, bid=bid, clearing=told)


@pytest.mark.parametrize(
    ("ratio", "credited_kw"), [(0.79, 0.0), (0.80, 16.0), (1.00, 20.0), (1.20, 24.0), (1.21, 24.0), (-0.5, 0.0)]
)
def test_the_table_of_the_specification(ratio: float, credited_kw: float) -> None:
    actual_w = 100_000 - ratio * 20_000
    found = evaluate(event(), intervals(event(), [100_000.0] * 4, [actual_w] * 4))
    assert found is not None
    assert found.ratio == pytest.approx(ratio)
    assert found.confirmed_w == pytest.approx(credited_kw * 1000)
    assert found.credited_wh == pytest.approx(credited_kw * 1000)
    assert found.pay == pytest.approx(1.5 * credited_kw)
    assert found.effective is (credited_kw > 0)


def test_the_record_of_an_event() -> None:
    rows = intervals(event(), [100_000.0, 104_000.0, 96_000.0, 100_000.0], [80_000.0, 80_000.0, 82_000.0, 78_000.0])
    found = evaluate(event(), rows)
    assert found is not None
    assert (found.baseline.max_w, found.baseline.min_w, found.baseline.avg_w) == (104_000, 96_000, 100_000)
    assert (found.load.max_w, found.load.min_w, found.load.avg_w) == (82_000, 78_000, 80_000)
    assert found.ratio == pytest.approx(1.0)
    assert found.effective_s == 3 * 900, "in the third quarter-hour load fell by 14 kW of 16"
    assert [row.plan_w for row in rows] == [80_000, 84_000, 76_000, 80_000]


def test_filling_counts_the_other_way() -> None:
    filled = event(Kind.FILL)
    found = evaluate(filled, intervals(filled, [50_000.0] * 4, [70_000.0] * 4))
    assert found is not None
    assert (found.ratio, found.confirmed_w) == (pytest.approx(1.0), pytest.approx(20_000))
    assert plan_w(50_000, 20_000, Kind.FILL) == 70_000
    assert plan_w(10_000, 20_000, Kind.SHAVE) == 0


def test_paid_by_the_kilowatt() -> None:
    per_kw = event(price=30.0, unit=PriceUnit.PER_KW)
    found = evaluate(per_kw, intervals(per_kw, [100_000.0] * 4, [82_000.0] * 4))
    assert found is not None
    assert found.pay == pytest.approx(30.0 * 18)


def test_a_band_of_its_own() -> None:
    rows = intervals(event(), [100_000.0] * 4, [87_000.0] * 4)
    assert evaluate(event(), rows, (0.6, 1.0)).confirmed_w == pytest.approx(13_000)  # type: ignore[union-attr]
    assert evaluate(event(), rows).confirmed_w == 0  # type: ignore[union-attr]


def test_what_was_not_metered_is_not_made_up() -> None:
    rows = intervals(event(), [100_000.0] * 4, [80_000.0, None, 80_000.0, 80_000.0])
    assert evaluate(event(), rows) is None
    assert rows[1].change_w(Kind.SHAVE) is None
    assert evaluate(event(), []) is None


@pytest.mark.parametrize(
    ("bid", "clearing", "before", "within", "after"),
    [
        (False, None, Status.INVITED, Status.RUNNING_WITHOUT_BID, Status.OVER_WITHOUT_BID),
        (True, None, Status.BID, Status.BID, Status.NOT_CLEARED),
        (True, False, Status.NOT_CLEARED, Status.NOT_CLEARED, Status.NOT_CLEARED),
        (True, True, Status.CLEARED, Status.RUNNING, Status.OVER),
    ],
)
def test_where_an_event_stands(bid: bool, clearing: bool | None, before: Status, within: Status, after: Status) -> None:
    told = None if clearing is None else Clearing(clearing, EARLY, 1, 1.0)
    one = replace(event(), bid=event().bid if bid else None, clearing=told)
    end = one.invitation.end
    assert (one.status(EARLY), one.status(START), one.status(end)) == (before, within, after)
    assert replace(one, cancelled_at=EARLY).status(START) is Status.CANCELLED


def test_levels_of_platforms() -> None:
    assert [notice.level for notice in (Notice.MINUTE, Notice.INTRADAY, Notice.DAY_AHEAD)] == ["001", "002", "003"]


@pytest.mark.parametrize(
    ("price", "actual_w", "unit", "pay"),
    [
        (1.005, 99_000.0, PriceUnit.PER_KWH, 1.01),  # a float's round would say 1.0
        (2.675, 99_000.0, PriceUnit.PER_KW, 2.68),
        (0.333, 98_999.6, PriceUnit.PER_KWH, 0.33),
    ],
)
def test_pay_is_to_the_cent_half_up_of_what_is_shown(
    price: float, actual_w: float, unit: PriceUnit, pay: float
) -> None:
    taken = event(target_w=1_000, price=price, unit=unit)
    found = evaluate(taken, intervals(taken, [100_000.0] * 4, [actual_w] * 4))
    assert found is not None
    assert found.pay == pay
