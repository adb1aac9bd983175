"""What is expected of the coming hours: loads beside the stations, and cars that are still to come. Pure.

Whoever forecasts leaves it as a file (`FILE_NAME`, `encoded`) in the data folder of a central system, whose planner
reads it (`decoded`). Nothing in it makes room: see csms.charging.expectation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

FILE_NAME = "outlook.json"
FORMAT = 1
STAY_S_MAX = 30 * 86_400.0
"""Nobody plans for longer, and longer times leave the calendar."""
AMOUNT_MAX = 1e12
"""W, Wh and cars: far above any city, so that products stay numbers."""


class OutlookBroken(ValueError):
    """This is no outlook."""


@dataclass(frozen=True, slots=True)
class ComingCars:
    """`count` (a mean, any number >= 0) cars that will come to stations at a feeder at about `arrives_at`, stay for
    `stay_s` seconds, draw at most `power_w` and want `energy_wh`, each.
    """

    feeder_id: str
    arrives_at: datetime
    stay_s: float
    power_w: float
    energy_wh: float
    count: float

    def __post_init__(self) -> None:
        """Raises ValueError for what is no number, negative, endless, or without a time zone."""
        if not all(0.0 <= value <= AMOUNT_MAX for value in (self.power_w, self.energy_wh, self.count)):
            raise ValueError(f"cars at {self.feeder_id}: power, energy and count must lie between 0 and {AMOUNT_MAX:g}")
        if not 0.0 < self.stay_s <= STAY_S_MAX:
            raise ValueError(f"cars at {self.feeder_id}: a stay must lie above 0 s and within {STAY_S_MAX:g} s")
        _aware(self.arrives_at)


@dataclass(frozen=True, slots=True)
class Outlook:
    """`loads_w`: by feeder, what loads right at it will draw that are no station, W in steps of `step_s` seconds from
    `begins_at` on; None: nothing is known of a step. `made_at`: when this was said.
    """

    made_at: datetime
    begins_at: datetime
    step_s: float = 900.0
    loads_w: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    cars: tuple[ComingCars, ...] = ()
    format: int = FORMAT

    def __post_init__(self) -> None:
        """Raises ValueError for another format, a step that is none, or times without a zone."""
        if self.format != FORMAT:
            raise ValueError(f"format {FORMAT} is expected, not {self.format}")
        if not 0.0 < self.step_s <= 86_400.0:
            raise ValueError(f"a step must last up to a day, not {self.step_s} s")
        _aware(self.made_at)
        _aware(self.begins_at)

    def load_w(self, feeder_id: str, at: datetime) -> float | None:
        """The load expected right at a feeder at a moment; None where nothing is known."""
        steps = self.loads_w.get(feeder_id, ())
        place = (at - self.begins_at) // timedelta(seconds=self.step_s)
        value = steps[place] if 0 <= place < len(steps) else None
        return value if value is not None and math.isfinite(value) else None


def encoded(outlook: Outlook) -> bytes:
    """As JSON; what is no number becomes null."""
    return msgspec.json.encode(outlook)


def decoded(raw: bytes) -> Outlook:
    """From JSON; raises OutlookBroken."""
    try:
        return msgspec.json.decode(raw, type=Outlook)
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise OutlookBroken(str(fault)) from fault


def _aware(moment: datetime) -> None:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
