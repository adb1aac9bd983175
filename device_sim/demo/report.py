"""The demo's report: what happened, measured where it happened.

True power comes from the simulated piles, not from the central system; what was stored comes from the central system,
not from the piles. The two meet here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

Text = Callable[..., str]


@dataclass(frozen=True, slots=True)
class LoadTrace:
    """The transformer's true load by seconds since the start: piles, base load and the cap in force, in W."""

    at_s: NDArray[np.float64]
    piles_w: NDArray[np.float64]
    base_w: NDArray[np.float64]
    cap_w: NDArray[np.float64]

    @property
    def total_w(self) -> NDArray[np.float64]:
        """Base load and piles together."""
        return self.base_w + self.piles_w

    def peak_w(self, from_s: float = 0.0) -> float:
        """The highest load from that second on."""
        chosen = self.total_w[self.at_s >= from_s]
        return float(chosen.max()) if chosen.size else 0.0

    def over_cap_s(self, from_s: float = 0.0) -> float:
        """Seconds over the cap from that second on; a value holds until the next one."""
        held_s = np.diff(self.at_s, append=self.at_s[-1:])
        return float(held_s[(self.total_w > self.cap_w) & (self.at_s >= from_s)].sum())

    def last_over_cap_at_s(self) -> float | None:
        """When the load was over the cap for the last time, in seconds from the start; None if it never was."""
        over_s = self.at_s[self.total_w > self.cap_w]
        return float(over_s[-1]) if over_s.size else None

    def overrun_w(self, from_s: float = 0.0) -> float:
        """The largest step over the cap, 0 if it held."""
        over = (self.total_w - self.cap_w)[self.at_s >= from_s]
        return max(0.0, float(over.max())) if over.size else 0.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What the demo gathered; see `build`."""

    began: datetime
    simulated_s: float
    wall_s: float
    speed: float
    source: str
    trace: LoadTrace
    unmanaged_peak_w: float
    unmanaged_over_s: float
    energy_wanted_wh: float
    energy_possible_wh: float
    limit: Mapping[str, Any] | None
    fleet: Mapping[str, Any]
    overview: Mapping[str, Any]
    province: Sequence[Mapping[str, Any]]
    platform: Mapping[str, Any]
    plan_gap_max: float | None
    interrupted: bool


FIRST_MINUTE_S = 60.0
"""Before this wall minute has passed, stations are still connecting."""


def build(figures: Figures) -> dict[str, Any]:
    """The report as JSON; names as in the API, units in names."""
    trace, fleet, stored = figures.trace, figures.fleet, figures.overview
    settled_s = FIRST_MINUTE_S * figures.speed
    delivered_wh = float(fleet["energy_delivered_wh"])
    possible_wh = figures.energy_possible_wh
    return {
        "day": figures.began.isoformat(),
        "simulated_s": round(figures.simulated_s, 1),
        "wall_s": round(figures.wall_s, 1),
        "speed": figures.speed,
        "sessions_from": figures.source,
        "interrupted": figures.interrupted,
        "stations": fleet["stations_by_version"],
        "sessions": {
            "started": fleet["sessions_started"],
            "ended": fleet["sessions_ended"],
            "turned_away": fleet["turned_away"],
            "stored": stored["sessions"],
        },
        "energy": {
            "requested_wh": round(figures.energy_wanted_wh),
            "possible_under_cap_wh": round(possible_wh),
            "delivered_wh": round(delivered_wh),
            "delivered_of_possible": round(delivered_wh / possible_wh, 5) if possible_wh else None,
            "stored_wh": stored["energy_wh"],
        },
        "samples": {"acknowledged": fleet["samples_acknowledged"], "stored": stored["samples"]},
        "profiles": stored["profiles"],
        "load": {
            "cap_w": float(trace.cap_w.max()) if trace.cap_w.size else None,
            "lowest_cap_w": float(trace.cap_w.min()) if trace.cap_w.size else None,
            "peak_w": round(trace.peak_w()),
            "peak_after_first_minute_w": round(trace.peak_w(settled_s)),
            "over_cap_s": round(trace.over_cap_s(), 1),
            "over_cap_after_first_minute_s": round(trace.over_cap_s(settled_s), 1),
            "last_over_cap_at_s": trace.last_over_cap_at_s(),
            "all_connected_at_s": _seconds_since(figures.began, fleet["all_connected"]),
            "largest_overrun_w": round(trace.overrun_w()),
            "unmanaged_peak_w": round(figures.unmanaged_peak_w),
            "unmanaged_over_cap_s": round(figures.unmanaged_over_s),
        },
        "limit": figures.limit,
        "plan_gap_max": figures.plan_gap_max,
        "province": list(figures.province),
        "platform": dict(figures.platform),
    }


def table(report: Mapping[str, Any], text: Text) -> Table:
    """The report for people."""
    view = Table(title=text("demo.report.title"), show_header=False, title_justify="left", padding=(0, 1))
    view.add_column(style="bold", no_wrap=True)
    view.add_column()
    for key, value in _rows(report):
        view.add_row(text(f"demo.report.{key}"), value)
    return view


def _rows(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    energy, load, sessions = report["energy"], report["load"], report["sessions"]
    share = energy["delivered_of_possible"]
    gap = report["plan_gap_max"]
    by_version = " · ".join(f"{name} {count}" for name, count in sorted(report["stations"].items()))
    return [
        ("stations", by_version),
        ("sessions", f"{sessions['started']} → {sessions['ended']}"),
        ("requested", _kwh(energy["requested_wh"])),
        ("delivered", f"{_kwh(energy['delivered_wh'])}" + (f" ({share:.1%})" if share is not None else "")),
        ("samples", f"{report['samples']['acknowledged']} / {report['samples']['stored']}"),
        ("profiles", " / ".join(str(report["profiles"].get(name, 0)) for name in ("sent", "accepted", "seen"))),
        ("cap", f"{_kw(load['cap_w'])} → {_kw(load['lowest_cap_w'])}"),
        ("peak", f"{_kw(load['peak_w'])}"),
        ("unmanaged", f"{_kw(load['unmanaged_peak_w'])} ({load['unmanaged_over_cap_s']} s)"),
        ("over_cap", f"{load['over_cap_s']:g} s"),
        ("gap", f"{gap:.1e}" if gap is not None else "–"),
        ("province", " · ".join(f"{p['queued']} / {p['acked']} / {p['dead']}" for p in report["province"]) or "–"),
    ]


def _seconds_since(began: datetime, then: str | None) -> float | None:
    return None if then is None else max(0.0, (datetime.fromisoformat(then) - began).total_seconds())


def _kwh(energy_wh: float) -> str:
    return f"{energy_wh / 1000:,.1f} kWh"


def _kw(power_w: float | None) -> str:
    return "–" if power_w is None else f"{power_w / 1000:,.1f} kW"
