"""How reliable a model of piles is: time between failures with its uncertainty, availability, success. Pure.

A failure is a passage into Faulted; in-service time is what a connector was known to be installed and not taken out of
service on purpose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from scipy.stats import chi2

CONFIDENCE = 0.9
ENERGY_MIN_KWH = 0.1
"""A session that delivered less did not succeed."""
BAD_ENDS = frozenset(
    {
        "EmergencyStop",
        "GroundFault",
        "HardReset",
        "ImmediateReset",
        "OvercurrentFault",
        "PowerLoss",
        "PowerQuality",
        "Reboot",
    }
)
"""Reasons of OCPP 1.6 and 2.0.1 for the end of a session that neither driver nor operator wished."""


@dataclass(frozen=True, slots=True)
class Failures:
    """Hours between failures: likely (None without a failure), and the bounds of a 90 % interval (Poisson; `high_h`
    None: nothing speaks against never)."""

    in_service_h: float
    failures: int
    mtbf_h: float | None
    low_h: float
    high_h: float | None


@dataclass(frozen=True, slots=True)
class Ended:
    """A session as it ended."""

    energy_kwh: float
    reason: str = ""


def between_failures(in_service_h: float, failures: int, confidence: float = CONFIDENCE) -> Failures:
    """Mean time between failures of all piles of a model together. Raises ValueError for negative figures."""
    if in_service_h < 0 or failures < 0:
        raise ValueError("hours in service and failures are not negative")
    tail = (1.0 - confidence) / 2.0
    low_h = 2.0 * in_service_h / float(chi2.ppf(1.0 - tail, 2 * failures + 2))
    if failures == 0:
        return Failures(in_service_h, 0, None, low_h, None)
    high_h = 2.0 * in_service_h / float(chi2.ppf(tail, 2 * failures))
    return Failures(in_service_h, failures, in_service_h / failures, low_h, high_h)


def availability(in_service_h: float, faulted_h: float, offline_h: float = 0.0) -> float | None:
    """Share of the time in service in which a driver could charge; None when nothing was in service."""
    if in_service_h <= 0:
        return None
    return min(max(1.0 - (faulted_h + offline_h) / in_service_h, 0.0), 1.0)


def success(sessions: Iterable[Ended]) -> tuple[int, int]:
    """How many sessions succeeded, of how many."""
    ends = list(sessions)
    return sum(one.energy_kwh >= ENERGY_MIN_KWH and one.reason not in BAD_ENDS for one in ends), len(ends)


def worst_codes(codes: Iterable[str], most: int = 10) -> list[tuple[str, int]]:
    """The fault codes that came most often; equal ones by name."""
    return sorted(Counter(filter(None, codes)).items(), key=lambda item: (-item[1], item[0]))[:most]
