"""Events, bids, baselines, evaluations and appeals as every channel shows them: kW, kWh, times with a zone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import msgspec

from csms.model.response import ResponseEvent
from csms.response.baseline import Baseline, TooFew
from csms.response.evaluate import Evaluation, Interval
from csms.response.loads import QUARTER
from csms.response.offers import Offer
from csms.store.response_tables import ResponseAppeal, ResponseEvaluation, ResponseRow


def event_of(row: ResponseRow) -> ResponseEvent:
    """What a row says."""
    return msgspec.convert(row.content, ResponseEvent)


def event_view(row: ResponseRow, now: datetime) -> dict[str, Any]:
    """An event; `status` is a code of platforms, `state` the same in a word."""
    event = event_of(row)
    asked, status = event.invitation, event.status(now)
    return {
        "id": asked.id,
        "source": asked.source,
        "channel": event.channel,
        "feeder_id": asked.feeder_id,
        "type": asked.kind.value,
        "notice": asked.notice.value,
        "level": asked.notice.level,
        "start": asked.start.isoformat(),
        "end": asked.end.isoformat(),
        "target_kw": asked.target_w / 1000,
        "price": asked.price,
        "price_unit": asked.unit.value,
        "reply_by": asked.reply_by.isoformat(),
        "received_at": event.received_at.isoformat(),
        "status": status.value,
        "state": status.name.lower(),
        "bid": _bid(event),
        "clearing": _clearing(event),
        "dispatch": row.dispatch,
        "cancelled_at": None if event.cancelled_at is None else event.cancelled_at.isoformat(),
    }


def _bid(event: ResponseEvent) -> dict[str, Any] | None:
    bid = event.bid
    if bid is None:
        return None
    return {
        "power_kw": bid.power_w / 1000,
        "price": bid.price,
        "at": bid.at.isoformat(),
        "automatic": bid.automatic,
    }


def _clearing(event: ResponseEvent) -> dict[str, Any] | None:
    told = event.clearing
    if told is None:
        return None
    facts = {"accepted": told.accepted, "at": told.at.isoformat()}
    return facts | ({"power_kw": told.power_w / 1000, "price": told.price} if told.accepted else {})


def offer_view(found: Offer) -> dict[str, Any]:
    """What an automatic bid would be."""
    return {
        "power_kw": found.power_w / 1000,
        "price": found.price,
        "usual_kw": None if found.usual_w is None else round(found.usual_w / 1000, 3),
        "cars_kw": None if found.cars_w is None else round(found.cars_w / 1000, 3),
        "why_not": found.why,
    }


def baseline_view(found: Baseline | TooFew, start: datetime) -> dict[str, Any]:
    """A baseline, or how many days it lacks; `passed`: days whose load is not known."""
    facts: dict[str, Any] = {"method": found.method.value, "passed": [day.isoformat() for day in found.passed]}
    if isinstance(found, TooFew):
        return facts | {"known": False, "days_needed": found.needed, "days_found": found.found, "rows": []}
    rows = [
        {"begins_at": (start + QUARTER * n).isoformat(), "baseline_kw": round(watts / 1000, 3)}
        for n, watts in enumerate(found.load_w)
    ]
    days = [day.isoformat() for day in found.days]
    return facts | {"known": True, "days": days, "adjusted_kw": round(found.adjusted_w / 1000, 3), "rows": rows}


def evaluation_view(row: ResponseEvaluation) -> dict[str, Any]:
    """An evaluation with its quarter-hours."""
    facts = {
        "number": row.number,
        "made_at": row.made_at.isoformat(),
        "cause": row.cause,
        "appeal": row.appeal,
        "method": row.method,
    }
    return facts | row.content


def appeal_view(row: ResponseAppeal) -> dict[str, Any]:
    """An appeal; `upheld` null: not answered."""
    return {
        "number": row.number,
        "filed_at": row.filed_at.isoformat(),
        "filed_by": row.filed_by,
        "reason": row.reason,
        "note": row.note,
        "answered_at": None if row.answered_at is None else row.answered_at.isoformat(),
        "answered_by": row.answered_by,
        "answer": row.answer,
        "upheld": row.upheld,
    }


def content_of(result: Evaluation, found: Baseline, rows: Iterable[Interval]) -> dict[str, Any]:
    """What is kept of an evaluation, in kW and kWh."""
    facts = asdict(result)
    content: dict[str, Any] = {
        "baseline_kw": _kw(facts["baseline"]),
        "load_kw": _kw(facts["load"]),
        "invited_kw": result.invited_w / 1000,
        "replied_kw": result.replied_w / 1000,
        "cleared_kw": result.cleared_w / 1000,
        "actual_kw": round(result.actual_w / 1000, 3),
        "ratio": result.ratio,
        "confirmed_kw": round(result.confirmed_w / 1000, 3),
        "credited_kwh": round(result.credited_wh / 1000, 3),
        "pay": result.pay,
        "is_effective": result.effective,
        "effective_time_s": result.effective_s,
        "days": [day.isoformat() for day in found.days],
        "adjusted_kw": round(found.adjusted_w / 1000, 3),
    }
    return content | {"rows": [row_view(row) for row in rows]}


def row_view(row: Interval) -> dict[str, Any]:
    """A quarter-hour in kW."""
    return {
        "begins_at": row.begins_at.isoformat(),
        "baseline_kw": round(row.baseline_w / 1000, 3),
        "plan_kw": round(row.plan_w / 1000, 3),
        "actual_kw": None if row.actual_w is None else round(row.actual_w / 1000, 3),
        "adjustment_kw": None if row.actual_w is None else round((row.actual_w - row.baseline_w) / 1000, 3),
    }


def _kw(spread: Mapping[str, float]) -> dict[str, float]:
    return {name.removesuffix("_w"): round(value / 1000, 3) for name, value in spread.items()}
