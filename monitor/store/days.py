"""Local days, as the interface counts them. Pure."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")


def local_day(moment: datetime) -> str:
    """The day that a moment belongs to, `yyyy-MM-dd`."""
    return moment.astimezone(ZONE).date().isoformat()


def following(day: str, days: int = 1) -> str:
    """The day after."""
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()
