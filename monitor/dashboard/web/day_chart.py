"""The day of a feeder as one picture (screens, 1): what was, what is planned and expected, what would be. Pure.

Metered base load and charging as areas until now; the plan dashed, the forecast dotted in the band that holds nine of
ten truths, and, thin and grey, what the cars that are there would draw if nobody planned; the cap red; the tariff
period of each hour as a strip of five tones under the time axis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from monitor.dashboard.history import Json, Point
from monitor.dashboard.look import moment
from monitor.dashboard.web.charts import (
    Options,
    Words,
    area_of,
    at_kw,
    axis_of,
    frame_of,
    legend_of,
    line_of,
    now_line,
    slot_times,
    thinned,
)
from monitor.dashboard.web.palette import LEVELS, Theme

QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)
STRIP_PX = 8
Said = Mapping[str, Sequence[tuple[str, float | None]]]
"""Lines of a forecast of charging, kW: `said`, `low`, `high`, each by time."""


def day_picture(
    day: Json, plan: Json | None, points: Sequence[Point], theme: Theme, words: Words, said: Said | None = None
) -> Options:
    """`day`: answer of `/feeders/{id}/day`; `points`: what was seen since, finer than quarter-hours."""
    begin, end, now = (moment(day[name]) for name in ("begins_at", "ends_at", "clock_time"))
    now = max(now, points[-1].time) if points else now
    base, charging = _metered(day, points, begin)
    ahead = _ahead(plan, now, end)
    series = [
        area_of(words["base"], base, theme.unavailable, 0.35),
        area_of(words["charging"], charging, theme.charging, 0.55),
        *_forecast(said or {}, plan, now, end, theme, words),
        line_of(words["unmanaged"], ahead["unmanaged"], theme.quiet, width=1, step="end"),
        line_of(words["plan"], ahead["planned"], theme.ink, width=1.5, kind="dashed", step="end"),
        line_of(words["cap"], _caps(points, begin) + ahead["cap"], theme.faulted, width=2, step="end"),
    ]
    series[0]["markLine"] = now_line(now, theme)
    names = [one["name"] for one in series if one["data"] and not one.get("silent")]
    options = frame_of(theme) | {"series": series, "legend": legend_of(names, theme)}
    return _with_strip(options, day["prices"], (begin, end), theme)


def _metered(day: Json, points: Sequence[Point], begin: datetime) -> tuple[list[Any], list[Any]]:
    """Quarter-hours, each at its middle, until the finer points begin."""
    fine = [point for point in points if point.time >= begin]
    since = fine[0].time if fine else None
    base: list[Any] = []
    charging: list[Any] = []
    for one in day["quarters"]:
        middle = moment(one["begins_at"]) + QUARTER / 2
        if since is None or middle < since:
            base.append(at_kw(middle, one["base_w"]))
            charging.append(at_kw(middle, one["charging_w"]))
    for point in thinned(fine):
        base.append(at_kw(point.time, point.base_w))
        charging.append(at_kw(point.time, point.metered_w))
    return base, charging


def _caps(points: Sequence[Point], begin: datetime) -> list[Any]:
    return [at_kw(point.time, point.cap_w) for point in thinned([one for one in points if one.time >= begin])]


def _ahead(plan: Json | None, now: datetime, end: datetime) -> dict[str, list[Any]]:
    """Of a plan, with its base load, kW: what is planned, the cap, and what would be without a plan."""
    found: dict[str, list[Any]] = {"planned": [], "cap": [], "unmanaged": []}
    if plan is None:
        return found
    content = plan["content"]
    base, charging, cap = (content.get(f"{name}_kw") or [] for name in ("base", "charging", "cap"))
    free = unmanaged_kw(content, len(cap))
    for place, time in enumerate(slot_times(plan)):
        if not now - QUARTER < time < end:
            continue
        under = base[place] if place < len(base) else 0.0
        at = max(time, now).isoformat()
        if place < len(charging):
            found["planned"].append([at, round(under + charging[place], 2)])
        if place < len(cap):
            found["cap"].append([at, cap[place]])
        if any(free):
            found["unmanaged"].append([at, round(under + free[place], 2)])
    return found


def unmanaged_kw(content: Json, slots: int) -> list[float]:
    """By slot of a plan: each car draws all it can from the moment that it is there until it has what it wants."""
    slot_h = float(content.get("slot_h", 0.25))
    total = [0.0] * slots
    for one in content.get("sessions", ()):
        power_kw, left_kwh = float(one.get("power_max_kw") or 0.0), float(one.get("remaining_kwh") or 0.0)
        for place in range(int(one.get("arrival_slot", 0)), min(slots, int(one.get("departure_slot", slots)))):
            drawn_kw = min(power_kw, left_kwh / slot_h)
            if drawn_kw <= 0:
                break
            total[place] += drawn_kw
            left_kwh -= drawn_kw * slot_h
    return total


def _forecast(said: Said, plan: Json | None, now: datetime, end: datetime, theme: Theme, words: Words) -> list[Options]:
    """The expected charging over the base load of the plan, in its band."""
    under = _base_at(plan)
    rows: dict[str, list[Any]] = {}
    for name in ("said", "low", "high"):
        told = [(moment(at), kw) for at, kw in said.get(name, ()) if kw is not None]
        rows[name] = [[at.isoformat(), round(kw + under(at), 2)] for at, kw in told if now - QUARTER < at < end]
    if not rows["said"]:
        return []
    by_time = {name: dict(rows[name]) for name in rows}
    both = [at for at, _ in rows["said"] if at in by_time["low"] and at in by_time["high"]]
    low = [[at, by_time["low"][at]] for at in both]
    width = [[at, round(by_time["high"][at] - by_time["low"][at], 2)] for at in both]
    band = area_of(words["forecast"], width, theme.occupied, 0.16) | {"stack": "band"}
    band["lineStyle"] = {"width": 0}
    floor = area_of(words["forecast"], low, theme.occupied, 0.0) | {"stack": "band", "lineStyle": {"width": 0}}
    hidden = {"silent": True, "tooltip": {"show": False}}
    middle = line_of(words["forecast"], rows["said"], theme.occupied, width=1.5, kind="dotted")
    return [floor | hidden, band | hidden, middle]


def _base_at(plan: Json | None) -> Any:
    if plan is None:
        return lambda at: 0.0
    base = plan["content"].get("base_kw") or []
    made_at, slot = moment(plan["made_at"]), timedelta(hours=plan["content"].get("slot_h", 0.25))

    def under(at: datetime) -> float:
        place = (at - made_at) // slot
        return float(base[min(max(place, 0), len(base) - 1)]) if base else 0.0

    return under


def _with_strip(options: Options, prices: Sequence[Json], span: tuple[datetime, datetime], theme: Theme) -> Options:
    """The same from midnight to midnight, with a strip of tariff periods below; one price at all hours has none."""
    begin, end = (at.isoformat() for at in span)
    time = options["xAxis"] | {"min": begin, "max": end}
    levels = [level for level in LEVELS if any(one["level"] == level for one in prices)]
    if not levels:
        return options | {"xAxis": time}
    grid = options["grid"] | {"bottom": 46}
    strip_grid = {"left": grid["left"], "right": grid["right"], "bottom": 34, "height": STRIP_PX}
    hidden = {"show": False, "type": "value", "min": 0, "max": 1, "gridIndex": 1}
    strip_time = axis_of(theme) | {"type": "time", "min": begin, "max": end, "gridIndex": 1, "show": False}
    strips = [_strip(level, prices) for level in levels]
    time = time | {"axisLabel": time["axisLabel"] | {"margin": 17}}
    return options | {
        "grid": [grid, strip_grid],
        "xAxis": [time, strip_time],
        "yAxis": [options["yAxis"], hidden],
        "series": [*options["series"], *strips],
    }


def _strip(level: str, prices: Sequence[Json]) -> Options:
    data: list[list[Any]] = []
    for one in prices:
        at, value = moment(one["begins_at"]), 1 if one["level"] == level else None
        data += [[at.isoformat(), value], [(at + HOUR).isoformat(), value]]
    band = area_of(level, data, LEVELS[level], 1.0) | {"xAxisIndex": 1, "yAxisIndex": 1, "lineStyle": {"width": 0}}
    band.pop("stack")
    return band | {"silent": True, "tooltip": {"show": False}}
