"""Times on the wire: read whatever stations write (RB-38, HP-D7), write one form only."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo

TIME_LENGTH_MAX = 48
"""The longest honest form, with nine decimals and a zone, has 35 characters."""

_BLANK_BEFORE_ZONE = re.compile(r"\s+(?=[+-]\d|[Zz]$)")


def parse_time(value: object, zone: tzinfo = UTC) -> datetime | None:
    """The moment that a station wrote, in UTC; None when it cannot be read.

    Tolerated: no zone (then the station's `zone` counts, SR-05), a blank instead of T, `+0800`, a date alone, slashes.
    """
    if not isinstance(value, str) or len(value) > TIME_LENGTH_MAX:
        return None
    if value[-1:] == "Z" and value[10:11] == "T":
        try:
            return datetime.fromisoformat(value)  # as the standard has it, which most stations keep to
        except ValueError:
            pass
    text = _BLANK_BEFORE_ZONE.sub("", value.strip()).upper().replace("/", "-")
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def format_time(moment: datetime) -> str:
    """UTC with milliseconds and Z; raises ValueError for a time without a zone."""
    if moment.tzinfo is None:
        raise ValueError("a time on the wire needs a zone")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
