"""Areas ranked by risk, each with what helps. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from monitor.care.areas import Area, Loads
from monitor.care.remedies import Remedy, best, remedies
from monitor.care.risk import Risk, TooShort, outlook, planned_kw, risk


@dataclass(frozen=True, slots=True)
class Finding:
    """An area. `risk` None: nothing can be said, and `why`. `raises`: the chance of a day is above what is borne;
    `sources`: where the forecast of each day is from.
    """

    area: Area
    risk: Risk | None
    remedies: tuple[Remedy, ...] = ()
    advice: Remedy | None = None
    sources: tuple[str, ...] = ()
    raises: bool = False
    why: str = ""

    @property
    def naive(self) -> bool:
        """Whether no forecast was there."""
        return set(self.sources) == {"weeks"}

    @property
    def forecast_days(self) -> int:
        """Days of the week that are forecast."""
        return sum(source != "weeks" for source in self.sources)


def judged(areas: Iterable[Area], loads: Mapping[str, Loads], level: float, alarm_at: float) -> list[Finding]:
    """All areas, those most at risk first, those of which nothing can be said at the end. `level`: probability with
    which the load that remedies are sized for is not exceeded by a day; `alarm_at`: chance of a day that alarms.
    """
    found = [_finding(area, loads.get(area.id), level, alarm_at) for area in areas]
    return sorted(found, key=_order)


def _order(one: Finding) -> tuple[bool, float, float, str]:
    if one.risk is None:
        return True, 0.0, 0.0, one.area.id
    return False, -one.risk.over_kwh, -one.risk.life_used_h, one.area.id


def _finding(area: Area, loads: Loads | None, level: float, alarm_at: float) -> Finding:
    if loads is None:
        return Finding(area, None, why="no_loads")
    try:
        coming = outlook(loads)
        threat = risk(coming, loads, area)
    except TooShort:
        return Finding(area, None, why="too_short")
    except KeyError:
        return Finding(area, None, why="no_kind")
    raises = threat.day_worst > alarm_at
    if not raises:
        return Finding(area, threat, sources=coming.sources)
    plan = planned_kw(coming, level)
    ways = remedies(plan, coming.charging_kw, area.limit_kw, area.power_factor, area.shift_h)
    return Finding(area, threat, tuple(ways), best(ways), coming.sources, raises)


def document_of(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """As JSON, in their order."""
    return [
        {
            "area": one.area.id,
            "limit_kw": one.area.limit_kw,
            "risk": asdict(one.risk) if one.risk else None,
            "raises": one.raises,
            "remedies": [asdict(way) | {"enough": way.enough} for way in one.remedies],
            "advice": one.advice.name if one.advice else None,
            "naive_forecast": one.naive,
            "sources": list(one.sources),
            "why": one.why,
        }
        for one in findings
    ]
