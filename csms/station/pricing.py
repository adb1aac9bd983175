"""What a session costs so far, for the driver at the display (OCPP 2.0.1 block I): a port, and a simple price."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from csms.model.cost import PersonalMessage
from csms.station.state import OpenSession

CENTS = 2


class Pricing(Protocol):
    """Asked for every event of a session, so it must answer at once, out of memory."""

    def cost(self, session: OpenSession, now: datetime) -> float | None:
        """The cost so far in the currency of the house; 0 is free (I03.FR.04), None is not known."""
        ...

    def message(self, session: OpenSession, now: datetime) -> PersonalMessage | None:
        """What the driver should read about the tariff now; told when it changes (I06.FR.02)."""
        ...


@dataclass(frozen=True, slots=True)
class EnergyPrice:
    """One price for each kWh; None: prices are nobody's business here."""

    per_kwh: float | None = None

    def cost(self, session: OpenSession, now: datetime) -> float | None:
        """Energy times price."""
        return None if self.per_kwh is None else round(session.energy_wh / 1000 * self.per_kwh, CENTS)

    def message(self, session: OpenSession, now: datetime) -> PersonalMessage | None:
        """One price never changes."""
        return None
