"""A month of responses: pay by event and for standing by, to the cent; what may still change is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.model.access import Role
from csms.model.clock import ManualClock
from csms.model.response import Bid, Clearing, Invitation, Kind, Notice, PriceUnit, ResponseEvent
from csms.response.settlement import Contract, LineState, Month, Outcome, Settlement, settle
from csms.store import changes
from csms.store.engine import open_store
from csms.store.response_tables import DriverOffer
from tests.support.access import bearer, token_for
from tests.support.response import NOW, START, ZONE, Desk

JULY = Month(2026, 7, ZONE)
AFTER = datetime(2026, 8, 2, tzinfo=UTC)
NORTH = Contract("grid:north", "T1", Decimal(60), Decimal("0.3"))
URL = "/api/v1/response-settlements/2026-07"


def outcome(
    id_: str = "E1",
    pay: float | None = 30.0,
    ratio: float = 1.0,
    start: datetime = START,
    appealed: bool = False,
    feeder_id: str = "T1",
) -> Outcome:
    asked = Invitation(
        id_,
        "grid:north",
        feeder_id,
        Kind.SHAVE,
        Notice.DAY_AHEAD,
        start,
        start + timedelta(hours=1),
        20_000,
        1.5,
        PriceUnit.PER_KWH,
        start,
    )
    event = ResponseEvent(asked, NOW, bid=Bid(20_000, 1.5, NOW), clearing=Clearing(True, NOW, 20_000, 1.5))
    found = None if pay is None else {"pay": pay, "ratio": ratio, "credited_kwh": 20.0}
    return Outcome(event, found, appealed)


def one(outcomes: list[Outcome], contracts: list[Contract], now: datetime = AFTER, month: Month = JULY) -> Settlement:
    (found,) = settle(month, outcomes, contracts, now)
    return found


def test_pay_for_what_was_called_and_for_standing_by() -> None:
    found = one([outcome("E2", 12.345), outcome()], [NORTH])
    assert [line.event.invitation.id for line in found.outcomes] == ["E1", "E2"]
    assert (found.called, found.stood_by, found.total) == (Decimal("42.35"), Decimal("18.00"), Decimal("60.35"))
    assert found.final


@pytest.mark.parametrize(
    ("since", "until", "days", "pay"),
    [
        (None, None, 31, "18.00"),
        (date(2026, 7, 16), None, 16, "9.29"),
        (None, date(2026, 7, 1), 1, "0.58"),
        (date(2026, 7, 31), date(2026, 9, 1), 1, "0.58"),
    ],
)
def test_a_contract_counts_for_its_days(since: date | None, until: date | None, days: int, pay: str) -> None:
    (line,) = one([], [Contract("grid:north", "T1", Decimal(60), Decimal("0.3"), since, until)]).standby
    assert (line.days, line.of_days, line.pay) == (days, 31, Decimal(pay))


def test_contracts_of_other_months_say_nothing() -> None:
    over = Contract("grid:north", "T1", Decimal(60), Decimal("0.3"), until=date(2026, 6, 30))
    to_come = Contract("grid:north", "T1", Decimal(60), Decimal("0.3"), since=date(2026, 8, 1))
    assert settle(JULY, [], [over, to_come], AFTER) == []
    assert settle(JULY, [], [NORTH], datetime(2026, 6, 1, tzinfo=UTC)) == [], "nobody has stood by yet"


def test_who_falls_short_is_paid_nothing_for_standing_by_where_that_is_agreed() -> None:
    strict = Contract("grid:north", "T1", Decimal(60), Decimal("0.3"), ratio_min=Decimal("0.8"))
    short = outcome("E2", 0.0, ratio=0.79)
    (line,) = one([outcome(), short], [strict]).standby
    assert (line.forfeited_by, line.pay) == ("E2", Decimal(0))
    (line,) = one([outcome(ratio=0.8)], [strict]).standby
    assert (line.forfeited_by, line.pay) == ("", Decimal("18.00"))
    assert one([short], [NORTH]).stood_by == Decimal("18.00")


def test_what_may_still_change() -> None:
    assert not one([outcome()], [], now=NOW).final, "the month goes on"
    assert [line.state for line in one([outcome(pay=None)], []).outcomes] == [LineState.PENDING]
    assert not one([outcome(pay=None)], []).final
    assert not one([outcome(appealed=True)], []).final


def test_the_month_is_that_of_the_site_s_calendar() -> None:
    late = outcome(start=datetime(2026, 7, 31, 15, 45, tzinfo=UTC))
    next_day = outcome("E2", start=datetime(2026, 7, 31, 16, tzinfo=UTC))
    assert [line.event.invitation.id for line in one([late, next_day], []).outcomes] == ["E1"]
    december = Month(2026, 12, ZONE)
    assert (december.days, december.end) == (31, datetime(2027, 1, 1, tzinfo=ZONE))


def test_each_feeder_and_operator_by_itself() -> None:
    south = Contract("grid:south", "T1", Decimal(10), Decimal("0.5"))
    found = settle(JULY, [outcome(), outcome("E2", feeder_id="T2")], [NORTH, south], AFTER)
    totals = {(line.source, line.feeder_id): line.total for line in found}
    assert totals == {
        ("grid:north", "T1"): Decimal("48.00"),
        ("grid:north", "T2"): Decimal("30.00"),
        ("grid:south", "T1"): Decimal("5.00"),
    }


@given(st.lists(st.floats(0, 1e6), max_size=30), st.integers(1, 31), st.integers(1, 31))
def test_lines_add_up_to_the_cent_and_parts_of_a_month_to_the_whole(pays: list[float], first: int, last: int) -> None:
    listed = [outcome(f"E{n}", round(pay, 2)) for n, pay in enumerate(pays)]
    first, last = min(first, last), max(first, last)
    parts = [
        Contract("grid:north", "T1", Decimal(60), Decimal("0.3"), since, until)
        for since, until in (
            (None, date(2026, 7, first) - timedelta(days=1)),
            (date(2026, 7, first), date(2026, 7, last)),
            (date(2026, 7, last) + timedelta(days=1), None),
        )
    ]
    found = one(listed, parts)
    assert found.total == sum(line.pay for line in found.outcomes) + sum(line.pay for line in found.standby)
    assert sum(line.days for line in found.standby) == 31
    assert abs(found.stood_by - Decimal(18)) <= Decimal("0.02"), "each part is rounded"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    clock = ManualClock(NOW)
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", clock, upgrade=True)
    found = Desk(store, clock, contracts=[NORTH, Contract("grid:south", "T2", Decimal(10), Decimal(1))])
    found.http.headers.update(bearer(await token_for(found.guard)))
    yield found
    await found.http.aclose()
    await store.close()


async def test_a_month_over_http(desk: Desk) -> None:
    await desk.history()
    north = bearer(await token_for(desk.guard, Role.GRID_OPERATOR, "north", ["T1"]))
    invited = {"feeder": "T1", "type": "shave", "notice": "day_ahead", "target_kw": 20, "price": 1.5}
    invited |= {"start": START.isoformat(), "end": (START + timedelta(hours=1)).isoformat()}
    for path, body, headers in (
        ("", invited, north),
        ("/bid", {"power_kw": 20, "price": 1.5}, None),
        ("/clearing", {"accepted": True}, north),
    ):
        answer = await desk.http.put("/api/v1/response-events/E1" + path, json=body, headers=headers)
        assert answer.status_code == 202, answer.text

    async def shown(headers: dict[str, str] | None = None) -> dict[str, Any]:
        answer = await desk.http.get(URL, headers=headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    (pending, _) = (await shown())["settlements"]
    assert (pending["events"][0]["state"], pending["events"][0]["pay"]) == ("pending", "0.00")
    desk.at(START + timedelta(hours=2))
    await desk.seen(START, [80_000.0] * 4)
    done = await desk.http.post("/api/v1/response-events/E1/evaluations")
    assert done.status_code == 201, done.text
    document = await shown()
    first, second = document["settlements"]
    assert (first["source"], first["called_pay"], first["standby_pay"], first["total"]) == (
        "grid:north",
        "30.00",
        "18.00",
        "48.00",
    )
    assert (second["feeder_id"], second["total"], document["total"], document["final"]) == (
        "T2",
        "10.00",
        "58.00",
        False,
    )
    assert [one["feeder_id"] for one in (await shown(north))["settlements"]] == ["T1"], "of others it sees nothing"
    paid = DriverOffer(
        event_id="E1",
        session_id=7,
        station_id="CP-1",
        evse_id=1,
        made_at=NOW,
        incentive=0.75,
        usual_wh=3000.0,
        promised_wh=9000.0,
        departure=AFTER,
        answer="accepted",
        moved_wh=1800.0,
        pay=1.35,
    )
    await desk.store.writer.commit([changes.put_row(paid)])
    assert (await desk.http.get(URL)).json()["drivers"] == "1.35"
    operator = bearer(await token_for(desk.guard, Role.GRID_OPERATOR, "looker", ["T1"]))
    assert "drivers" not in (await desk.http.get(URL, headers=operator)).json(), "the house's own affair"
    assert (await desk.http.get("/api/v1/response-settlements/2026-13")).json()["code"] == "malformed"
    appeal = await desk.http.post("/api/v1/response-events/E1/appeals", json={"reason": 2})
    assert appeal.status_code == 201
    desk.at(datetime(2026, 8, 2, tzinfo=UTC))
    document = await shown()
    assert (document["final"], document["settlements"][0]["events"][0]["state"]) == (False, "appealed")
    upheld = {"upheld": True, "method": "mean10trim"}
    answer = await desk.http.put("/api/v1/response-events/E1/appeals/1", json=upheld, headers=north)
    assert answer.status_code == 200, answer.text
    document = await shown()
    assert (document["final"], document["settlements"][0]["events"][0]["method"]) == (True, "mean10trim")
