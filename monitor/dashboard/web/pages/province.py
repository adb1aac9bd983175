"""The provincial interface: is everything sent and accepted?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from fastapi import Request
from markupsafe import Markup
from nicegui import ui

from csms.texts import Text
from monitor.dashboard.history import Json
from monitor.dashboard.look import moment
from monitor.dashboard.web.api import segment
from monitor.dashboard.web.ask_back import ask_back
from monitor.dashboard.web.desk import PATIENCE_S, Desk, View, view_of
from monitor.dashboard.web.figures import duration, local_time
from monitor.dashboard.web.frame import frame
from monitor.dashboard.web.parts import Kpi, card, markup, table, tag

MESSAGES_SHOWN, MESSAGES_READ = 50, 1000
AGAIN_S = 10.0
FIGURES = ("acked", "waiting", "dead", "refused")


def mount(desk: Desk) -> None:
    """The page at `/province`."""

    @ui.page("/province", response_timeout=PATIENCE_S)
    async def province(request: Request) -> None:
        view = view_of(desk, request)
        with frame(view, "province"):
            await _build(view)


async def _build(view: View) -> None:
    found = await view.read("/province")
    partners = found["partners"] if found is not None else []
    if not partners:
        tag("p", "empty", view.text("web.province.none"))
    for partner in partners:
        await _partner(view, partner["partner"])


async def _partner(view: View, name: str) -> None:
    text = view.text
    with card(name):
        state = markup(Markup(""))
        with tag("div", "kpis"):
            kpis = {figure: Kpi(text(f"web.province.{figure}")) for figure in FIGURES}
        if view.visitor.operates:
            _actions(view, name)
        if view.visitor.sees_all:
            await _messages(view, name)

    def refresh() -> None:
        partner = next((one for one in view.hub.province if one["partner"] == name), None)
        if partner is not None:
            state.set_content(str(state_markup(text, partner)))
            _show(text, kpis, partner)

    view.follow(refresh)


def _show(text: Text, kpis: dict[str, Kpi], partner: Json) -> None:
    waiting = partner["queued"] + partner["sent"] + partner["retry"]
    kpis["acked"].show(f"{partner['acked']:,}", text("web.province.attempts", count=partner["attempts"]))
    kpis["waiting"].show(f"{waiting:,}", text("web.province.retrying", count=partner["retry"]))
    kpis["dead"].show(f"{partner['dead']:,}", "", "bad" if partner["dead"] else "good")
    kpis["refused"].show(
        f"{partner['calls_refused']:,}",
        text("web.province.calls", count=partner["calls"]),
        "warn" if partner["calls_refused"] else "",
    )


def state_markup(text: Text, partner: Json) -> Markup:
    """Whether it can be reached, its token, and what holds messages up."""
    if partner["paused"]:
        words, mood = text("web.province.paused", reason=partner["paused"]), "bad"
    elif partner["barred"]:
        words, mood = text("web.province.barred", reason=partner["barred"]), "bad"
    elif partner["unreachable"]:
        words, mood = text("web.province.unreachable"), "bad"
    else:
        words, mood = text("web.province.well"), "good"
    token = text(f"web.province.token_{partner['token']}")
    last = Markup('<p class="quiet">{}</p>').format(text("web.province.last_error", reason=partner["last_error"]))
    return Markup('<p><b class="mood-{}">{}</b> <span class="quiet">{} · {}</span></p>{}').format(
        mood, words, token, partner["profile"], last if partner["last_error"] else ""
    )


def _actions(view: View, name: str) -> None:
    text, path = view.text, f"/province/{segment(name)}"

    async def test() -> None:
        work = view.desk.api.post(view.visitor.token, f"{path}/test", {})
        await view.act(work, lambda link: (link["text"] or text("web.province.link_well"), not link["ok"]))

    async def replay() -> None:
        work = view.desk.api.post(view.visitor.token, f"{path}/replay", {"ids": []})
        await view.act(work, lambda done: (text("web.province.replayed", count=done["replayed"]), False))

    with tag("div", "actions", style="margin-top:.8rem"):
        ui.button(text("web.province.test"), on_click=test).props("outline no-caps dense padding='4px 12px'")
        question, verb = text("web.province.replay_really"), text("web.province.replay")
        again = ui.button(verb, on_click=lambda: ask_back(text, question, verb, replay))
        again.props("outline no-caps dense padding='4px 12px'")


async def _messages(view: View, name: str) -> None:
    """Interfaces with what waits and what was given up, then the messages; read anew each ten seconds."""
    text, path = view.text, f"/province/{segment(name)}/messages"
    health = markup(Markup(""), "spaced")
    lists = {dead: markup(Markup(""), "spaced") for dead in (True, False)}

    async def look() -> None:
        pages = {dead: await view.read_or_none(path, dead=dead, limit=MESSAGES_READ) for dead in (True, False)}
        found = {dead: page["messages"] if page else [] for dead, page in pages.items()}
        now = next((moment(page["clock_time"]) for page in pages.values() if page), None)
        if now is None:
            return
        health.set_content(str(health_markup(text, found[False], found[True], now)))
        for dead, messages in found.items():
            title = text("web.province.given_up" if dead else "web.province.on_their_way")
            shown = messages_markup(text, messages[:MESSAGES_SHOWN], now)
            lists[dead].set_content(str(Markup("<h2>{}</h2>{}").format(title, shown) if messages else ""))

    await look()
    ui.timer(AGAIN_S, look)


def health_markup(text: Text, waiting: Sequence[Json], dead: Sequence[Json], now: datetime) -> Markup:
    """Of each interface: how much waits and how long the oldest has, how far up the retry ladder, what was given up."""
    rows = []
    for interface in sorted({one["interface"] for one in (*waiting, *dead)}):
        mine = [one for one in waiting if one["interface"] == interface]
        lost = [one for one in dead if one["interface"] == interface]
        oldest = min((moment(one["created_at"]) for one in mine), default=None)
        steps = Counter(one["attempts"] for one in mine)
        ladder = ", ".join(f"{count} × {step}" for step, count in sorted(steps.items()))
        error = next((one["last_error"] for one in (*mine, *lost) if one["last_error"]), "")
        rows.append(
            {
                "interface": interface,
                "waiting": f"{len(mine):,}",
                "oldest": duration(now - oldest) if oldest else "–",
                "ladder": ladder or "–",
                "dead": Markup('<span class="{}">{}</span>').format("mood-bad" if lost else "", len(lost)),
                "error": error,
            }
        )
    names = ("interface", "#waiting", "#oldest", "ladder", "#dead", "error")
    columns = [(name, text(f"web.health.{name.lstrip('#')}")) for name in names]
    return Markup("<h2>{}</h2>{}").format(text("web.health.title"), table(columns, rows, text("web.health.calm")))


def messages_markup(text: Text, messages: Sequence[Json], now: datetime) -> Markup:
    """Messages without their content."""
    rows = [
        {
            "interface": one["interface"],
            "key": one["business_key"],
            "attempts": one["attempts"],
            "made": local_time(one["created_at"], now),
            "next": local_time(one["next_at"], now),
            "error": one["last_error"],
        }
        for one in messages
    ]
    columns = [
        (key, text(f"web.province.{key.lstrip('#')}"))
        for key in ("interface", "key", "#attempts", "made", "next", "error")
    ]
    return table(columns, rows, text("web.none"))
