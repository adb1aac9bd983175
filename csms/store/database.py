"""What the writer asks of an engine: one transaction at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from csms.store.change import Change


class Database(Protocol):
    """The writing side of a database. Connects by itself, anew after a fault."""

    async def write(self, changes: Sequence[Change]) -> int:
        """Carry out all changes in one transaction and wait until it is durable; returns the number of rows.

        After an exception nothing of them is there, unless the fault came with the commit itself, and the next call
        finds a sound connection or makes one. `faults.is_outage` tells what the exception means.
        """
        ...

    async def close(self) -> None:
        """Let go of the connection; a later `write` makes a new one."""
        ...
