"""Offers to drivers by hand: the incentive, who takes part, what an answer may still be, what is paid."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from csms.model.response import Kind, PriceUnit
from csms.response.drivers import (
    Answer,
    Consent,
    DriverRule,
    Present,
    apart,
    design,
    may_be_offered,
    moved_wh,
    offer_of,
    offer_view,
    pay,
    reward,
    tally,
    with_answer,
)
from csms.response.words import Refused
from csms.store.response_tables import DriverOffer
from optimizer.incentive import Response
from tests.unit.response.test_response_evaluate import EARLY, START, event

OPEN = replace(event(), clearing=None)


def offer(session_id: int, answer: Answer = Answer.OPEN) -> DriverOffer:
    who = Present(session_id, "CP-1", 1, 3000.0, 20_000.0, START + timedelta(hours=6))
    row = offer_of(OPEN, who, 0.75, EARLY)
    row.answer = answer.value
    return row


def test_the_incentive_is_designed_or_set() -> None:
    """Half of what a kWh brings less what the tariff saves anyway, not below nothing; a price per kW is by the hour."""
    rule = DriverRule(response=Response(0.25, 0.6))
    assert reward(event()) == 1.5
    assert reward(event(price=3.0, unit=PriceUnit.PER_KW)) == 3.0
    assert design(event(), 10.0, 0.5, rule).incentive == pytest.approx(0.5)
    assert design(event(), 10.0, 2.0, rule).incentive == 0.0
    fixed = design(event(), 10.0, 0.0, DriverRule(incentive=0.9))
    assert (fixed.incentive, fixed.operator_gain) == (0.9, pytest.approx(0.6 * fixed.energy_kwh))


def test_who_takes_part() -> None:
    offers = [offer(1, Answer.ACCEPTED), offer(2, Answer.DECLINED), offer(3), offer(9, Answer.DECLINED)]
    assert apart([1, 2, 3, 4], offers, Consent.PRESUMED) == {2}
    assert apart([1, 2, 3, 4], offers, Consent.ASKED) == {2, 3, 4}, "who was not asked takes no part either"


@pytest.mark.parametrize(
    ("of", "before", "accepted", "code"),
    [
        (OPEN, Answer.OPEN, True, ""),
        (OPEN, Answer.ACCEPTED, False, ""),
        (OPEN, Answer.DECLINED, True, ""),
        (event(), Answer.OPEN, False, ""),
        (event(), Answer.ACCEPTED, False, "answer_binding"),
        (event(), Answer.ACCEPTED, True, ""),
        (replace(OPEN, cancelled_at=EARLY), Answer.OPEN, True, "cancelled"),
    ],
)
def test_what_an_answer_may_be(of: object, before: Answer, accepted: bool, code: str) -> None:
    if code:
        with pytest.raises(Refused) as fault:
            with_answer(of, before, accepted, EARLY)  # type: ignore[arg-type]
        assert fault.value.code == code
    else:
        found = with_answer(of, before, accepted, EARLY)  # type: ignore[arg-type]
        assert found is (Answer.ACCEPTED if accepted else Answer.DECLINED)


def test_answers_end_when_the_event_begins() -> None:
    with pytest.raises(Refused, match="until the event begins"):
        with_answer(OPEN, Answer.OPEN, True, START)
    assert with_answer(OPEN, Answer.ACCEPTED, True, START) is Answer.ACCEPTED, "the same once more"
    assert may_be_offered(OPEN, EARLY)
    assert not may_be_offered(OPEN, START)
    refused = replace(event(), clearing=replace(event().clearing, accepted=False))
    assert not may_be_offered(refused, EARLY)


def test_pay_is_to_the_cent_for_what_was_moved() -> None:
    assert (moved_wh(event(), 3000.0, 1200.4), moved_wh(event(), 3000.0, 3500.0)) == (1800, 0)
    assert (moved_wh(event(Kind.FILL), 3000.0, 3500.0), moved_wh(event(Kind.FILL), 3000.0, 100.0)) == (500, 0)
    assert pay(0.75, 1800) == Decimal("1.35")
    assert pay(1.005, 1000) == Decimal("1.01")
    assert pay(0.75, 0) == Decimal("0.00")


def test_what_the_app_and_the_house_see() -> None:
    shown = offer_view(OPEN, offer(1), EARLY)
    assert (shown["incentive"], shown["usual_kwh"], shown["promised_kwh"], shown["pay_at_most"]) == (
        0.75,
        3.0,
        20.0,
        "2.25",
    )
    assert (shown["open"], shown["answer"], shown["pay"]) == (True, None, None)
    paid = offer(2, Answer.ACCEPTED)
    paid.moved_wh, paid.pay = 1800.0, 1.35
    found = tally([offer(1), paid], design(event(), 6.0, 0.0, DriverRule()), Consent.PRESUMED)
    assert (found["offered"], found["accepted"], found["declined"]) == (2, 1, 0)
    assert (found["moved_kwh"], found["pay"]) == (1.8, "1.35")
