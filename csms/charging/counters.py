"""Counts of what the charging room did since it started."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """`sent` = accepted + refused + unanswered + on the way; `seen`: metering showed that the pile keeps the limit."""

    sent: int = 0
    accepted: int = 0
    refused: int = 0
    unanswered: int = 0
    seen: int = 0
    floors_accepted: int = 0
    plans: int = 0
    fallbacks: int = 0
