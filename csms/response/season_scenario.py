"""What a simulated season is made of: a TOML file, read strictly. Powers in kW, energies kWh, hours local."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from csms.model.errors import CsmsError

Amount = Annotated[float, Field(ge=0, le=1e6)]
Share = Annotated[float, Field(ge=0, le=1)]
HOURS = 24


class ScenarioInvalid(CsmsError):
    """A season cannot be simulated; the text says why."""

    code = "season_invalid"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SiteTable(_Table):
    """The feeder. `base_kw`: 24 values without cars; `base_noise`: standard deviation of a day as a share."""

    cap_kw: Annotated[float, Field(gt=0, le=1e6)]
    base_kw: Annotated[tuple[Amount, ...], Field(min_length=HOURS, max_length=HOURS)]
    base_noise: Share = 0.0


class Fleet(_Table):
    """Cars of a kind. Arrivals, stays and energies are normal, cut to what is possible."""

    name: str
    sessions_a_day: Amount
    arrives_h: Annotated[float, Field(ge=0, le=30)]
    arrives_sd_h: Amount
    stays_h: Annotated[float, Field(gt=0, le=HOURS)]
    stays_sd_h: Amount
    energy_kwh: Annotated[float, Field(gt=0, le=1e4)]
    energy_sd_kwh: Amount
    power_kw: Annotated[float, Field(gt=0, le=1e4)]


class Drivers(_Table):
    """Elastic response (`optimizer.incentive.Response`)."""

    elasticity: Annotated[float, Field(gt=0)]
    reference: Annotated[float, Field(gt=0)]
    most: Annotated[float, Field(gt=0, le=1)] = 1.0


class Events(_Table):
    """Day-ahead shaving of `hours` from `start_h` on these weekdays (0 Monday), from a day of the season on."""

    weekdays: tuple[Annotated[int, Field(ge=0, le=6)], ...] = ()
    first_after_days: Annotated[int, Field(ge=0)] = 18
    start_h: Annotated[float, Field(ge=6, lt=HOURS)] = 18.0
    hours: Annotated[float, Field(gt=0, le=12)] = 2.0
    price: Amount = 1.5
    share: Annotated[float, Field(gt=0, le=1)] = 0.9


class Carbon(_Table):
    """kg of CO2 per kWh, one figure or 24 by hour, and where it comes from."""

    kg_per_kwh: Annotated[tuple[Amount, ...], Field(min_length=1, max_length=HOURS)]
    source: str


class Scenario(_Table):
    """All of it. `tariff`: id of a shipped time-of-use tariff."""

    id: str
    seed: Annotated[int, Field(ge=0)]
    first_day: date
    days: Annotated[int, Field(ge=1, le=366)]
    tariff: str
    site: SiteTable
    fleets: Annotated[tuple[Fleet, ...], Field(min_length=1)]
    drivers: Drivers
    events: Events = Events()
    carbon: Carbon

    @model_validator(mode="after")
    def _fits(self) -> Scenario:
        if len(self.carbon.kg_per_kwh) not in (1, HOURS):
            raise ValueError("carbon.kg_per_kwh has one figure or 24")
        if (self.events.start_h * 4) % 1 or (self.events.hours * 4) % 1:
            raise ValueError("an event begins and ends on a quarter-hour")
        if self.events.start_h + self.events.hours > 30:
            raise ValueError("an event ends before six in the morning")
        return self


def example() -> Scenario:
    """The season that comes with this release."""
    return build_scenario(tomllib.loads(example_text()))


def example_text() -> str:
    """Its file."""
    return resources.files("csms.response").joinpath("seasons/summer.toml").read_text("utf-8")


def read_scenario(path: Path) -> Scenario:
    """One of one's own; raises ScenarioInvalid."""
    try:
        return build_scenario(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as fault:
        raise ScenarioInvalid(f"{path}: {fault}") from None


def build_scenario(table: Mapping[str, Any]) -> Scenario:
    """A scenario from its table; raises ScenarioInvalid."""
    try:
        return Scenario.model_validate(table)
    except ValidationError as fault:
        told = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in fault.errors())
        raise ScenarioInvalid(told) from None
