"""The answer in five sentences: which figures stand in them. The words are `report.<audience>.1` to `5`. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from csms.texts import Text
from monitor.reports.told import NOTHING, written
from monitor.warehouse.report import Figure, Report

COUNT = 5
WHOLES = (
    "energy", "energy_change", "daily_peak", "daily_valley", "peak_change", "cheap_share", "saved_cost",
    "carbon_avoided", "energy_own", "sessions", "vehicles", "charging_time", "plugged_time", "stations", "coverage",
    "session_success", "revenue_change", "energy_metered", "energy_loss",
)  # fmt: skip
"""Figures that are told as they are."""
Facts = dict[str, str]


def sentences(report: Report, text: Text) -> list[str]:
    """Five; what is not known is a dash in them."""
    yuan = text("report.unit.yuan")
    facts = {name: said.replace(" yuan", f" {yuan}") for name, said in facts_of(report).items()}
    return [text(f"report.{report.audience}.{number}", **facts) for number in range(1, COUNT + 1)]


def facts_of(report: Report) -> Facts:
    """Everything that a sentence may name."""
    by_name: dict[str, list[Figure]] = {}
    for figure in report.figures:
        by_name.setdefault(figure.name, []).append(figure)
    facts = dict.fromkeys(WHOLES, NOTHING) | {f"{name}_{end}": NOTHING for name in WHOLES for end in ("low", "high")}
    for name in WHOLES:
        for one in by_name.get(name, ()):
            if not one.of:
                sign = "+" if name.endswith("_change") and (one.value or 0.0) > 0 else ""
                facts[name] = sign + written(one.value, one.unit)
                facts[f"{name}_low"], facts[f"{name}_high"] = written(one.low, one.unit), written(one.high, one.unit)
    return facts | _feeders(by_name) | _operators(by_name) | _models(by_name) | _money(by_name)


ByName = Mapping[str, list[Figure]]


def _known(by_name: ByName, name: str) -> list[tuple[float, Figure]]:
    """Those of a name that are of somebody and have a value."""
    return [(one.value, one) for one in by_name.get(name, ()) if one.of and one.value is not None]


def _most(by_name: ByName, name: str) -> tuple[str, str]:
    """Whose is the highest, and how high."""
    found = max(_known(by_name, name), key=lambda pair: pair[0], default=None)
    return (NOTHING, NOTHING) if found is None else (found[1].of, written(found[1].value, found[1].unit))


def _least(by_name: ByName, name: str) -> tuple[str, str]:
    """Whose is the lowest, and how low."""
    found = min(_known(by_name, name), key=lambda pair: pair[0], default=None)
    return (NOTHING, NOTHING) if found is None else (found[1].of, written(found[1].value, found[1].unit))


def _sum(by_name: ByName, name: str, unit: str) -> str:
    found = _known(by_name, name)
    return written(sum(value for value, _ in found), unit) if found else NOTHING


def _feeders(by_name: ByName) -> Facts:
    feeder, load = _most(by_name, "feeder_load_max")
    at_risk, chance = _most(by_name, "exceedance")
    return {
        "feeder": feeder,
        "feeder_load": load,
        "overload_minutes": _sum(by_name, "overload_minutes", "min"),
        "feeder_at_risk": at_risk,
        "exceedance": chance,
    }


def _operators(by_name: ByName) -> Facts:
    weakest, accepted = _least(by_name, "calls_accepted")
    return {
        "operators": str(len(_known(by_name, "energy_of_operator"))),
        "weakest": weakest,
        "calls_accepted": accepted,
        "utilised": _most(by_name, "utilisation")[0].upper(),
        "utilisation": _most(by_name, "utilisation")[1],
    }


def _models(by_name: ByName) -> Facts:
    shares = {one.of: written(one.value, one.unit) for one in by_name.get("energy_share", ())}
    steady, mtbf = _most(by_name, "mtbf")
    failing, failures = _most(by_name, "failures")
    missing, available = _least(by_name, "availability")
    failed, success = _least(by_name, "session_success")
    code, times = _most(by_name, "fault_code")
    return {
        "dc_share": shares.get("dc", NOTHING),
        "ac_share": shares.get("ac", NOTHING),
        "models": str(len(_known(by_name, "availability"))),
        "steady": steady,
        "mtbf": mtbf,
        "failing": failing,
        "failures": failures,
        "missing": missing,
        "availability": available,
        "unlucky": failed,
        "model_success": success,
        "code": code,
        "times": times,
    }


def _money(by_name: ByName) -> Facts:
    parts = {one.of: one.value or 0.0 for one in by_name.get("revenue", ())}
    cheap = [value for value, one in _known(by_name, "level_share") if one.of in ("valley", "deep")]
    return {
        "revenue": written(sum(parts.values()), "yuan") if parts else NOTHING,
        "electricity": written(parts.get("electricity"), "yuan"),
        "service": written(parts.get("service"), "yuan"),
        "valley_share": written(sum(cheap), "1") if cheap else NOTHING,
    }
