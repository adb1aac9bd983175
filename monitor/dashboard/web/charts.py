"""The one grammar of load pictures and what else is drawn (screens, 1), as options of ECharts. Pure.

Base load is a grey area, charging a teal one on top, storage violet; the cap a red step line, the upper bound a thin
amber one, the plan dashed, the forecast dotted in its band, now a vertical line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from monitor.dashboard.history import Json, Point
from monitor.dashboard.look import moment
from monitor.dashboard.web.palette import Theme

AXES = ("xAxis", "yAxis")
POINTS_MAX = 240
"""In one line on screen; more than that nobody sees."""

AHEAD_MIN = timedelta(minutes=45)
"""At least so much of the plan is shown, else as much as was seen of the past."""

Options = dict[str, Any]
Words = Mapping[str, str]
"""Name of a layer in the reader's language, by `base`, `charging`, `cap`, `bound`, `plan`, `storage`, `now`."""


def thinned(points: Sequence[Point], most: int = POINTS_MAX) -> list[Point]:
    """At most `most` of them, evenly spread, the last one always among them."""
    if len(points) <= most:
        return list(points)
    step = len(points) / most
    return [points[min(len(points) - 1, round((index + 1) * step) - 1)] for index in range(most)]


def load_picture(points: Sequence[Point], plan: Json | None, theme: Theme, words: Words) -> Options:
    """One feeder: what was seen, then what is planned from now on."""
    seen = thinned(points)
    base = [at_kw(p.time, p.base_w) for p in seen]
    charging = [at_kw(p.time, p.metered_w) for p in seen]
    cap = [at_kw(p.time, p.cap_w) for p in seen]
    bound = [at_kw(p.time, None if p.upper_bound_w is None else p.base_w + p.upper_bound_w) for p in seen]
    planned = [at_kw(p.time, None if p.planned_w is None else p.base_w + p.planned_w) for p in seen]
    now = seen[-1].time if seen else None
    if plan is not None and now is not None:
        ahead = _plan_ahead(plan, now, now + max(now - seen[0].time, AHEAD_MIN))
        planned, cap = planned + ahead["planned"], cap + ahead["cap"]
    series = [
        area_of(words["base"], base, theme.unavailable, 0.35),
        area_of(words["charging"], charging, theme.charging, 0.55),
        line_of(words["bound"], bound, theme.suspended, width=1, step="end"),
        line_of(words["plan"], planned, theme.ink, width=1.5, kind="dashed", step="end"),
        line_of(words["cap"], cap, theme.faulted, width=2, step="end"),
    ]
    if now is not None:
        series[0]["markLine"] = now_line(now, theme)
    return frame_of(theme) | {"series": series, "legend": legend_of([one["name"] for one in series], theme)}


def plan_picture(plan: Json, theme: Theme, words: Words) -> Options:
    """The plan of a feeder, slot by slot: base load, charging and storage stacked under the cap."""
    content = plan["content"]
    times = slot_times(plan)
    rows = {name: content.get(f"{name}_kw") or [] for name in ("base", "charging", "storage", "cap")}

    def line(name: str) -> list[list[Any]]:
        return [[t.isoformat(), v] for t, v in zip(times, rows[name], strict=False)]

    series = [
        area_of(words["base"], line("base"), theme.unavailable, 0.35, step="end"),
        area_of(words["charging"], line("charging"), theme.charging, 0.55, step="end"),
    ]
    if rows["storage"]:
        series.append(area_of(words["storage"], line("storage"), theme.reserved, 0.5, step="end"))
    series.append(line_of(words["cap"], line("cap"), theme.faulted, width=2, step="end"))
    return frame_of(theme) | {"series": series, "legend": legend_of([one["name"] for one in series], theme)}


def session_picture(lines: Mapping[str, Sequence[tuple[str, float]]], theme: Theme, words: Words) -> Options:
    """A session: power metered (kW) with the limit over it, what the station says it holds (`bound`),
    and the car's state of charge (percent) on the right.
    """
    series = [area_of(words["charging"], [list(one) for one in lines.get("power", ())], theme.charging, 0.4)]
    if lines.get("limit"):
        series.append(line_of(words["cap"], [list(one) for one in lines["limit"]], theme.faulted, width=2, step="end"))
    if lines.get("bound"):
        series.append(
            line_of(words["bound"], [list(one) for one in lines["bound"]], theme.suspended, width=1, step="end")
        )
    options = frame_of(theme)
    if lines.get("soc"):
        soc = line_of(words["soc"], [list(one) for one in lines["soc"]], theme.occupied, width=1.5)
        series.append(soc | {"yAxisIndex": 1})
        right = {
            "min": 0,
            "max": 100,
            "position": "right",
            "axisLabel": {"formatter": "{value} %", "color": theme.quiet},
        }
        options["yAxis"] = [options["yAxis"], axis_of(theme) | right | {"splitLine": {"show": False}}]
    for one in series:
        one.pop("stack", None)
    return options | {"series": series, "legend": legend_of([one["name"] for one in series], theme)}


def forecast_picture(
    curve: Mapping[str, Sequence[tuple[str, float | None]]], now: datetime, theme: Theme, words: Words
) -> Options:
    """A forecast dotted in its band, kW, over what came; now a vertical line. `curve`: said, low, high and came."""
    low = [list(one) for one in curve.get("low", ())]
    wide = [
        [at, None if top is None or bottom is None else round(top - bottom, 3)]
        for (at, top), (_, bottom) in zip(curve.get("high", ()), curve.get("low", ()), strict=True)
    ]
    floor = area_of("", low, theme.suspended, 0.0) | {
        "stack": "band",
        "lineStyle": {"width": 0},
        "tooltip": {"show": False},
    }
    band = area_of(words["band"], wide, theme.suspended, 0.22) | {"stack": "band", "lineStyle": {"width": 0}}
    came = area_of(words["came"], [list(one) for one in curve.get("came", ())], theme.charging, 0.35)
    came.pop("stack")
    said = line_of(words["said"], [list(one) for one in curve.get("said", ())], theme.ink, width=1.6, kind="dotted")
    came["markLine"] = now_line(now, theme)
    names = [words["came"], words["said"], words["band"]]
    return frame_of(theme) | {"series": [floor, band, came, said], "legend": legend_of(names, theme)}


def radar(values: Sequence[tuple[str, float]], theme: Theme) -> Options:
    """Named values of 0 to 100 around a centre."""
    return {
        "animation": False,
        "aria": {"enabled": True},
        "radar": {
            "indicator": [{"name": name, "max": 100} for name, _ in values],
            "axisName": {"color": theme.ink},
            "splitLine": {"lineStyle": {"color": theme.line}},
            "splitArea": {"show": False},
            "axisLine": {"lineStyle": {"color": theme.line}},
            "radius": "68%",
        },
        "series": [
            {
                "type": "radar",
                "data": [{"value": [value for _, value in values]}],
                "lineStyle": {"color": theme.charging, "width": 2},
                "itemStyle": {"color": theme.charging},
                "areaStyle": {"color": theme.charging, "opacity": 0.25},
            }
        ],
    }


def state_ring(counts: Sequence[tuple[str, str, int]], theme: Theme) -> Options:
    """How many are in each state: (words, family, count) as a ring."""
    data = [
        {"name": words, "value": count, "itemStyle": {"color": state_colour(theme, family)}}
        for words, family, count in counts
        if count
    ]
    return {
        "animation": False,
        "tooltip": _tooltip(theme) | {"trigger": "item"},
        "series": [
            {
                "type": "pie",
                "radius": ["68%", "92%"],
                "label": {"show": False},
                "itemStyle": {"borderColor": theme.surface, "borderWidth": 2},
                "data": data,
            }
        ],
    }


def bars(rows: Sequence[tuple[str, float]], theme: Theme, colour: str = "") -> Options:
    """Named values as vertical bars."""
    series = {"type": "bar", "data": [value for _, value in rows], "itemStyle": {"color": colour or theme.charging}}
    return frame_of(theme) | {
        "xAxis": axis_of(theme) | {"type": "category", "data": [name for name, _ in rows]},
        "series": [series | {"barMaxWidth": 28}],
    }


def lines(rows: Mapping[str, Sequence[tuple[str, float | None]]], theme: Theme) -> Options:
    """Named lines over time; the colours come in the order of the rows."""
    colours = (theme.charging, theme.occupied, theme.suspended, theme.reserved, theme.available, theme.unavailable)
    series = [
        line_of(name, [list(one) for one in row], colours[index % len(colours)], width=1.8)
        for index, (name, row) in enumerate(rows.items())
    ]
    return frame_of(theme) | {"series": series, "legend": legend_of(list(rows), theme)}


def enlarged(options: Options, font_px: int) -> Options:
    """The same with larger words, for who stands far away."""
    axes = {name: _larger(options[name], font_px) for name in AXES}
    legend = options["legend"] | {"textStyle": options["legend"]["textStyle"] | {"fontSize": font_px}}
    return options | axes | {"legend": legend, "grid": _roomier(options["grid"], font_px)}


def _larger(axis: Any, font_px: int) -> Any:
    if isinstance(axis, list):
        return [_larger(one, font_px) for one in axis]
    return axis | {"axisLabel": axis["axisLabel"] | {"fontSize": font_px}} if "axisLabel" in axis else axis


def _roomier(grid: Any, font_px: int) -> Any:
    """A strip under the picture keeps its height and moves with it."""
    if not isinstance(grid, list):
        return grid | {"left": 4 * font_px, "bottom": 2 * font_px}
    main, strip = grid
    return [main | {"left": 4 * font_px, "bottom": 3 * font_px}, strip | {"left": 4 * font_px, "bottom": 2.3 * font_px}]


def state_colour(theme: Theme, family: str) -> str:
    """The colour of a family of states."""
    return str(getattr(theme, family, theme.unavailable))


def _plan_ahead(plan: Json, now: datetime, until: datetime) -> dict[str, list[list[Any]]]:
    """What a plan holds for the time from `now` to `until`, in kW with its base load."""
    content = plan["content"]
    base, charging, cap = (content.get(f"{name}_kw") or [] for name in ("base", "charging", "cap"))
    planned: list[list[Any]] = []
    caps: list[list[Any]] = []
    for index, time in enumerate(slot_times(plan)):
        if not now < time <= until:
            continue
        if index < len(charging):
            planned.append([time.isoformat(), charging[index] + (base[index] if index < len(base) else 0.0)])
        if index < len(cap):
            caps.append([time.isoformat(), cap[index]])
    return {"planned": planned, "cap": caps}


def slot_times(plan: Json) -> list[datetime]:
    """When each slot of a plan begins."""
    content = plan["content"]
    count = max((len(content.get(f"{name}_kw") or []) for name in ("base", "charging", "storage", "cap")), default=0)
    start, slot = moment(plan["made_at"]), timedelta(hours=content.get("slot_h", 0.25))
    return [start + slot * index for index in range(count)]


def at_kw(time: datetime, watts: float | None) -> list[Any]:
    """A point of a line: W as kW."""
    return [time.isoformat(), None if watts is None else round(watts / 1000, 2)]


def area_of(name: str, data: Sequence[Any], colour: str, opacity: float, step: str = "") -> Options:
    """A filled area, stacked on the others."""
    more = {"step": step} if step else {}
    return {
        "type": "line",
        "name": name,
        "stack": "load",
        "symbol": "none",
        "data": data,
        "lineStyle": {"width": 1, "color": colour},
        "itemStyle": {"color": colour},
        "areaStyle": {"color": colour, "opacity": opacity},
        **more,
    }


def line_of(
    name: str, data: Sequence[Any], colour: str, *, width: float, kind: str = "solid", step: str = ""
) -> Options:
    """A line without points."""
    more = {"step": step} if step else {}
    return {
        "type": "line",
        "name": name,
        "symbol": "none",
        "data": data,
        "lineStyle": {"width": width, "color": colour, "type": kind},
        "itemStyle": {"color": colour},
        **more,
    }


def now_line(now: datetime, theme: Theme) -> Options:
    """A vertical line at a moment."""
    return {
        "silent": True,
        "symbol": "none",
        "label": {"show": False},
        "lineStyle": {"color": theme.quiet, "width": 1, "type": "solid"},
        "data": [{"xAxis": now.isoformat()}],
    }


def frame_of(theme: Theme) -> Options:
    """What all pictures over time have in common."""
    return {
        "animation": False,
        "aria": {"enabled": True},
        "grid": {"left": 52, "right": 20, "top": 40, "bottom": 28},
        "tooltip": _tooltip(theme) | {"trigger": "axis"},
        "xAxis": axis_of(theme) | {"type": "time", "splitLine": {"show": False}},
        "yAxis": axis_of(theme) | {"type": "value", "name": "kW", "nameTextStyle": {"color": theme.quiet}},
    }


def axis_of(theme: Theme) -> Options:
    """An axis in quiet colours."""
    return {
        "axisLine": {"lineStyle": {"color": theme.line}},
        "axisTick": {"show": False},
        "axisLabel": {"color": theme.quiet, "hideOverlap": True},
        "splitLine": {"lineStyle": {"color": theme.line}},
    }


def _tooltip(theme: Theme) -> Options:
    return {
        "backgroundColor": theme.raised,
        "borderColor": theme.line,
        "textStyle": {"color": theme.ink},
        "confine": True,
        "renderMode": "richText",
    }


def legend_of(names: Sequence[str], theme: Theme) -> Options:
    """The legend at the top right."""
    text = {"color": theme.quiet}
    return {
        "data": list(names),
        "top": 0,
        "right": 8,
        "itemWidth": 18,
        "itemHeight": 8,
        "icon": "roundRect",
        "textStyle": text,
    }
