"""What a channel of limits is: something that runs and enters through the desk. HTTP, VTNs and files come this way, and
so does what a house writes itself (docs/howto/limit-plugs.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from importlib import import_module
from typing import Any, Protocol

from csms.charging.feeder import FeederTree
from csms.grid.decide import Decision
from csms.grid.peer import Peer
from csms.model.limit import Limit


class LimitDesk(Protocol):
    """Where limits enter (csms.grid.service.LimitService)."""

    async def submit(self, raw: bytes, peer: Peer, feeder_id: str, limit_id: str) -> Decision:
        """Decide on a statement; durable when this returns. Raises StoreUnavailable: then it is not acknowledged."""
        ...

    async def cancel(self, peer: Peer, feeder_id: str, limit_id: str, version: int | None = None) -> Decision:
        """Cancel a limit; with `version` none that is newer. Raises StoreUnavailable."""
        ...

    async def heartbeat(self, raw: bytes, peer: Peer) -> bool | None:
        """The source is there; whether its list of limits agrees with what is known. Raises BadStatement."""
        ...

    def known(self, feeder_id: str) -> list[Limit]:
        """Limits in force or to come."""
        ...

    def latest(self, source: str, feeder_id: str, limit_id: str) -> Limit | None:
        """The highest version of a limit, cancelled or over too."""
        ...

    def now(self) -> datetime:
        """The time limits are judged by."""
        ...

    @property
    def feeders(self) -> FeederTree:
        """The supply tree."""
        ...


class LimitPlug(Protocol):
    """A channel. Whatever it raises is logged, and it is started again after a pause."""

    async def run(self, desk: LimitDesk) -> None:
        """Until cancelled."""
        ...


def load_plug(path: str, peer: Peer, options: Mapping[str, Any]) -> LimitPlug:
    """`package.module:name`, called with the peer and the options. Raises ValueError."""
    module, _, name = path.partition(":")
    try:
        made: LimitPlug = getattr(import_module(module), name)(peer, **options)
    except (ImportError, AttributeError, TypeError, ValueError) as fault:
        raise ValueError(f"{path}: {fault}") from None
    return made
