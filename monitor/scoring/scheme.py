"""The published scheme of the score: indicators, weights, directions (indicators.toml)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from csms.model.errors import CsmsError

SUM_TOLERANCE = 1e-9


class SchemeInvalid(CsmsError):
    """A scheme of scores cannot be used; the text says why."""

    code = "scoring_scheme_invalid"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Indicator(_Table):
    """One figure. `prior`: so many samples weigh as much as the mean; `log_from`: skewed, log of max(x, this)."""

    weight: Annotated[float, Field(gt=0, le=1)]
    better: Literal["more", "less"]
    prior: Annotated[float, Field(gt=0)]
    unit: str
    samples: str
    log_from: Annotated[float, Field(gt=0)] | None = None


class Scheme(_Table):
    """All of it. `concentration`: of the Dirichlet draws around the weights; `coverage_min`: least share of the weight
    that data must stand behind.
    """

    version: str
    concentration: Annotated[float, Field(gt=0)]
    coverage_min: Annotated[float, Field(ge=0, le=1)]
    indicators: Annotated[dict[str, Indicator], Field(min_length=1)]

    @model_validator(mode="after")
    def _whole(self) -> Scheme:
        total = sum(one.weight for one in self.indicators.values())
        if abs(total - 1.0) > SUM_TOLERANCE:
            raise ValueError(f"the weights sum up to {total:g}, not 1")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Of the indicators, in the order of the file."""
        return tuple(self.indicators)

    @property
    def weights(self) -> tuple[float, ...]:
        """In the same order."""
        return tuple(one.weight for one in self.indicators.values())


@cache
def shipped_scheme() -> Scheme:
    """The one that comes with this release."""
    return build_scheme(tomllib.loads(resources.files(__package__).joinpath("indicators.toml").read_text("utf-8")))


def read_scheme(path: Path) -> Scheme:
    """One of one's own; raises SchemeInvalid."""
    try:
        return build_scheme(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as fault:
        raise SchemeInvalid(f"{path}: {fault}") from None


def build_scheme(table: Mapping[str, Any]) -> Scheme:
    """A scheme from its table; raises SchemeInvalid."""
    try:
        return Scheme.model_validate(table)
    except ValidationError as fault:
        told = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in fault.errors())
        raise SchemeInvalid(told) from None
