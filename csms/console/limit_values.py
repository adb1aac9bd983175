"""What the commands about limits are given: a power, a window, a statement as the grid operator writes it."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import typer

from csms.console import units
from csms.console.client import ApiClient
from csms.texts import Text

POWER_MAX_W = 10**10


def power_w_option(text: Text, watts: int | None, kw: float | None) -> int:
    """The one given value in W; usage error for none, both, a negative or an impossible one."""
    if (watts is None) == (kw is None):
        raise typer.BadParameter(text("limit.one_value"), param_hint="WATTS / --kw")
    power_w = float(watts) if watts is not None else (kw or 0.0) * 1000
    if not math.isfinite(power_w) or not 0 <= power_w <= POWER_MAX_W:
        raise typer.BadParameter(text("limit.bad_value", value=watts if watts is not None else kw), param_hint="WATTS")
    return round(power_w)


def server_time(api: ApiClient) -> datetime:
    """The server's clock counts, it may run faster than life."""
    return units.moment(api.clock_time())


def statement(limit_id: str, version: int | None, now: datetime, power_w: int, reason: str) -> dict[str, Any]:
    """A limit as the grid operator writes it; the version defaults to the millisecond of issue: it rises."""
    document: dict[str, Any] = {
        "id": limit_id,
        "version": version or int(now.timestamp() * 1000),
        "issued_at": now.isoformat(),
        "value_w": power_w,
        "direction": "import",
    }
    return document | ({"reason": reason} if reason else {})


def cancellation(limit_id: str, now: datetime) -> dict[str, Any]:
    """The end of a limit, as a statement newer than those before it."""
    return {"id": limit_id, "version": int(now.timestamp() * 1000), "issued_at": now.isoformat(), "cancel": True}


def window(text: Text, now: datetime, start: str, end: str) -> dict[str, str]:
    """`valid_from` and `valid_to`; usage error for what is no time."""
    window = {}
    for name, hint, value in (("valid_from", "--from", start), ("valid_to", "--to", end)):
        try:
            window[name] = units.point_in_time(value, now).isoformat()
        except (ValueError, OverflowError):
            raise typer.BadParameter(text("limit.bad_time", value=value), param_hint=hint) from None
    return window
