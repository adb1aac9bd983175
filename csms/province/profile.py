"""Platform profiles: everything that differs between platforms, as data (section 2).

A profile is a TOML file; `extends` names its parent, tables are merged key by key, other values replace. Names are
looked up, never guessed: an unknown key, type, kind or enumeration stops the load. `state` says how far a profile can
be trusted and must be shown wherever its results are.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from csms.model.errors import CsmsError

PARENTS_MAX = 8
FLAGGED_STATES = ("assumed", "stub")


class ProfileInvalid(CsmsError):
    """A platform profile cannot be used; the text names the profile and the fault."""

    code = "platform_profile_invalid"


class Kind(StrEnum):
    """Our names of the interfaces; a profile gives each its wire name and says who hosts it (sections 11 and 12)."""

    QUERY_TOKEN = "query_token"
    QUERY_OPERATOR = "query_operator"
    QUERY_STATIONS = "query_stations"
    QUERY_STATUS = "query_status"
    QUERY_STATS = "query_stats"
    QUERY_AUTH = "query_auth"
    QUERY_POLICY = "query_policy"
    QUERY_START = "query_start"
    QUERY_CHARGE = "query_charge"
    QUERY_STOP = "query_stop"
    STATION_INFO = "station_info"
    STATION_STATUS = "station_status"
    CHARGE_STATUS = "charge_status"
    CHARGE_ORDER = "charge_order"
    START_RESULT = "start_result"
    STOP_RESULT = "stop_result"
    POWER = "power"
    CHECK_ORDERS = "check_orders"
    SUBSIDY = "subsidy"


PUSHED = (
    Kind.START_RESULT,
    Kind.STOP_RESULT,
    Kind.CHARGE_ORDER,
    Kind.CHECK_ORDERS,
    Kind.SUBSIDY,
    Kind.STATION_INFO,
    Kind.STATION_STATUS,
    Kind.CHARGE_STATUS,
    Kind.POWER,
)
"""What an operator pushes, in the order of sending: orders go before statuses (section 15). Results of a remote start
or stop are few and a driver waits for them."""

QUERIES = (
    Kind.QUERY_OPERATOR,
    Kind.QUERY_STATIONS,
    Kind.QUERY_STATUS,
    Kind.QUERY_STATS,
    Kind.QUERY_AUTH,
    Kind.QUERY_POLICY,
    Kind.QUERY_START,
    Kind.QUERY_CHARGE,
    Kind.QUERY_STOP,
)
"""What a platform asks an operator."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Transport(_Table):
    """How a request travels. `path` holds {version} and {interface}; `calls_at_once`: how many calls of one partner may
    be under way."""

    path: str
    version: str
    connect_timeout_s: float = Field(gt=0)
    total_timeout_s: float = Field(gt=0)
    max_body_bytes: int = Field(gt=0)
    calls_at_once: int = Field(ge=1, le=64)
    tls_required: bool


class Crypto(_Table):
    """The suite; its keys stand with the partner."""

    suite: str


class ClockRules(_Table):
    """Local time of the wire and how old an envelope may be."""

    tz: str
    replay_window_s: float = Field(gt=0)


class Codes(_Table):
    """What a return code means (section 4). `pause`: every further message would fail the same way; `busy`: fewer at a
    time would not."""

    success: frozenset[int]
    ack: frozenset[int]
    retry: frozenset[int]
    busy: frozenset[int]
    token: frozenset[int]
    dead: frozenset[int]
    pause: frozenset[int]
    duplicate_order: int
    local_meaning: dict[str, str]


class TokenRules(_Table):
    """Life of a token that we issue, and the share of it below which a client fetches a new one."""

    lifetime_s: int = Field(gt=0, le=7 * 86400)
    refresh_share: float = Field(ge=0, lt=1)


class Answer(_Table):
    """The body of a platform's answer: fields copied from the request and fixed values."""

    copied: tuple[str, ...] = ()
    fixed: dict[str, int] = {}


class Interface(_Table):
    """One interface. `root`: the key that holds the message, empty when the message is the body. `volatile`: fields
    that differ each time the same thing is sent. `reply`: the message of the answer; `page_size`: what an answer by
    pages holds when nobody says how much."""

    wire: str
    host: Literal["operator", "platform"]
    enabled: bool = True
    message: str = ""
    reply: str = ""
    root: str = ""
    business_key: str = ""
    page_size: int = Field(default=10, ge=1, le=1000)
    volatile: tuple[str, ...] = ()
    answer: Answer = Answer()


class FieldRule(_Table):
    """One field on the wire. `id` is text that may not be cut; `length` in characters; `decimals` at most; `items` at
    most in a list. `empty`: an empty text says the same as no field."""

    type: Literal["id", "str", "int", "decimal", "time", "date", "hhmmss", "object", "objects", "strings"]
    required: bool = False
    length: int | None = None
    decimals: int = 0
    items: int | None = None
    empty: bool = False
    enum: str = ""
    message: str = ""


class Ladder(_Table):
    """Waiting times in seconds after each failed attempt; the last one repeats. `collapse`: the latest message wins."""

    delays_s: tuple[float, ...] = Field(min_length=1)
    collapse: bool = False

    def delay_s(self, attempts: int) -> float:
        """How long to wait after `attempts` >= 1 failed attempts."""
        return self.delays_s[min(max(attempts, 1), len(self.delays_s)) - 1]


class Timeliness(_Table):
    """Periods and limits in seconds (section 13). `result_limit_s`: by when a partner that asked for a start or stop
    hears of it, at least that it is under way."""

    charge_status_period_s: float = Field(gt=0)
    power_period_s: float = Field(gt=0)
    reconcile_hour: int = Field(ge=0, le=23)
    status_limit_s: float = Field(gt=0)
    order_limit_s: float = Field(gt=0)
    result_limit_s: float = Field(gt=0)
    outage_probe_s: float = Field(gt=0)


class PlatformProfile(_Table):
    """A whole profile after inheritance."""

    id: str
    extends: str = ""
    state: Literal["confirmed", "reconstructed", "assumed", "stub"]
    source: str
    note: str
    transport: Transport
    crypto: Crypto
    clock: ClockRules
    codes: Codes
    token: TokenRules
    interfaces: dict[Kind, Interface]
    messages: dict[str, dict[str, FieldRule]]
    rename: dict[str, str]
    rename_in: dict[str, dict[str, str]]
    enums: dict[str, frozenset[int]]
    enum_map: dict[str, dict[str, int]]
    timeliness: Timeliness
    retry: dict[Kind, Ladder]
    retry_variants: dict[str, dict[Kind, Ladder]]
    status_1_means_ignored: bool
    extensions: dict[str, str]

    @field_validator("enums", mode="before")
    @classmethod
    def _read_ranges(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: _numbers(items) if isinstance(items, list) else items for name, items in value.items()}

    @model_validator(mode="after")
    def _names_resolve(self) -> PlatformProfile:
        lost = [f"interfaces.{kind}" for kind in Kind if kind not in self.interfaces]
        lost += [f"retry.{kind}" for kind in PUSHED if kind not in self.retry]
        for kind in PUSHED:
            interface = self.interfaces.get(kind)
            if interface and interface.business_key not in self.messages.get(interface.message, {}):
                lost.append(f"business key {interface.business_key!r} of {kind}")
        lost += [f"{kind}.{name}" for kind in QUERIES for name in self._unknown_messages(kind)]
        for name, rules in self.messages.items():
            lost += [f"{name}.{field}" for field, rule in rules.items() if not self._resolves(rule)]
        if lost:
            raise ValueError(f"nothing stands behind {', '.join(lost)}")
        return self

    def _unknown_messages(self, kind: Kind) -> list[str]:
        interface = self.interfaces.get(kind)
        named = (interface.message, interface.reply) if interface else ()
        return [name or "no message" for name in named if name not in self.messages]

    def _resolves(self, rule: FieldRule) -> bool:
        nested = rule.type in ("object", "objects")
        return (not rule.enum or rule.enum in self.enums) and nested == (rule.message in self.messages)

    @property
    def flagged(self) -> bool:
        """Whether every report must say that this profile is not from the platform's own document."""
        return self.state in FLAGGED_STATES

    @cached_property
    def zone(self) -> ZoneInfo:
        """Local time of the wire."""
        return ZoneInfo(self.clock.tz)

    def hosts(self, kind: Kind) -> bool:
        """Whether an operator answers this interface."""
        return self.interfaces[kind].enabled and (kind in QUERIES or kind is Kind.QUERY_TOKEN)

    def path(self, kind: Kind) -> str:
        """URL path of an interface."""
        return self.transport.path.format(version=self.transport.version, interface=self.interfaces[kind].wire)

    def wire_name(self, message: str, field: str) -> str:
        """The platform's spelling of our field name."""
        return self.rename_in.get(message, {}).get(field) or self.rename.get(field, field)

    def with_variant(self, name: str) -> PlatformProfile:
        """The profile with another set of retry ladders; raises ProfileInvalid for one it does not have."""
        if name not in self.retry_variants:
            raise ProfileInvalid(f"profile {self.id} has no retry variant {name!r}")
        return self.model_copy(update={"retry": {**self.retry, **self.retry_variants[name]}})


def _numbers(items: list[Any]) -> frozenset[int]:
    found: set[int] = set()
    for item in items:
        first, _, last = str(item).partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def merged(parent: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    """`child` over `parent`: tables key by key, everything else replaced."""
    result = dict(parent)
    for name, value in child.items():
        below = result.get(name)
        result[name] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def shipped_profiles() -> list[str]:
    """Ids of the profiles in this package."""
    folder = files("csms.province") / "profiles"
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))


@cache
def load_profile(profile_id: str) -> PlatformProfile:
    """A shipped profile or one in a file (`my-platform.toml`), validated; `city-2019:v2` takes its retry variant v2.

    Raises ProfileInvalid.
    """
    name, _, variant = profile_id.partition(":")
    profile = read_profile(Path(name)) if name.endswith(".toml") else build_profile(_table(name))
    return profile.with_variant(variant) if variant else profile


def read_profile(path: Path) -> PlatformProfile:
    """The profile in a file, so that a platform's document needs no new program; raises ProfileInvalid."""
    try:
        return build_profile(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as fault:
        raise ProfileInvalid(f"profile {path}: {fault}") from None


def build_profile(table: Mapping[str, Any]) -> PlatformProfile:
    """A profile from its parsed TOML, with what it extends; raises ProfileInvalid."""
    chain = [dict(table)]
    while parent := chain[-1].get("extends"):
        if len(chain) > PARENTS_MAX:
            raise ProfileInvalid(f"{table.get('id')}: more than {PARENTS_MAX} parents")
        chain.append(_table(str(parent)))
    whole: dict[str, Any] = {}
    for layer in reversed(chain):
        whole = merged(whole, layer)
    try:
        return PlatformProfile.model_validate(whole)
    except (ValidationError, ValueError) as fault:
        raise ProfileInvalid(f"profile {table.get('id')}: {_readable(fault)}") from None


def _table(profile_id: str) -> dict[str, Any]:
    if profile_id not in shipped_profiles():
        raise ProfileInvalid(f"no profile {profile_id!r}; there are {', '.join(shipped_profiles())}")
    text = (files("csms.province") / "profiles" / f"{profile_id}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _readable(fault: Exception) -> str:
    if not isinstance(fault, ValidationError):
        return str(fault)
    return "; ".join(f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}" for error in fault.errors())
