"""What `csms optimize` says about plans: why a car charges when it does, and what a plan saves. Words come from the
catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, Literal

from rich.table import Table

from optimizer.bench import PoolTiming, Timing
from optimizer.chart import WIDTH_MAX, chart
from optimizer.comparison import Line
from optimizer.explain import Account
from optimizer.explain_site import BatteryAccount, SiteAccount, SourceAccount
from optimizer.picture import Curves
from optimizer.problem import CapSoft, Plan, Problem
from optimizer.site import Site, SitePlan

Text = Callable[..., str]
CHART_MARGIN = 12


def drawing(text: Text, curves: Curves, width: int) -> list[str]:
    """The curves as text, what they mean first."""
    key = "optimize.chart" if curves.storage is None else "optimize.chart_storage"
    columns = max(1, min(WIDTH_MAX, width - CHART_MARGIN))
    return [text(key), *chart(curves.base, curves.load, curves.cap, columns, curves.storage)]


def session_table(text: Text, problem: Problem, plan: Plan) -> Table:
    """One row for each car."""
    table = Table(box=None, pad_edge=False)
    table.add_column(text("optimize.column.session"))
    for name in ("window", "wanted", "served", "peak"):
        table.add_column(text(f"optimize.column.{name}"), justify="right")
    for session, served, power in zip(problem.sessions, plan.served_kwh, plan.power_kw, strict=True):
        window = f"{session.arrival_slot}–{session.departure_slot}"
        table.add_row(session.id, window, f"{session.energy_kwh:.2f}", f"{served:.2f}", f"{power.max():.2f}")
    return table


def summary(text: Text, problem: Problem, plan: Plan) -> list[str]:
    """A plan in a few lines: its proof, what it serves, who goes short."""
    load = problem.load_kw(plan.power_kw)
    wanted = sum(session.energy_kwh for session in problem.sessions)
    proof = {"objective": f"{plan.objective:.6g}", "bound": f"{plan.lower_bound:.6g}", "gap": f"{plan.gap:.1e}"}
    served = {"served": f"{plan.served_kwh.sum():.2f}", "wanted": f"{wanted:.2f}", "peak": f"{load.max():.2f}"}
    return [
        text("optimize.proof", **proof),
        text("optimize.method", method=plan.method, iterations=plan.iterations),
        text("optimize.energy", **served),
        *shortages(text, plan),
    ]


def shortages(text: Text, plan: Plan | SitePlan) -> list[str]:
    """Who goes short and why, and where the base load alone is too much."""
    lines = []
    for short in plan.shortfalls:
        reason = reason_words(text, short.reason, short.feeder, short.line)
        lines.append(text("optimize.shortfall", id=short.session_id, energy=f"{short.energy_kwh:.3f}", reason=reason))
    return lines + [_soft(text, cap) for cap in plan.cap_soft]


def _soft(text: Text, cap: CapSoft) -> str:
    if not cap.line:
        return text("optimize.cap_soft", slot=cap.slot, excess=f"{cap.excess_kw:.2f}")
    more = {"excess": f"{cap.excess_a:.1f}", "line": cap.line, "place": _place(text, cap.feeder)}
    return text("optimize.lines.soft", slot=cap.slot, **more)


def reason_words(text: Text, reason: str, feeder: str, line: str) -> str:
    """Why somebody goes short, the cap, conductor or limit to blame by name."""
    key = f"optimize.reason.{reason.replace(' ', '_')}"
    return text(key, feeder=feeder, line=line, place=_place(text, feeder))


def _place(text: Text, feeder: str) -> str:
    return text("optimize.place.feeder", feeder=feeder) if feeder else text("optimize.place.site")


def clock(slot: int, slot_h: float) -> str:
    """A slot's beginning as hours and minutes from the first slot on."""
    minutes = round(slot * slot_h * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def times(stretches: Iterable[tuple[int, int]], slot_h: float) -> str:
    """Stretches of slots as times."""
    return ", ".join(f"{clock(first, slot_h)}–{clock(last + 1, slot_h)}" for first, last in stretches)


def sentences(text: Text, account: Account, slot_h: float) -> list[str]:
    """One car's account in words."""
    session = account.session
    lines = [
        text(
            "optimize.why.stay",
            start=clock(session.arrival_slot, slot_h),
            end=clock(session.departure_slot, slot_h),
            wanted=f"{session.energy_kwh:.2f}",
            served=f"{account.served_kwh:.2f}",
            power=f"{session.power_max_kw:g}",
        )
    ]
    lines.append(
        text("optimize.why.must" if account.must_run else "optimize.why.slack", hours=f"{account.laxity_h:.2f}")
    )
    if account.charges:
        lines.append(
            text(
                "optimize.why.charges",
                times=times(account.charges, slot_h),
                paid=f"{account.price_paid:.4g}",
                dearest=f"{account.price_dearest:.4g}",
            )
        )
    if account.price_avoided is not None:
        key = "waits" if account.price_avoided > account.price_paid else "waits_anyway"
        waits = times(account.waits, slot_h)
        lines.append(text(f"optimize.why.{key}", times=waits, avoided=f"{account.price_avoided:.4g}"))
    for held in account.held:
        reason = reason_words(text, held.reason, held.feeder, held.line)
        lines.append(text("optimize.why.held", reason=reason, times=times(held.stretches, slot_h)))
    if account.missing_kwh > 0:
        reason = reason_words(text, account.missing_reason, account.missing_feeder, account.missing_line)
        lines.append(text("optimize.why.missing", energy=f"{account.missing_kwh:.2f}", reason=reason))
    return lines


def account_document(account: Account) -> dict[str, Any]:
    """The same for machines."""
    document = asdict(account)
    document["session_id"] = document.pop("session")["id"]
    return document


def comparison_table(text: Text, lines: list[Line]) -> Table:
    """One row for each way to charge."""
    table = Table(box=None, pad_edge=False)
    table.add_column(text("optimize.compare.name"))
    for name in ("energy", "short", "money", "squares", "peak", "difference", "over"):
        table.add_column(text(f"optimize.compare.{name}"), justify="right")
    currents = any(line.over_a > 0 for line in lines)
    if currents:
        table.add_column(text("optimize.compare.over_a"), justify="right")
    for line in lines:
        table.add_row(
            text(f"optimize.rule.{line.name.replace(' ', '_')}"),
            f"{line.energy_kwh:,.1f}",
            f"{line.short_sessions}",
            f"{line.money:,.2f}",
            f"{line.squares:,.5g}",
            f"{line.peak_kw:,.1f}",
            f"{line.peak_to_valley_kw:,.1f}",
            f"{line.over_cap_kw:,.1f}",
            *([f"{line.over_a:,.1f}"] if currents else []),
        )
    return table


def saving(text: Text, lines: list[Line]) -> str:
    """The plan beside doing nothing, in one line."""
    unmanaged, best = lines[0], lines[-1]
    return text(
        "optimize.compare.saving",
        money=f"{unmanaged.money - best.money:,.2f}",
        peak=f"{unmanaged.peak_kw - best.peak_kw:,.1f}",
        valley=f"{unmanaged.peak_to_valley_kw - best.peak_to_valley_kw:,.1f}",
    )


def comparison_document(lines: list[Line]) -> list[dict[str, Any]]:
    """The same for machines."""
    return [asdict(line) | {"peak_to_valley_kw": line.peak_to_valley_kw} for line in lines]


def site_summary(text: Text, site: Site, plan: SitePlan) -> list[str]:
    """A whole site's plan in a few lines."""
    proof = {"objective": f"{plan.objective:.6g}", "bound": f"{plan.lower_bound:.6g}", "gap": f"{plan.gap:.1e}"}
    wanted, served = sum(session.energy_kwh for session in site.sessions), float(plan.served_kwh.sum())
    lines = [
        text("optimize.proof", **proof),
        text("optimize.energy", served=f"{served:.2f}", wanted=f"{wanted:.2f}", peak=f"{plan.peak_kw:.2f}"),
        text("optimize.site.cost", cost=f"{plan.cost:,.2f}"),
    ]
    for name, power in plan.source_kw.items():
        energy = round(float(power.sum()) * site.slot_h, 1)
        if energy:
            lines.append(text("optimize.site.source", name=name, energy=f"{energy:,.1f}"))
    names = [b.id for b in site.storages] + [c.id for c in site.cars]
    for name, charge, discharge in zip(names, plan.charge_kw, plan.discharge_kw, strict=True):
        into, out = (f"{values.sum() * site.slot_h:,.1f}" for values in (charge, discharge))
        lines.append(text("optimize.site.battery", name=name, into=into, out=out))
    return lines + shortages(text, plan)


def site_sentences(text: Text, told: SiteAccount, slot_h: float) -> Iterator[tuple[str, list[str]]]:
    """Names of cars, batteries, sources and of the connection, with what there is to say of each."""
    yield from ((car.session.id, sentences(text, car, slot_h)) for car in told.cars)
    yield from ((battery.id, _battery(text, battery, slot_h)) for battery in told.batteries)
    yield from ((source.name, [_source(text, source, slot_h)]) for source in told.sources)
    if told.at_limit:
        yield text("optimize.why.connection"), [text("optimize.why.full", times=times(told.at_limit, slot_h))]


def _battery(text: Text, told: BatteryAccount, slot_h: float) -> list[str]:
    lines = []
    if told.stays is not None:
        first, last = told.stays
        lines.append(text("optimize.why.here", start=clock(first, slot_h), end=clock(last + 1, slot_h)))
    if told.charges:
        into = {"energy": f"{told.charged_kwh:.2f}", "price": f"{told.price_paid:.4g}"}
        lines.append(text("optimize.why.fills", times=times(told.charges, slot_h), **into))
    if told.discharges:
        out = {"energy": f"{told.discharged_kwh:.2f}", "price": f"{told.price_got:.4g}"}
        lines.append(text("optimize.why.gives", times=times(told.discharges, slot_h), **out))
    if told.charges and told.discharges:
        lines.append(text("optimize.why.pays", price=f"{told.break_even:.4g}"))
    if not told.charges and not told.discharges:
        lines.append(text("optimize.why.idle"))
    lines.append(text("optimize.why.ends", energy=f"{told.end_kwh:.2f}"))
    if told.missing_kwh > 0:
        reason = text("optimize.reason.site_cap")
        lines.append(text("optimize.why.missing", energy=f"{told.missing_kwh:.2f}", reason=reason))
    return lines


def _source(text: Text, told: SourceAccount, slot_h: float) -> str:
    key = "source" if told.energy_kwh >= 0 else "sink"
    values = {"energy": f"{abs(told.energy_kwh):.1f}", "worth": f"{told.worth:.4g}"}
    return text(f"optimize.why.{key}", times=times(told.gives, slot_h), **values)


def site_account_documents(told: SiteAccount) -> list[dict[str, Any]]:
    """The same for machines, each with its kind."""
    return [
        *({"kind": "car", **account_document(car)} for car in told.cars),
        *({"kind": "battery", **asdict(battery)} for battery in told.batteries),
        *({"kind": "source", **asdict(source)} for source in told.sources),
        {"kind": "connection", "at_limit": told.at_limit},
    ]


def files_table(text: Text, files: Sequence[str], documents: Sequence[dict[str, Any]]) -> Table:
    """One row for each file solved."""
    table = Table(box=None, pad_edge=False)
    table.add_column(text("optimize.files.file"))
    for name in ("cars", "wanted", "served", "objective", "gap", "short"):
        table.add_column(text(f"optimize.files.{name}"), justify="right")
    for file, plan in zip(files, documents, strict=True):
        sums = [sum(session[key] for session in plan["sessions"]) for key in ("wanted_kwh", "served_kwh")]
        numbers = [f"{value:,.2f}" for value in sums]
        proof = [f"{plan['objective']:.6g}", f"{plan['gap']:.1e}"]
        table.add_row(file, f"{len(plan['sessions'])}", *numbers, *proof, f"{len(plan['shortfalls'])}")
    return table


def bench_table(text: Text, timings: Sequence[Timing]) -> Table:
    """One row for each size of fleet."""
    table = Table(box=None, pad_edge=False)
    for name in ("cars", "method", "time", "gap", "over", "served", "unserved"):
        justify: Literal["left", "right"] = "left" if name == "method" else "right"
        table.add_column(text(f"optimize.bench.column.{name}"), justify=justify)
    for one in timings:
        table.add_row(
            f"{one.cars:,}",
            one.method,
            f"{1000 * one.seconds:,.1f}",
            f"{one.gap:.1e}",
            f"{one.over_cap_kw:g}",
            f"{one.served_kwh:,.0f}",
            f"{one.unserved_kwh:,.0f}",
        )
    return table


def bench_pool(text: Text, timing: PoolTiming) -> str:
    """Many sites in one process and in several, in one line."""
    return text(
        "optimize.bench.pool",
        sites=timing.sites,
        cars=timing.cars,
        here=f"{timing.seconds_here:.2f}",
        there=f"{timing.seconds_pool:.2f}",
        processes=timing.processes,
        same=text(f"optimize.bench.{'same' if timing.same else 'different'}"),
    )


def bench_document(timings: Sequence[Timing], pooled: PoolTiming | None) -> dict[str, Any]:
    """The same for machines."""
    return {"fleets": [asdict(one) for one in timings], "pool": None if pooled is None else asdict(pooled)}
