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
    """One rule; `unit` is that of the values its verdict tells."""

    id: str
    title: str
    subject: Subject
    severity: Severity
    dimension: Dimension
    unit: str


def _rule(id_: str, title: str, subject: Subject, severity: Severity, dimension: Dimension, unit: str) -> Rule:
    return Rule(id_, title, subject, severity, dimension, unit)


_D, _O = Dimension, Subject.ORDER
_LOW, _MID, _HIGH = Severity.MINOR, Severity.MAJOR, Severity.CRITICAL

RULES = {
    rule.id: rule
    for rule in (
        _rule("Q01", "order energy against register difference", _O, _HIGH, _D.CONSISTENCY, "Wh"),
        _rule("Q02", "power integral against register", _O, _MID, _D.ACCURACY, "share"),
        _rule("Q03", "state of charge falls while charging", _O, _LOW, _D.ACCURACY, "points"),
        _rule("Q04", "register runs backward", _O, _HIGH, _D.ACCURACY, "Wh"),
        _rule("Q05", "register stuck while power flows", _O, _HIGH, _D.ACCURACY, "Wh"),
        _rule("Q06", "power above nameplate", _O, _MID, _D.ACCURACY, "share"),
        _rule("Q07", "gap between samples", _O, _LOW, _D.COMPLETENESS, "intervals"),
        _rule("Q08", "orders overlap on one connector", _O, _HIGH, _D.CONSISTENCY, "s"),
        _rule("Q09", "samples outside of their order", _O, _MID, _D.TIMELINESS, "s"),
        _rule("Q10", "order number used twice", _O, _HIGH, _D.VALIDITY, "copies"),
        _rule("Q11", "transition that no connector makes", Subject.STATUS, _LOW, _D.VALIDITY, "state"),
        _rule("Q12", "no samples while charging", _O, _MID, _D.COMPLETENESS, "s"),
        _rule("Q13", "times in the future, before 2000 or reversed", _O, _HIGH, _D.VALIDITY, "s"),
        _rule("Q14", "energy without an order", _O, _HIGH, _D.COMPLETENESS, "Wh"),
        _rule("Q15", "fee against price times energy", _O, _HIGH, _D.CONSISTENCY, "yuan"),
        _rule("Q16", "state of charge and capacity against energy", _O, _LOW, _D.ACCURACY, "share"),
        _rule("Q17", "signs of life against claims", Subject.CLAIM, _MID, _D.CONSISTENCY, "s"),
        _rule("Q18", "orders of a day against the same weekday", Subject.STATION_DAY, _LOW, _D.COMPLETENESS, "z"),
        _rule(
            "R01", "power of an hour against the hours of the connector", Subject.CONNECTOR_HOUR, _LOW, _D.ACCURACY, "z"
        ),
        _rule("R02", "slow drift of power against register", Subject.CONNECTOR_DAY, _MID, _D.ACCURACY, "cusum"),
        _rule("R03", "connector against its siblings", Subject.CONNECTOR, _LOW, _D.ACCURACY, "z"),
    )
}
"""By id, in the order of the ids."""


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
