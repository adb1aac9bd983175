"""How often each check was made and what it found; the list of all checks. Pure.

A check that could not be made because its inputs already failed a check of their own is not made: one defect of an
operator is one finding, not a cascade that hides it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

MESSAGES = {
    "charge_order": "order",
    "charge_status": "snapshot",
    "station_status": "status",
    "station_info": "station",
    "power": "power",
}
"""What the messages of an interface are called in the names of checks."""


class Dimension(StrEnum):
    """The six of GB/T 36344 (section 18.4)."""

    ACCESSIBILITY = "accessibility"
    TIMELINESS = "timeliness"
    COMPLETENESS = "completeness"
    VALIDITY = "validity"
    CONSISTENCY = "consistency"
    ACCURACY = "accuracy"


FIELD_CODES = ("missing", "type", "decimals", "enum", "length", "unknown_key", "range")
"""The four defect classes of section 18.2 and the three further validity checks, by the ends of their codes."""

_FIELDS = {f"{message}.field_{code}": Dimension.VALIDITY for message in MESSAGES.values() for code in FIELD_CODES}
_VALIDITY = (
    "order.number_form",
    "order.times_reversed",
    "order.negative",
    "order.future",
    "order.unknown_connector",
    "snapshot.times_reversed",
    "snapshot.negative",
    "snapshot.future",
    "snapshot.soc_range",
    "snapshot.unknown_connector",
    "status.unknown_connector",
    "power.unknown_connector",
    "power.future",
    "station.outside_area",
    "station.area_code",
)
_CONSISTENCY = (
    "order.money_sum",
    "order.details_energy",
    "order.details_elec",
    "order.details_service",
    "order.detail_elec_price",
    "order.detail_service_price",
    "order.period_count",
    "order.detail_outside",
    "order.details_overlap",
    "order.meter",
    "order.tariff_split",
    "order.duration",
    "order.over_rated",
    "order.conflict",
    "order.duplicate",
    "order.overlap",
    "order.without_charging",
    "snapshot.money_sum",
    "snapshot.soc_drop",
    "snapshot.energy_drop",
    "snapshot.energy_stuck",
    "snapshot.over_rated",
    "snapshot.above_order",
    "snapshot.start_differs",
    "snapshot.connector_differs",
    "snapshot.status_differs",
    "snapshot.after_end",
    "snapshot.no_voltage",
    "status.phantom_charging",
    "status.repeated",
    "status.flapping",
    "status.park_contradicts",
    "station.equipment_twice",
    "station.connector_twice",
    "station.connector_power",
    "station.voltage_limits",
    "station.no_connector",
    "station.type_mismatch",
    "station.moved",
    "power.station_sum",
    "power.pile_sum",
    "power.over_rated",
)
CHECKS: dict[str, Dimension] = {
    **_FIELDS,
    **dict.fromkeys(_VALIDITY, Dimension.VALIDITY),
    **dict.fromkeys(_CONSISTENCY, Dimension.CONSISTENCY),
    "order.missing": Dimension.COMPLETENESS,
    "connector.silent": Dimension.COMPLETENESS,
    "order.late": Dimension.TIMELINESS,
    "status.late": Dimension.TIMELINESS,
    "snapshot.late": Dimension.TIMELINESS,
    "snapshot.gap": Dimension.TIMELINESS,
    "power.late": Dimension.TIMELINESS,
    "power.gap": Dimension.TIMELINESS,
    "snapshot.integral": Dimension.ACCURACY,
    "order.disputed": Dimension.ACCURACY,
}
"""Every check by its name `<message>.<what is wrong>`."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One defect: which check, on what (order, connector, station), of which moment, and the figures."""

    check: str
    subject: str
    at: datetime
    detail: str = ""


@dataclass(slots=True)
class Tally:
    """Counts of checks made, and findings."""

    tests: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def expect(self, check: str, right: bool, subject: str, at: datetime, detail: str = "") -> bool:
        """Count a check and note it if it failed; gives `right` back."""
        assert check in CHECKS, check
        self.tests[check] += 1
        if not right:
            self.findings.append(Finding(check, subject, at, detail))
        return right

    def failed(self, check: str) -> int:
        """How often a check failed."""
        return sum(finding.check == check for finding in self.findings)

    def by_check(self) -> dict[str, tuple[int, int]]:
        """(failed, made) of every check that was made, in the order of the names."""
        failed = Counter(finding.check for finding in self.findings)
        return {check: (failed[check], self.tests[check]) for check in sorted(self.tests)}
