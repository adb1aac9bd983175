"""Settings of what other platforms are told: the operator, its sites, what a kWh costs, and the partners."""

from __future__ import annotations

import re
from typing import Any, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from csms.app.section import Section
from csms.province.access import READING
from csms.province.profile import QUERIES, Kind
from optimizer.models.tariff import shipped

SECRETS = ("operator_secret", "data_secret", "data_secret_iv", "sig_secret")
OPERATOR_ID = re.compile(r"([0-9A-Z]{9})?", re.ASCII)
"""OperatorID (section 3.1), empty where there need not be one."""


class OperatorSettings(Section):
    """Who runs the stations, as platforms are told."""

    name: str = Field(default="", max_length=64)
    phone: str = Field(default="", max_length=32)
    address: str = Field(default="", max_length=64)


class SiteSettings(Section):
    """Where stations stand (WGS-84) and what platforms want to know of it. `extra`: more fields by the names of a
    platform profile, such as `ElectricityAccountID`.
    """

    id: str = "site-1"
    name: str = "Charging site"
    address: str = ""
    area_code: str = ""
    longitude: float = Field(default=0.0, ge=-180, le=180)
    latitude: float = Field(default=0.0, ge=-90, le=90)
    phone: str = ""
    station_type: int = 1
    construction: int = 255
    park_count: int = Field(default=0, ge=0)
    extra: dict[str, Any] = Field(default_factory=dict)

    @property
    def placed(self) -> bool:
        """Whether somebody said where it is; (0, 0) lies in the sea."""
        return (self.longitude, self.latitude) != (0.0, 0.0)


class PriceSettings(Section):
    """What a kWh costs the driver, in yuan; `shown`: drivers are told the cost at the station (OCPP 2.0.1).

    `tariff`: the id of a tariff that comes with the program; then electricity costs by the hour in the orders that
    platforms get, and `electricity` counts outside the tariff only.
    """

    electricity: float = Field(default=0.66, ge=0)
    service: float = Field(default=0.40, ge=0)
    shown: bool = False
    tariff: str = ""

    @field_validator("tariff")
    @classmethod
    def _known_tariff(cls, value: str) -> str:
        if value and value not in shipped():
            raise ValueError(f"no tariff {value}; there are {', '.join(shipped())}")
        return value


class SecretsSection(Section):
    """Four secrets of one direction."""

    operator_secret: SecretStr = SecretStr("")
    data_secret: SecretStr = SecretStr("")
    data_secret_iv: SecretStr = SecretStr("")
    sig_secret: SecretStr = SecretStr("")

    @model_validator(mode="after")
    def _all_or_none(self) -> Self:
        given = [name for name in SECRETS if getattr(self, name).get_secret_value()]
        if given and len(given) < len(SECRETS):
            raise ValueError(f"{', '.join(SECRETS)} go together")
        wrong = [name for name in ("data_secret", "data_secret_iv") if len(self._text(name).encode()) not in (0, 16)]
        if wrong:
            raise ValueError(f"{', '.join(wrong)}: 16 bytes")
        return self

    def _text(self, name: str) -> str:
        text: str = getattr(self, name).get_secret_value()
        return text

    @property
    def texts(self) -> list[str]:
        """In the order of `SECRETS`; empty when none are given."""
        return [self._text(name) for name in SECRETS if self._text(name)]


class PartnerSettings(SecretsSection):
    """A platform that is told about sessions. Its secrets may stand here, in a file readable by the server alone, or
    be given with `csms province keys`; then they lie sealed in the database.

    `platform_id`: the OperatorID with which it calls us, empty: it does not; `inbound`: our secrets for its calls.
    `stations`: those that it is told of and may ask about. `interfaces`: what it may ask, all that only reads when left
    out; `may_charge`: it may also start and stop sessions.
    """

    id: str = Field(min_length=1)
    profile: str = "tcec102-2016"
    base_url: str
    operator_id: str = Field(min_length=9)
    platform_id: str = ""
    inbound: SecretsSection = SecretsSection()
    stations: list[str] = Field(default_factory=lambda: ["*"])
    interfaces: list[Kind] | None = None
    may_charge: bool = False
    calls_per_s: float = Field(default=10.0, gt=0)
    calls_burst: float = Field(default=100.0, ge=1)

    @model_validator(mode="after")
    def _only_what_is_asked(self) -> Self:
        wrong = [kind.value for kind in self.interfaces or () if kind not in QUERIES]
        if wrong:
            raise ValueError(f"interfaces: {', '.join(wrong)} are not for partners to ask")
        wrong = [name for name in ("operator_id", "platform_id") if not OPERATOR_ID.fullmatch(getattr(self, name))]
        if wrong:
            raise ValueError(
                f"{', '.join(wrong)}: 9 capital letters or digits (characters 9 to 17 of 统一社会信用代码)"
            )
        return self

    @property
    def asked(self) -> frozenset[Kind]:
        """The interfaces that it may use."""
        chosen = READING if self.interfaces is None else frozenset(self.interfaces)
        charging = {Kind.QUERY_START, Kind.QUERY_STOP}
        return chosen | charging if self.may_charge else chosen - charging
