"""What `csms optimize` says about plans: why a car charges when it does, and what a plan saves. Words come from the
catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from rich.table import Table

from optimizer.comparison import Line
from optimizer.explain import Account
from optimizer.problem import CapSoft, Shortfall
from optimizer.site import Site, SitePlan

Text = Callable[..., str]


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
        key = "feeder" if held.feeder else "site"
        lines.append(text(f"optimize.why.held_{key}", feeder=held.feeder, times=times(held.stretches, slot_h)))
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
    return [*lines, *missing_lines(text, plan.shortfalls, plan.cap_soft)]


def reason_words(text: Text, reason: str, feeder: str, line: str) -> str:
    """Why somebody goes short, the cap, conductor or limit to blame by name."""
    key = f"optimize.reason.{reason.replace(' ', '_')}"
    return text(key, feeder=feeder, line=line, place=_place(text, feeder))


def _place(text: Text, feeder: str) -> str:
    return text("optimize.place.feeder", feeder=feeder) if feeder else text("optimize.place.site")


def missing_lines(text: Text, shortfalls: Iterable[Shortfall], soft: Iterable[CapSoft]) -> list[str]:
    """Who goes short and why, and where the base load alone is too much."""
    lines = []
    for short in shortfalls:
        reason = reason_words(text, short.reason, short.feeder, short.line)
        lines.append(text("optimize.shortfall", id=short.session_id, energy=f"{short.energy_kwh:.3f}", reason=reason))
    for cap in soft:
        if cap.line:
            more = {"excess": f"{cap.excess_a:.1f}", "line": cap.line, "place": _place(text, cap.feeder)}
            lines.append(text("optimize.lines.soft", slot=cap.slot, **more))
        else:
            lines.append(text("optimize.cap_soft", slot=cap.slot, excess=f"{cap.excess_kw:.2f}"))
    return lines
