"""Events, baselines and evaluations for people: records, tables, and load against baseline as bars."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import typer
from rich.text import Text as Styled

from csms.console import units
from csms.console.layout import Cell, Column
from csms.console.plan import bars
from csms.console.work import Output
from csms.texts import Text

CELLS_MAX = 6
"""How many signs wide a quarter-hour is drawn."""


def kw(value: float | None) -> str:
    """A power, one decimal."""
    return units.NOTHING if value is None else f"{value:,.1f}"


def state(text: Text, event: dict[str, Any]) -> str:
    """Where an event stands: the code of platforms, and in words."""
    words = text(f"response.state.{event['state']}")
    return f"{event['status']} {words}"


def moment(text: Text, value: str, now: datetime) -> datetime:
    """A time as typed; usage error for what is none."""
    try:
        return units.point_in_time(value, now)
    except (ValueError, OverflowError):
        raise typer.BadParameter(text("limit.bad_time", value=value)) from None


def quarter(text: Text, value: str, now: datetime) -> datetime:
    """The same; what is told from now on is meant to begin with the next quarter-hour."""
    at = moment(text, value, now)
    if value != "now" and not value.startswith("+"):
        return at
    past = timedelta(minutes=at.minute % 15, seconds=at.second, microseconds=at.microsecond)
    return at - past + timedelta(minutes=15) if past else at


def show_event(text: Text, out: Output, event: dict[str, Any]) -> None:
    """All that was said, what it became, what it came to."""
    price = text(f"response.unit.{event['price_unit']}", price=f"{event['price']:g}")
    notice = text(f"response.notice.{event['notice']}")
    facts: dict[str, Cell] = {
        text("response.column.event"): event["id"],
        text("response.column.feeder"): event["feeder_id"],
        text("response.column.source"): event["source"],
        text("response.column.type"): text(f"response.type.{event['type']}"),
        text("response.column.notice"): f"{event['level']} {notice}",
        text("response.column.start"): units.local_time(event["start"]),
        text("response.column.end"): units.local_time(event["end"]),
        text("response.column.target"): f"{kw(event['target_kw'])} kW",
        text("response.column.price"): price,
        text("response.column.reply_by"): units.local_time(event["reply_by"]),
        text("response.column.state"): state(text, event),
    }
    facts |= _agreed(text, event)
    out.record(facts)
    for evaluation in event.get("evaluations", []):
        out.line("")
        show_evaluation(text, out, evaluation)
    if event.get("evaluations"):
        show_rows(text, out, event["evaluations"][-1]["rows"])
    _appeals(text, out, event.get("appeals", []))


def _agreed(text: Text, event: dict[str, Any]) -> dict[str, Cell]:
    facts: dict[str, Cell] = {}
    if bid := event["bid"]:
        key = "response.bid.automatic" if bid["automatic"] else "response.bid.by_hand"
        facts[text("response.column.bid")] = text(key, power=kw(bid["power_kw"]), price=f"{bid['price']:g}")
    if told := event["clearing"]:
        taken = told["accepted"]
        words = text("response.clear.taken", power=kw(told["power_kw"]), price=f"{told['price']:g}") if taken else ""
        facts[text("response.column.clearing")] = words or text("response.clear.refused")
    if done := event["dispatch"]:
        facts[text("response.column.dispatch")] = _dispatch(text, done)
    return facts


def _dispatch(text: Text, done: dict[str, Any]) -> Cell:
    if done["code"]:
        return Styled(f"{done['code']}: {done['text']}", units.BAD)
    if "steered" in done:
        return text(f"response.dispatch.{'wish' if done['steered'] else 'watched'}")
    words = text("response.dispatch.limit", id=done["limit_id"], method=done["method"])
    short = done["short_kw"]
    return Styled(f"{words}; {text('response.dispatch.short', power=kw(short))}", units.BAD) if short else words


def show_offer(text: Text, out: Output, found: dict[str, Any]) -> None:
    """What an automatic bid would be, or why there would be none."""
    out.record(
        {
            text("response.offer.usual"): f"{kw(found['usual_kw'])} kW",
            text("response.offer.cars"): f"{kw(found['cars_kw'])} kW",
            text("response.offer.power"): f"{kw(found['power_kw'])} kW",
            text("response.offer.price"): f"{found['price']:g}",
        }
    )
    if found["why_not"]:
        out.line(text(f"response.why.{found['why_not']}"))


def show_baseline(text: Text, out: Output, found: dict[str, Any]) -> None:
    """By quarter-hour, and the days it is made of."""
    facts: dict[str, Cell] = {text("response.column.method"): found["method"]}
    if found["known"]:
        facts[text("response.baseline.days")] = ", ".join(found["days"]) or units.NOTHING
        facts[text("response.baseline.adjusted")] = f"{kw(found['adjusted_kw'])} kW"
    else:
        counts = text("response.baseline.too_few", found=found["days_found"], needed=found["days_needed"])
        facts[text("response.baseline.days")] = Styled(counts, units.BAD)
    if found["passed"]:
        facts[text("response.baseline.passed")] = ", ".join(found["passed"])
    out.record(facts)
    if found["rows"]:
        out.line("")
        columns = [Column(text("response.rows.at")), Column(text("response.rows.baseline"), right=True)]
        out.table(columns, [[units.local_time(row["begins_at"]), kw(row["baseline_kw"])] for row in found["rows"]])


def show_evaluation(text: Text, out: Output, found: dict[str, Any]) -> None:
    """The record of an event."""
    cause = text(f"response.cause.{found['cause']}")
    good = units.GOOD if found["is_effective"] else units.BAD
    spreads = {
        name: " / ".join(kw(found[name][part]) for part in ("max", "min", "avg")) for name in ("baseline_kw", "load_kw")
    }
    out.record(
        {
            text("response.evaluate.number"): f"{found['number']} ({cause})",
            text("response.column.method"): found["method"],
            text("response.evaluate.baseline"): spreads["baseline_kw"],
            text("response.evaluate.load"): spreads["load_kw"],
            text("response.evaluate.invited"): kw(found["invited_kw"]),
            text("response.evaluate.replied"): kw(found["replied_kw"]),
            text("response.evaluate.cleared"): kw(found["cleared_kw"]),
            text("response.evaluate.actual"): kw(found["actual_kw"]),
            text("response.evaluate.ratio"): Styled(f"{found['ratio']:.3f}", good),
            text("response.evaluate.confirmed"): kw(found["confirmed_kw"]),
            text("response.evaluate.credited"): f"{found['credited_kwh']:,.1f} kWh",
            text("response.evaluate.pay"): f"{found['pay']:,.2f}",
            text("response.evaluate.effective"): units.duration(found["effective_time_s"]),
        }
    )


def show_rows(text: Text, out: Output, rows: list[dict[str, Any]]) -> None:
    """A report: bars of the baseline, the plan and what was drawn on one scale, then the figures."""
    if rows:
        _picture(text, out, rows)
    out.line("")
    names = ("baseline", "plan", "actual", "adjustment")
    columns = [Column(text("response.rows.at"))]
    columns += [Column(text(f"response.rows.{name}"), right=True) for name in names]
    lines: list[list[Cell]] = [
        [units.local_time(row["begins_at"]), *(kw(row[f"{name}_kw"]) for name in names)] for row in rows
    ]
    out.table(columns, lines)


def _picture(text: Text, out: Output, rows: list[dict[str, Any]]) -> None:
    series = {name: [row[f"{name}_kw"] or 0.0 for row in rows] for name in ("baseline", "plan", "actual")}
    top = max([*(value for values in series.values() for value in values), 0.1])
    cells = max(1, min(CELLS_MAX, (out.console.width - 12) // len(rows)))
    out.line("")
    out.line(text("response.rows.scale", top=kw(top)))
    colours = {"baseline": "Unknown", "plan": "Reserved", "actual": "Charging"}
    for name, values in series.items():
        wide = [value for value in values for _ in range(cells)]
        label = Styled(text(f"response.rows.{name}"), "bold")
        label.truncate(10, pad=True)
        drawn = bars(wide, top, out.console.width - 12)
        out.line(label + Styled(" ") + Styled(drawn, units.STATE_COLOURS[colours[name]]))


def _appeals(text: Text, out: Output, appeals: list[dict[str, Any]]) -> None:
    if not appeals:
        return
    out.line("")
    titles = ("number", "filed", "reason", "note", "answer")
    columns = [Column(text(f"response.appeals.{title}")) for title in titles]
    out.table(columns, [_appeal(text, one) for one in appeals])


def _appeal(text: Text, one: dict[str, Any]) -> list[Cell]:
    state = {None: "open", True: "upheld", False: "rejected"}[one["upheld"]]
    answer = f"{text(f'response.appeals.{state}')} {one['answer']}".strip()
    reason = text(f"response.reason.r{one['reason']}")
    return [str(one["number"]), units.local_time(one["filed_at"]), reason, one["note"], answer]
