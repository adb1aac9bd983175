"""Counts of what the charging room did since it started."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """`sent` = accepted + refused + unanswered + on the way; `seen`: metering showed that the pile keeps the limit.

    `read_back_asked`: stations asked after a restart what holds them, outlet by outlet; `read_back`: they confirmed the
    bound of the process before; `read_back_above`: they hold more than that; `read_back_silent`: they said nothing that
    makes sense. `proof_…`: the same of what they were told now; `proof_odd`: they say that they do something else.
    """

    sent: int = 0
    accepted: int = 0
    refused: int = 0
    unanswered: int = 0
    seen: int = 0
    floors_accepted: int = 0
    plans: int = 0
    fallbacks: int = 0
    read_back_asked: int = 0
    read_back: int = 0
    read_back_above: int = 0
    read_back_silent: int = 0
    proof_asked: int = 0
    proof_shown: int = 0
    proof_odd: int = 0
    proof_silent: int = 0
