"""One bad habit tried against a central system: whether it was up to it, and whether it still serves afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from websockets.exceptions import InvalidStatus, WebSocketException

from device_sim.clock import SimClock
from device_sim.misbehaving.book import Kind
from device_sim.misbehaving.peer import CallRefused, Peer, Unanswered
from device_sim.misbehaving.pile import Wrong, boot


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it; `wrong` is empty when the central system did well, else the key of what it did."""

    kind: str
    protocol: str
    wrong: str = ""
    detail: Mapping[str, object] = field(default_factory=dict)
    said: int = 0
    answered: int = 0
    refused: int = 0

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


async def attempt(kind: Kind, url: str, station_id: str, protocol: str, clock: SimClock) -> Outcome:
    """Act the habit out. Raises OSError and WebSocketException when nobody can connect there at all."""
    peer = Peer(url, station_id, protocol, clock)
    await peer.connect()
    await _boot(peer)
    if not kind.connected:
        await peer.disconnect()
    wrong: str = ""
    detail: Mapping[str, object] = {}
    try:
        await kind.act(peer)
        if not peer.open:
            await peer.connect()
        await peer.call("Heartbeat")
    except Wrong as fault:
        wrong, detail = fault.key, fault.values
    except CallRefused as fault:
        wrong, detail = "refused", {"reason": str(fault)}
    except Unanswered as fault:
        wrong, detail = "unanswered", {"reason": str(fault)}
    except InvalidStatus as fault:
        wrong, detail = "handshake_fault", {"status": fault.response.status_code}
    except (OSError, WebSocketException) as fault:
        wrong, detail = "closed", {"reason": str(fault)}
    finally:
        await peer.leave()
    return Outcome(kind.name, protocol, wrong, detail, peer.said, peer.answered, peer.refused)


async def _boot(peer: Peer) -> None:
    """The habit is judged, not the boot before it."""
    try:
        await boot(peer)
    except (CallRefused, Unanswered):
        return
