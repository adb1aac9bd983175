"""Calls of partners to us, counted since the server started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(slots=True)
class Calls:
    """The calls of one partner. `called_at`: the last one; `last_refusal`: code and reason of the last refused one."""

    calls: int = 0
    refused: int = 0
    called_at: datetime | None = None
    last_refusal: str = ""

    def note(self, at: datetime, ret: int, why: str, *, refused: bool) -> None:
        """One more."""
        self.calls += 1
        self.called_at = at
        if refused:
            self.refused += 1
            self.last_refusal = f"{ret} {why}".strip()

    def document(self) -> Mapping[str, Any]:
        """The figures by the names of a partner's status."""
        return {
            "calls": self.calls,
            "calls_refused": self.refused,
            "called_at": self.called_at,
            "last_refusal": self.last_refusal,
        }
