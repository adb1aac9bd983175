"""The plan in force as a picture: the day ahead with base load, charging, batteries and cap (screens, 1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from rich.text import Text as Styled

from monitor.dashboard.braille import Canvas
from monitor.dashboard.chart import AXIS_WIDTH, HEADROOM, power_label, time_axis
from monitor.dashboard.history import Json
from monitor.dashboard.look import GREY, RED, TEAL, VIOLET, moment

STYLES = {"base": GREY, "charging": TEAL, "storage": VIOLET, "cap": f"bold {RED}"}
LINES = frozenset({"cap"})


def plan_picture(plan: Json, width: int, height: int) -> list[Styled]:
    """`height` lines of `width` cells: all slots of the plan, power to the left, time below.

    What goes into batteries stands on top of the load; what they give takes the top of it.
    """
    content = plan["content"]
    canvas = Canvas(max(1, width - AXIS_WIDTH), max(1, height - 1), STYLES, LINES)
    rows = [_row(content, name) for name in ("base_kw", "charging_kw", "storage_kw", "cap_kw")]
    slots = max(len(row) for row in rows)
    base, charging, storage, cap = ([*row, *[None] * (slots - len(row))] for row in rows)
    top_w = _top_w(base, charging, storage, cap)
    dots = canvas.dot_rows / top_w
    for x in range(canvas.dot_columns if slots else 0):
        slot = x * slots // canvas.dot_columns
        _draw(canvas, x, dots, base[slot] or 0.0, charging[slot] or 0.0, storage[slot] or 0.0, cap[slot])
    drawn = canvas.rows()
    start = moment(plan["made_at"])
    end = start + timedelta(hours=slots * content.get("slot_h", 0.25))
    labelled = [power_label(index, len(drawn), top_w) + row for index, row in enumerate(drawn)]
    return [*labelled, time_axis(start, end, canvas.width)]


def _row(content: Json, name: str) -> list[float | None]:
    """A row in W; nothing where the plan has none."""
    return [None if kilowatts is None else kilowatts * 1000.0 for kilowatts in content.get(name, ())]


def _top_w(*rows: Sequence[float | None]) -> float:
    """The power at the upper edge; a cap far above the load does not press it flat."""
    base, charging, storage, cap = ([value or 0.0 for value in row] for row in rows)
    load_w = max((b + c + max(s, 0.0) for b, c, s in zip(base, charging, storage, strict=True)), default=0.0)
    near_w = max((value for value in cap if value <= 3.0 * load_w), default=0.0)
    return max(HEADROOM * max(load_w, near_w), 1000.0)


def _draw(
    canvas: Canvas, x: int, dots: float, base_w: float, charging_w: float, storage_w: float, cap_w: float | None
) -> None:
    load_w, net_w = base_w + charging_w, base_w + charging_w + storage_w
    kept_w = min(load_w, net_w)
    canvas.column("base", x, 0, round(min(base_w, kept_w) * dots))
    canvas.column("charging", x, round(base_w * dots), round(kept_w * dots))
    canvas.column("storage", x, round(kept_w * dots), round(max(load_w, net_w) * dots))
    if cap_w is not None:
        canvas.dot("cap", x, round(cap_w * dots))
