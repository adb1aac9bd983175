"""What drivers are offered for letting an event move their charging, and what their answers mean.

The offer names the incentive and what the car gets whatever the answer. Who declines takes no part: the event does not
count on that car, its limit leaves room for what it needs, and it is served before those that take part.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from csms.model.response import Kind, PriceUnit, ResponseEvent
from csms.response.settlement import cents
from csms.response.words import Refused
from csms.store.response_tables import DriverOffer
from optimizer.incentive import Design, Response, best_incentive, designed


class Consent(StrEnum):
    """Whose cars an event may count on. PRESUMED: all but those whose drivers declined; ASKED: those whose drivers
    accepted."""

    PRESUMED = "presumed"
    ASKED = "asked"


class Answer(StrEnum):
    """Of a driver. OPEN: none yet."""

    OPEN = ""
    ACCEPTED = "accepted"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class DriverRule:
    """`incentive`: yuan for each kWh moved; None: the one with which the house keeps most by the assumed `response`."""

    consent: Consent = Consent.PRESUMED
    incentive: float | None = None
    response: Response = field(default_factory=lambda: Response(0.25, 0.6))


@dataclass(frozen=True, slots=True)
class Present:
    """A running session under an event's feeder; `usual_wh`: what it would draw in the event's hours without it."""

    session_id: int
    station_id: str
    evse_id: int
    usual_wh: float
    promised_wh: float
    departure: datetime


def reward(event: ResponseEvent) -> float:
    """What the operator pays for each kWh moved, by the price that holds now."""
    asked = event.invitation
    return event.price / asked.hours if asked.unit is PriceUnit.PER_KW else event.price


def design(event: ResponseEvent, movable_kwh: float, spread: float, rule: DriverRule) -> Design:
    """The incentive, who is expected to take part and what comes of it; `spread`: what the tariff alone saves a kWh."""
    if rule.incentive is None:
        return best_incentive(movable_kwh, reward(event), spread, rule.response)
    return designed(rule.incentive, movable_kwh, reward(event), spread, rule.response)


def offer_of(event: ResponseEvent, who: Present, incentive: float, now: datetime) -> DriverOffer:
    """The row of a new offer."""
    return DriverOffer(
        event_id=event.invitation.id, session_id=who.session_id, station_id=who.station_id, evse_id=who.evse_id,
        made_at=now, incentive=round(incentive, 4), usual_wh=round(who.usual_wh), promised_wh=round(who.promised_wh),
        departure=who.departure,
    )  # fmt: skip


def may_be_offered(event: ResponseEvent, now: datetime) -> bool:
    """Whether drivers may still be asked: before it begins, unless it is off."""
    refused = event.clearing is not None and not event.clearing.accepted
    return event.cancelled_at is None and not refused and now < event.invitation.start


def with_answer(event: ResponseEvent, before: Answer, accepted: bool, now: datetime) -> Answer:
    """Raises Refused: cancelled, offer_over; answer_binding for who accepted and is counted on. The same answer once
    more changes nothing."""
    answer = Answer.ACCEPTED if accepted else Answer.DECLINED
    if answer is before:
        return answer
    if event.cancelled_at is not None:
        raise Refused("cancelled", "the event was cancelled")
    if now >= event.invitation.start:
        raise Refused("offer_over", "answers are taken until the event begins")
    if before is Answer.ACCEPTED and event.taken:
        raise Refused("answer_binding", "the grid counts on it since the event was cleared")
    return answer


def apart(running: Iterable[int], offers: Iterable[DriverOffer], consent: Consent) -> frozenset[int]:
    """Of the running sessions those that take no part."""
    answers = {one.session_id: one.answer for one in offers}
    if consent is Consent.ASKED:
        return frozenset(id_ for id_ in running if answers.get(id_) != Answer.ACCEPTED)
    return frozenset(id_ for id_ in running if answers.get(id_) == Answer.DECLINED)


def moved_wh(event: ResponseEvent, usual_wh: float, drawn_wh: float) -> int:
    """How much less (or more) was drawn in the event's hours than usual, whole Wh; never below 0."""
    fallen = usual_wh - drawn_wh
    return max(round(fallen if event.invitation.kind is Kind.SHAVE else -fallen), 0)


def pay(incentive: float, moved: int) -> Decimal:
    """Yuan to the cent for whole Wh moved."""
    return cents(Decimal(str(incentive)) * Decimal(moved) / 1000)


def offer_view(event: ResponseEvent, row: DriverOffer, now: datetime) -> dict[str, Any]:
    """An offer as the app of its driver sees it: kWh, yuan, times with a zone."""
    asked = event.invitation
    most = row.usual_wh if asked.kind is Kind.SHAVE else None
    return {
        "event_id": row.event_id,
        "station_id": row.station_id,
        "evse_id": row.evse_id,
        "type": asked.kind.value,
        "start": asked.start.isoformat(),
        "end": asked.end.isoformat(),
        "incentive": row.incentive,
        "usual_kwh": row.usual_wh / 1000,
        "pay_at_most": None if most is None else str(pay(row.incentive, round(most))),
        "promised_kwh": row.promised_wh / 1000,
        "promised_until": row.departure.isoformat(),
        "answer": row.answer or None,
        "answered_at": None if row.answered_at is None else row.answered_at.isoformat(),
        "open": may_be_offered(event, now),
        "moved_kwh": None if row.moved_wh is None else row.moved_wh / 1000,
        "pay": None if row.pay is None else str(cents(Decimal(str(row.pay)))),
    }


def tally(offers: Sequence[DriverOffer], found: Design, consent: Consent) -> dict[str, Any]:
    """What a technician sees: the design of the incentive, and how drivers answered. `expected_share` and what follows
    from it rest on an assumed response of drivers, not on a measured one."""
    said = [one.answer for one in offers]
    return {
        "consent": consent.value,
        "incentive": round(found.incentive, 4),
        "expected_share": round(found.share, 4),
        "expected_kwh": round(found.energy_kwh, 3),
        "expected_for_drivers": round(found.driver_gain, 2),
        "expected_for_house": round(found.operator_gain, 2),
        "offered": len(said),
        "accepted": said.count(Answer.ACCEPTED),
        "declined": said.count(Answer.DECLINED),
        "moved_kwh": round(sum(one.moved_wh or 0.0 for one in offers) / 1000, 3),
        "pay": str(sum((cents(Decimal(str(one.pay))) for one in offers if one.pay is not None), Decimal("0.00"))),
    }
