"""The tamper-evident log: roots of each day, proof of a record as a file, a check of a file that somebody has."""

from __future__ import annotations

import json
from collections.abc import Sequence

from fastapi import Request
from markupsafe import Markup
from nicegui import events, ui

from csms.model.errors import CsmsError
from csms.province import strict_json
from csms.texts import Text
from monitor.dashboard.web.api import segment
from monitor.dashboard.web.beside import Platform
from monitor.dashboard.web.desk import PATIENCE_S, Desk, View, view_of
from monitor.dashboard.web.frame import frame
from monitor.dashboard.web.parts import card, markup, table, tag
from monitor.evidence.documents import EvidenceUnreadable, SignedHead, read_public
from monitor.evidence.judge import Finding, Verdict, judge_document

DAYS_SHOWN = 60
FILE_BYTES_MAX = 4_000_000
KINDS = {"order": "charge_order", "session": "charge_status", "connector": "station_status", "station": "station_info"}


def mount(desk: Desk) -> None:
    """The page at `/evidence`."""

    @ui.page("/evidence", response_timeout=PATIENCE_S)
    async def evidence(request: Request, operator: str = "") -> None:
        view = view_of(desk, request)
        with frame(view, "evidence"):
            if not view.visitor.sees_all:
                return
            try:
                platform = await desk.beside.platform()
                if platform is None:
                    tag("p", "empty", view.text("web.quality.no_platform"))
                    return
                await _build(view, platform, operator)
            except (CsmsError, OSError, ValueError) as fault:
                tag("p", "empty", view.text("web.unreadable", reason=str(fault)))


async def _build(view: View, platform: Platform, operator: str) -> None:
    text = view.text
    known = await platform.store.evidence.operators()
    if not known:
        tag("p", "empty", text("web.evidence.none"))
    operator = operator if operator in known else next(iter(known), "")
    with tag("div", "chips"):
        for name in known:
            here = {"aria_current": "true"} if name == operator else {}
            tag("a", "chip", name, href=f"/evidence?operator={segment(name)}", **here)
    if operator:
        heads = await platform.store.evidence.heads(operator)
        with card(text("web.evidence.roots")):
            tag("p", "quiet", text("web.evidence.roots_mean"))
            markup(heads_markup(text, heads[::-1][:DAYS_SHOWN]))
        with card(text("web.evidence.prove")):
            _prove(view, platform, operator)
    with card(text("web.evidence.verify")):
        _verify(view, platform)


def heads_markup(text: Text, heads: Sequence[SignedHead]) -> Markup:
    """A signed root for each day, newest first."""
    rows = [
        {
            "day": signed.head.day,
            "records": f"{signed.head.size - signed.head.first:,}",
            "size": f"{signed.head.size:,}",
            "root": Markup('<code class="digest">{}</code>').format(signed.head.day_root),
            "signed": signed.head.signed_at[:16].replace("T", " "),
        }
        for signed in heads
    ]
    names = ("day", "#records", "#size", "root", "signed")
    return table(
        [(name, text(f"web.evidence.{name.lstrip('#')}")) for name in names], rows, text("web.evidence.open_day")
    )


def _prove(view: View, platform: Platform, operator: str) -> None:
    """The proof of the newest record about a thing, and the key to check it with, as files."""
    text = view.text
    with tag("div", "row-line limit-form"):
        kinds = {kind: text(f"web.evidence.of_{name}") for name, kind in KINDS.items()}
        kind = ui.select(kinds, value=KINDS["order"], label=text("web.evidence.kind")).props("dense outlined")
        number = ui.input(text("web.evidence.number")).props("dense outlined maxlength=64").classes("search")

        async def prove() -> None:
            about = str(number.value or "").strip()
            try:
                document = await platform.evidence.prove_thing(operator, str(kind.value), about)
            except CsmsError as fault:
                view.say(text("web.evidence.cannot", reason=str(fault)), bad=True)
                return
            ui.download.content(strict_json.write(document), "proof.json")
            view.say(text("web.evidence.proved"))

        number.on("keydown.enter", prove)
        ui.button(text("web.evidence.download"), on_click=prove, color=None).props("unelevated no-caps").classes(
            "filled"
        )
        key = ui.button(text("web.evidence.key")).props("outline no-caps")
        key.on_click(lambda: ui.download.content(platform.evidence.public_key, "platform.pem"))


def _verify(view: View, platform: Platform) -> None:
    """Of a file that somebody has: proof of a record, or of growth; with the key of this platform."""
    text = view.text
    tag("p", "quiet", text("web.evidence.verify_means"))
    verdict = markup(Markup(""))

    async def judge(event: events.UploadEventArguments) -> None:
        try:
            document = strict_json.parse_object(await event.file.read())
            found = judge_document(document, read_public(platform.evidence.public_key))
        except (EvidenceUnreadable, CsmsError, ValueError) as fault:
            verdict.set_content(
                str(Markup('<p class="fault">{}</p>').format(text("evidence.unreadable", reason=str(fault))))
            )
            return
        verdict.set_content(str(verdict_markup(text, found)))

    label = text("web.evidence.choose")
    upload = ui.upload(label=label, on_upload=judge, auto_upload=True, max_file_size=FILE_BYTES_MAX)
    upload.props("flat bordered accept=.json")
    name = f"getElement({upload.id}).$el.querySelector('input').setAttribute('aria-label', {json.dumps(label)})"
    ui.timer(0.1, lambda: ui.run_javascript(name), once=True)  # which the component leaves without a name


def verdict_markup(text: Text, verdict: Verdict) -> Markup:
    """What is wrong, or that nothing is, and whose signature it was."""
    faults = Markup("").join(
        Markup('<p class="fault">{}</p>').format(
            text(f"evidence.fault.{one.name}", place="-" if one.place is None else one.place, day=one.day or "-")
        )
        for one in verdict.faults
    )
    facts = {"records": verdict.records, "days": ", ".join(verdict.days[:1] + verdict.days[1:][-1:])}
    facts |= {"name": verdict.key_id, "missing": ", ".join(verdict.missing)}
    mood = "good" if verdict.finding is Finding.VERIFIED else "bad"
    words = text(f"evidence.finding.{verdict.finding}", **facts)
    return faults + Markup('<p><b class="mood-{}">{}</b></p>').format(mood, words)
