"""One status out of many."""

from __future__ import annotations

from collections.abc import Iterable

_GOOD = ("Accepted", "RebootRequired")


def overall(statuses: Iterable[str]) -> str:
    """The first status that is a refusal; else RebootRequired if one is; else Accepted."""
    told = list(statuses)
    refused = [status for status in told if status not in _GOOD]
    if refused:
        return refused[0]
    return "RebootRequired" if "RebootRequired" in told else "Accepted"
