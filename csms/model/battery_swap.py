"""Battery swapping (OCPP 2.1 block S): messages and commands."""

from __future__ import annotations

from typing import Any

from msgspec import field

from csms.model.command import Command, Token
from csms.model.inbound import Inbound


class BatterySwapped(Inbound, frozen=True):
    """Batteries were put in, taken out, or not taken out in time. `batteries` as the station wrote them."""

    event: str
    request_id: int | None
    id_token: str
    batteries: tuple[dict[str, Any], ...] = field(default_factory=tuple)


class RequestBatterySwap(Command, frozen=True):
    """Let somebody swap batteries (S02)."""

    id_token: Token
    token_type: str = "Central"
    request_id: int = 0
