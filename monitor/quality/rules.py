"""Thresholds of the checks: the platform profile's where it has them, else those of section 18.4. Pure.

They are kept beside every score, because a score must be recomputable after a profile was changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from decimal import Decimal
from typing import Any

from csms.province.profile import PlatformProfile

RULE_SET = "2026-2"
"""Changes whenever a check or formula does: scores of different rule sets are not compared."""

Corner = tuple[Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class Rules:
    """Limits in the units of the names; `area` is a polygon of GCJ-02 corners, none: anywhere in the country."""

    status_limit_s: Decimal
    order_limit_s: Decimal
    period_s: Decimal
    clock_slack_s: Decimal
    power_period_s: Decimal = Decimal(900)
    money_step_yuan: Decimal = Decimal("0.01")
    energy_step_kwh: Decimal = Decimal("0.01")
    meter_kwh: Decimal = Decimal("0.1")
    meter_share: Decimal = Decimal("0.01")
    power_sum_share: Decimal = Decimal("0.02")
    rated_share: Decimal = Decimal("1.05")
    integral_share: Decimal = Decimal("0.03")
    moved_degrees: Decimal = Decimal("0.01")
    area: tuple[Corner, ...] = ()
    area_codes: tuple[str, ...] = ()

    def as_inputs(self) -> dict[str, Any]:
        """As JSON: numbers as the text they were written in."""
        values = asdict(self)
        values["area"] = [[str(lng), str(lat)] for lng, lat in self.area]
        values["area_codes"] = list(self.area_codes)
        return {name: str(v) if isinstance(v, Decimal) else v for name, v in values.items()}


def rules_of(profile: PlatformProfile, changes: Mapping[str, Any] | None = None) -> Rules:
    """The rules of a profile, with what a platform changes by its own settings; raises ValueError for a wrong one."""
    times = profile.timeliness
    rules = Rules(
        status_limit_s=_exact(times.status_limit_s),
        order_limit_s=_exact(times.order_limit_s),
        period_s=_exact(times.charge_status_period_s),
        clock_slack_s=_exact(profile.clock.replay_window_s),
        power_period_s=_exact(times.power_period_s),
    )
    return replace(rules, **_read(changes or {}))


def rules_from(inputs: Mapping[str, Any]) -> Rules:
    """The rules that `as_inputs` wrote; raises ValueError for what they are not."""
    try:
        return Rules(**_read(inputs))
    except TypeError as fault:
        raise ValueError(f"these are no rules: {fault}") from None


def _read(values: Mapping[str, Any]) -> dict[str, Any]:
    unknown = values.keys() - {field.name for field in fields(Rules)}
    if unknown:
        raise ValueError(f"there is no rule {', '.join(sorted(unknown))}")
    read: dict[str, Any] = {name: _exact(value) for name, value in values.items() if name not in ("area", "area_codes")}
    if "area" in values:
        read["area"] = tuple((_exact(lng), _exact(lat)) for lng, lat in values["area"])
    if "area_codes" in values:
        read["area_codes"] = tuple(map(str, values["area_codes"]))
    return read


def _exact(value: Any) -> Decimal:
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        raise ValueError(f"{value!r} is no number") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is no number")
    return number


def inside(area: tuple[Corner, ...], lng: Decimal, lat: Decimal) -> bool:
    """Whether a point lies in a polygon (ray to the east; a point on an edge may fall on either side)."""
    result = False
    for (x1, y1), (x2, y2) in zip(area, area[1:] + area[:1], strict=True):
        if (y1 > lat) != (y2 > lat) and lng < (x2 - x1) * (lat - y1) / (y2 - y1) + x1:
            result = not result
    return result


COUNTRY: tuple[Corner, ...] = tuple((Decimal(x), Decimal(y)) for x, y in ((73, 3), (136, 3), (136, 54), (73, 54)))
"""Where nothing closer is said."""
