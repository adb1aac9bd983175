"""Counts of what the charging room did since it started."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """`sent` = accepted + refused + unanswered + on the way; `seen`: metering showed that the pile keeps the limit.

    `read_back`: bounds of the process before that a station confirmed; `read_back_above`: it holds more than that;
    `read_back_silent`: it said nothing that makes sense.
    """

    sent: int = 0
    accepted: int = 0
    refused: int = 0
    unanswered: int = 0
    seen: int = 0
    floors_accepted: int = 0
    plans: int = 0
    fallbacks: int = 0
    read_back: int = 0
    read_back_above: int = 0
    read_back_silent: int = 0
