"""Where people are, from pings or home cells of users, so that nobody can be found in it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

USERS_MIN = 5
"""A cell with fewer users counts as empty from the start, so that no figure that leaves depends on it."""


def users_by_cell(cells: Iterable[str], users: Iterable[str]) -> dict[str, int]:
    """How many different users were in each cell, cells with fewer than five left out."""
    found: dict[str, set[str]] = {}
    for cell, user in zip(cells, users, strict=True):
        found.setdefault(cell, set()).add(user)
    return shown({cell: len(members) for cell, members in found.items()})


def shown(counts: Mapping[str, int]) -> dict[str, int]:
    """Those cells that may be shown."""
    return {cell: count for cell, count in counts.items() if count >= USERS_MIN}
