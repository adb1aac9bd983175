"""Rules of subsidies as data: who gets what for which piles, one TOML file for each notice of an authority.

A rule whose amounts no public source tells is `empty`: it has its fields and gives no amount until somebody who holds
the notice fills them in. An unknown key stops the load.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from csms.model.errors import CsmsError

Grade = Literal["A", "B", "C", "D"]
Exact = Annotated[Decimal, BeforeValidator(lambda value: str(value) if isinstance(value, float) else value)]
"""A float of the file as it is written there, not as it is stored."""


class RuleInvalid(CsmsError):
    """A rule of subsidies cannot be used; the text says why."""

    code = "subsidy_rule_invalid"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Scope(_Table):
    """Which piles: numbers as in section 10 of the interface, nothing: any. `area_codes`: how they begin."""

    station_types: tuple[int, ...] = ()
    equipment_types: tuple[int, ...] = ()
    power_kw_min: Exact | None = None
    power_kw_max: Exact | None = None
    area_codes: tuple[str, ...] = ()
    in_service_from: date | None = None
    in_service_to: date | None = None


class Build(_Table):
    """Once, for building: the least of what is given."""

    rate_yuan_per_kw: Exact | None = None
    share_of_invoice: Exact | None = Field(default=None, gt=0, le=1)
    cap_yuan: Exact | None = None
    cap_yuan_per_kw: Exact | None = None


class Operate(_Table):
    """For the energy of a period; caps of a year count by the days in service."""

    rate_yuan_per_kwh: Exact
    cap_kwh_per_kw_year: Exact | None = None
    cap_yuan_per_station_year: Exact | None = None
    grade_factor: dict[Grade, Exact] = {}
    period: Literal["month", "quarter", "year"] = "quarter"


class Annual(_Table):
    """For the power that was there, by the days in service."""

    rate_yuan_per_kw_year: Exact
    cap_yuan_per_station_year: Exact | None = None
    grade_factor: dict[Grade, Exact] = {}


class Rule(_Table):
    """One notice. `requires`: what has to lie beside a declaration."""

    id: str
    authority: str
    source: str
    state: Literal["public", "empty"]
    note: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    scope: Scope = Scope()
    build: Build | None = None
    operate: Operate | None = None
    annual: Annual | None = None
    min_data_score: Exact | None = None
    requires: tuple[str, ...] = ()

    @property
    def graded(self) -> bool:
        """Whether an amount depends on the grade."""
        return any(part is not None and part.grade_factor for part in (self.operate, self.annual))


def shipped_rules() -> list[str]:
    """Ids of the rules in this package."""
    folder = files("csms.province") / "subsidies"
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))


@cache
def shipped_rule(rule_id: str) -> Rule:
    """A rule of this package; raises RuleInvalid."""
    if rule_id not in shipped_rules():
        raise RuleInvalid(f"no rule {rule_id!r}; there are {', '.join(shipped_rules())}")
    text = (files("csms.province") / "subsidies" / f"{rule_id}.toml").read_text(encoding="utf-8")
    return build_rule(tomllib.loads(text))


def rule_table(path: Path) -> dict[str, Any]:
    """A rule in a file of one's own, as it is written there; raises RuleInvalid."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise RuleInvalid(f"{path}: {fault}") from None


def build_rule(table: Mapping[str, Any]) -> Rule:
    """A rule from its table; raises RuleInvalid."""
    try:
        return Rule.model_validate(table)
    except ValidationError as fault:
        told = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in fault.errors())
        raise RuleInvalid(f"rule {table.get('id')}: {told}") from None
