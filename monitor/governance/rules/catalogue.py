"""What each rule is: id, subject, severity, dimension; and the limits of all. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from monitor.quality.tally import Dimension

RULE_SET = "2026-physics-2"
"""Changes whenever a rule or a limit does: scores of different rule sets are not compared."""


class Subject(StrEnum):
    """What a row of a verdict is."""

    ORDER = "order"
    STATUS = "status"
    CLAIM = "claim"
    STATION_DAY = "station_day"
    CONNECTOR_HOUR = "connector_hour"
    CONNECTOR_DAY = "connector_day"
    CONNECTOR = "connector"


class Severity(IntEnum):
    """The weight of a check in a score."""

    MINOR = 1
    MAJOR = 3
    CRITICAL = 5


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `unit` is that of the values its verdict tells. What it means in words: the text `data.rule.<id>`."""

    id: str
    subject: Subject
    severity: Severity
    dimension: Dimension
    unit: str


def _rule(id_: str, subject: Subject, severity: Severity, dimension: Dimension, unit: str) -> Rule:
    return Rule(id_, subject, severity, dimension, unit)


_D, _O = Dimension, Subject.ORDER
_LOW, _MID, _HIGH = Severity.MINOR, Severity.MAJOR, Severity.CRITICAL

RULES = {
    rule.id: rule
    for rule in (
        _rule("Q01", _O, _HIGH, _D.CONSISTENCY, "Wh"),
        _rule("Q02", _O, _MID, _D.ACCURACY, "share"),
        _rule("Q03", _O, _LOW, _D.ACCURACY, "points"),
        _rule("Q04", _O, _HIGH, _D.ACCURACY, "Wh"),
        _rule("Q05", _O, _HIGH, _D.ACCURACY, "Wh"),
        _rule("Q06", _O, _MID, _D.ACCURACY, "share"),
        _rule("Q07", _O, _LOW, _D.COMPLETENESS, "intervals"),
        _rule("Q08", _O, _HIGH, _D.CONSISTENCY, "s"),
        _rule("Q09", _O, _MID, _D.TIMELINESS, "s"),
        _rule("Q10", _O, _HIGH, _D.VALIDITY, "copies"),
        _rule("Q11", Subject.STATUS, _LOW, _D.VALIDITY, "state"),
        _rule("Q12", _O, _MID, _D.COMPLETENESS, "s"),
        _rule("Q13", _O, _HIGH, _D.VALIDITY, "s"),
        _rule("Q14", _O, _HIGH, _D.COMPLETENESS, "Wh"),
        _rule("Q15", _O, _HIGH, _D.CONSISTENCY, "yuan"),
        _rule("Q16", _O, _LOW, _D.ACCURACY, "share"),
        _rule("Q17", Subject.CLAIM, _MID, _D.CONSISTENCY, "s"),
        _rule("Q18", Subject.STATION_DAY, _LOW, _D.COMPLETENESS, "z"),
        _rule("R01", Subject.CONNECTOR_HOUR, _LOW, _D.ACCURACY, "z"),
        _rule("R02", Subject.CONNECTOR_DAY, _MID, _D.ACCURACY, "cusum"),
        _rule("R03", Subject.CONNECTOR, _LOW, _D.ACCURACY, "z"),
    )
}
"""By id, in the order of the ids."""

SOURCES = ("stations", "partner", "file")
"""Kinds of sources of the set of facts."""
PARTLY = frozenset({("stations", "Q15"), ("stations", "Q16"), ("partner", "Q15")})
"""Source and rule: judged where it tells enough; the text `data.rule_partly.<source>_<id>` says when."""
_NO_SAMPLES = dict.fromkeys(("Q02", "Q03", "Q05", "Q06", "Q07", "Q09", "Q12"), "samples")
_NO_SAMPLES |= {"Q11": "states", "Q16": "capacity", "Q17": "claims"} | dict.fromkeys(("R01", "R02", "R03"), "samples")
NOT_JUDGED: dict[str, dict[str, str]] = {
    "stations": {"Q17": "stations_Q17"} | dict.fromkeys(("Q18", "R01", "R02", "R03"), "stations_Q18"),
    "partner": _NO_SAMPLES | {"Q18": "weeks"},
    "file": _NO_SAMPLES | {"Q15": "prices", "Q18": "weeks"},
}
"""By source the rules that never judge its orders in the set of facts: the text `data.rule_lacks.<...>` says why."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Thresholds in the units of their names: those of the measured benchmark (Q01 to Q10), defaults for the rest."""

    energy_wh: float = 300.0
    energy_share: float = 0.025
    integral_mads: float = 6.0
    integral_share: float = 0.05
    integral_rise_wh: float = 1000.0
    """A register that rose less says too little about a ratio."""
    register_step_wh: float = 100.0
    """The coarsest register."""
    soc_fall_points: float = 2.0
    backward_wh: float = 50.0
    charging_w: float = 500.0
    stuck_wh: float = 200.0
    """What power promises before a register counts as stuck: above two steps of the coarsest (0.1 kWh)."""
    nameplate_share: float = 1.1
    gap_intervals: float = 2.5
    """More than two intervals; half of one is left to jitter."""
    interval_s: float = 60.0
    """Taken where samples are too few to tell their own."""
    overlap_s: float = 1.0
    clock_s: float = 360.0
    future_s: float = 300.0
    oldest_s: float = 946_684_800.0
    orderless_wh: float = 300.0
    money_yuan: float = 0.01
    """Half up in each priced part and in the sum."""
    price_yuan_per_kwh: float = 0.00005
    """Half the last digit of a price."""
    soc_points: float = 10.0
    """Fewer points of charge say too little, each being rounded."""
    soc_share_low: float = 0.75
    soc_share_high: float = 1.40
    heartbeat_s: float = 900.0
    count_z: float = 6.0
    count_weeks: int = 4
    zone_s: float = 28_800.0
    """Days and hours are those of this offset from UTC (Asia/Shanghai)."""
    hampel_mads: float = 6.0
    hampel_days: int = 14
    cusum_slack: float = 0.75
    cusum_limit: float = 12.0
    cusum_days: int = 20
    sibling_z: float = 6.0
    sibling_share: float = 0.02


CAUSES = ("Q10", "Q13", "Q09", "Q08", "Q04", "Q05", "Q06", "Q02", "Q03", "Q07", "Q12", "Q01", "Q15", "Q16", "Q14")
"""Rules about orders, the likeliest cause first: identity, time, the register, power, charge, missing samples; what is
computed from those (energy, money) comes after them."""
