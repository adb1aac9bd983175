"""Limits of a feeder: those in force and how far they have come, what was stated; set, rehearse and cancel by role."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup
from nicegui import ui

from csms.texts import Text
from monitor.dashboard.history import Json
from monitor.dashboard.look import moment
from monitor.dashboard.web.api import segment
from monitor.dashboard.web.ask_back import ask_back
from monitor.dashboard.web.desk import View
from monitor.dashboard.web.figures import duration, kilo, local_time
from monitor.dashboard.web.parts import card, markup, table, tag
from monitor.dashboard.web.words import said

MINUTES = (15, 30, 60, 120, 240, 480)
AGAIN_S = 2.0
HISTORY_SHOWN = 20
CARS_SHOWN = 8


async def limits_card(view: View, feeder_id: str) -> None:
    """Everything about limits of one feeder."""
    text, path = view.text, f"/feeders/{segment(feeder_id)}"
    with card(text("web.limit.title")):
        force = tag("div", "stack")
        if view.visitor.limits:
            _form(view, feeder_id)
    with card(text("web.limit.history")):
        history = markup(Markup(""))
        with tag("p", "row-line"):
            file = f"/export/limits?feeder={segment(feeder_id)}"
            tag("a", "", text("web.export.jsonl"), href=f"{file}&form=jsonl", download="limits.jsonl")
            tag("a", "", text("web.export.csv"), href=f"{file}&form=csv", download="limits.csv")
    seen: dict[str, Any] = {}

    async def look() -> None:
        state = await view.read_or_none(f"{path}/state")
        records = await view.read_or_none(f"{path}/limits/history", limit=HISTORY_SHOWN)
        if state is not None and (state["limits"], state["failsafe"]) != seen.get("state"):
            seen["state"] = state["limits"], state["failsafe"]
            force.clear()
            with force:
                _in_force(view, feeder_id, state)
        if records is not None:
            history.set_content(str(history_markup(text, records["records"], moment(records["clock_time"]))))

    await look()
    ui.timer(AGAIN_S, look)


def _in_force(view: View, feeder_id: str, state: Json) -> None:
    """Each limit with a button to cancel it; without one, that the contract alone counts."""
    text, now = view.text, moment(state["clock_time"])
    if state["failsafe"]:
        tag("p", "fault", text("web.limit.failsafe", power=kilo(state["failsafe_w"])))
    if not state["limits"]:
        tag("p", "empty", text("web.limit.none", power=kilo(state["rating_w"])))
    for limit in state["limits"]:
        with tag("div", "row-line limit"):
            markup(limit_markup(text, limit, now))
            tag("div", "gap")
            if view.visitor.limits:
                _cancel(view, feeder_id, limit)


def limit_markup(text: Text, limit: Json, now: datetime) -> Markup:
    """Power, window, who said so, and how far it has come."""
    stage = text(f"limit.stage.{limit['stage']}") if limit.get("stage") else text(f"web.limit.{limit['state']}")
    window = f"{local_time(limit['valid_from'], now)} – {local_time(limit['valid_to'], now)}"
    words = text("web.limit.by", source=limit["source"], version=limit["version"])
    reason = f" · {limit['reason']}" if limit["reason"] else ""
    return Markup(
        "<span><b>{} kW</b> &nbsp;{} &nbsp;<b class=mood-good>{}</b><br><span class=quiet>{} · {}{}</span></span>"
    ).format(kilo(limit["value_w"]), window, stage, limit["id"], words, reason)


def _cancel(view: View, feeder_id: str, limit: Json) -> None:
    text = view.text
    path = f"/feeders/{segment(feeder_id)}/limits/{segment(limit['id'])}"
    path += f"?source={segment(limit['source'])}" if view.visitor.role == "administrator" else ""

    async def go() -> None:
        work = view.desk.api.delete(view.visitor.token, path)
        await view.act(work, lambda _: (text("web.limit.cancelled", limit=limit["id"]), False))

    question = text("web.limit.cancel_really", power=kilo(limit["value_w"]))
    ask = lambda: ask_back(text, question, text("web.limit.cancel"), go)  # noqa: E731 - a button's one word
    ui.button(text("web.limit.cancel"), on_click=ask).props("outline no-caps dense padding='4px 12px'")


def statement(power_w: int, now: datetime, minutes: int, reason: str) -> dict[str, Any]:
    """A limit as the grid operator writes it; the version is the millisecond of issue, so it rises."""
    document = {
        "version": int(now.timestamp() * 1000),
        "issued_at": now.isoformat(),
        "value_w": power_w,
        "valid_from": now.isoformat(),
        "valid_to": (now + timedelta(minutes=minutes)).isoformat(),
    }
    return document | ({"reason": reason} if reason else {})


def _form(view: View, feeder_id: str) -> None:
    text = view.text
    with tag("div", "row-line limit-form"):
        power = ui.number(text("web.limit.power"), min=0, step=1).props("dense outlined").classes("short")
        choices = {minutes: duration(timedelta(minutes=minutes)) for minutes in MINUTES}
        minutes = ui.select(choices, value=60, label=text("web.limit.for")).props("dense outlined").classes("short")
        reason = ui.input(text("web.limit.reason")).props("dense outlined maxlength=200").classes("search")

        def said() -> dict[str, Any] | None:
            """What the form says, None (and a note) while it says no power."""
            snapshot = view.hub.snapshot
            if power.value is None or power.value < 0 or snapshot is None:
                view.say(text("web.limit.say_power"), bad=True)
                return None
            return statement(round(power.value * 1000), snapshot.time, int(minutes.value), str(reason.value or ""))

        async def rehearse() -> None:
            if (document := said()) is not None:
                path = f"/feeders/{segment(feeder_id)}/limits/rehearsal/drill"
                work = view.desk.api.post(view.visitor.token, path, document)
                drill = await view.act(work, lambda _: (text("web.limit.rehearsed"), False))
                if drill is not None:
                    result.set_content(str(drill_markup(text, drill)))

        async def push() -> None:
            if (document := said()) is not None:
                path = f"/feeders/{segment(feeder_id)}/limits/{uuid.uuid4()}"
                work = view.desk.api.put(view.visitor.token, path, document)
                await view.act(work, lambda _: (text("web.limit.pushed", power=kilo(document["value_w"])), False))

        ui.button(text("web.limit.rehearse"), on_click=rehearse).props("outline no-caps")
        ui.button(text("web.limit.push"), on_click=push, color=None).props("unelevated no-caps").classes("filled")
    result = markup(Markup(""))


def drill_markup(text: Text, drill: Json) -> Markup:
    """When the cap would hold, and which cars would get less."""
    rehearsal = drill["rehearsal"]
    holds = rehearsal["holds_s"]
    words = text("web.drill.never") if holds is None else text("web.drill.holds", seconds=f"{holds:.0f}")
    told = text("web.drill.told", count=len(rehearsal["told"]), seconds=f"{rehearsal['commanded_s']:.0f}")
    away = rehearsal["unreachable"]
    missing = Markup('<p class="fault">{}</p>').format(text("web.drill.away", stations=", ".join(away))) if away else ""
    rows = [
        {
            "evse": loss["evse"],
            "less": f"{loss['without_kwh'] - loss['with_kwh']:.1f}",
            "gets": f"{loss['with_kwh']:.1f}",
        }
        for loss in drill["losses"][:CARS_SHOWN]
    ]
    columns = [("evse", text("web.drill.car")), ("#gets", text("web.drill.gets")), ("#less", text("web.drill.less"))]
    return Markup("<p><b>{}</b> {}</p>{}{}").format(
        words, told, missing, table(columns, rows, text("web.drill.nobody"))
    )


def history_markup(text: Text, records: Sequence[Json], now: datetime) -> Markup:
    """What was stated and decided, as it stands in the audit log."""
    rows = [
        {
            "at": local_time(record["at"], now),
            "who": _who(record),
            "action": said(text, "limit_action", record["action"]),
            "value": _value(record["result"]),
            "result": _result(text, record["result"]),
        }
        for record in records
    ]
    columns = [
        ("at", text("web.limit.at")),
        ("who", text("web.limit.who")),
        ("action", text("web.limit.action")),
        ("#value", "kW"),
        ("result", text("web.limit.result")),
    ]
    return table(columns, rows, text("web.limit.no_history"))


def _who(record: Json) -> str:
    """The name of the token, else the source that stands in the statement."""
    who, detail = record["who"], record["detail"]
    name = who.get("name", "") if isinstance(who, dict) else str(who or "")
    return str(name or (detail.get("source", "") if isinstance(detail, dict) else ""))


def _value(result: Any) -> str:
    power_w = result.get("power_w") if isinstance(result, dict) else None
    return kilo(power_w) if isinstance(power_w, int | float) else ""


def _result(text: Text, result: Any) -> str:
    """What was decided about a statement, or how far the limit has come."""
    told = result if isinstance(result, dict) else {}
    if stage := told.get("stage"):
        outcome = str(told.get("outcome", "pending")).replace(" ", "_")
        return f"{text(f'limit.stage.{stage}')} · {text(f'limit.outcome.{outcome}')}"
    return said(text, "limit_result", str(told.get("code") or told.get("mode") or "accepted"))
