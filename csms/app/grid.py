"""Feeders and sources of limits: their settings, and the service that is made of them; `supply` makes the tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from csms.access.audit import AuditLog
from csms.app.section import Section, SettingsInvalid
from csms.charging.feeder import Feeder, FeederTree
from csms.grid.peer import SourceRule, source_of
from csms.grid.service import LimitService
from csms.model.clock import Clock
from csms.security.jws import PublicKey, read_keys
from csms.station.service import StationService
from csms.store.engine import Store


class FeederSettings(Section):
    """One node of the supply tree. `base_load_kw`: one number, or 96 by quarter-hour of the local day; `phase_a`: what
    each of its phases can carry, where currents are to be counted."""

    id: str = Field(min_length=1, max_length=64)
    parent: str = ""
    rating_kw: float = Field(gt=0)
    base_load_kw: float | list[float] = 0.0
    lowest_cap_kw: float | None = Field(default=None, ge=0)
    phase_a: float | None = Field(default=None, gt=0, le=1_000_000, allow_inf_nan=False)

    @field_validator("base_load_kw")
    @classmethod
    def _quarter_hours(cls, value: float | list[float]) -> float | list[float]:
        loads = value if isinstance(value, list) else [value]
        if len(loads) not in (1, 96) or any(load < 0 for load in loads):
            raise ValueError("base_load_kw is one number or 96, none negative")
        return value


class LimitSourceSettings(Section):
    """What is agreed with a grid operator, by the name of its token.

    `heartbeat_s` 0: its silence means nothing. After `missed` heartbeats without a word its feeders are held at
    `failsafe_kw`; with `ends_alone` for `failsafe_min_s`, else until it speaks again. `emergency`: it may go below the
    lowest cap that is agreed. `keys`: PEM files with its public keys or certificates, for its signatures; with
    `signed` it has to sign. `certificate`: the common name in its client certificate, with which it needs no token.
    """

    name: str = Field(min_length=1, max_length=64)
    feeders: list[str] = Field(default_factory=list)
    heartbeat_s: float = Field(default=0.0, ge=0, le=86_400)
    missed: float = Field(default=4.0, ge=1, le=100)
    failsafe_kw: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    failsafe_min_s: float = Field(default=7200.0, ge=0)
    ends_alone: bool = False
    emergency: bool = False
    statements_per_min: float = Field(default=600.0, ge=1)
    signed: bool = False
    keys: list[Path] = Field(default_factory=list)
    certificate: str = Field(default="", max_length=64)

    @model_validator(mode="after")
    def _keys_are_named(self) -> LimitSourceSettings:
        if self.signed and not self.keys:
            raise ValueError("signed needs keys")
        if self.certificate and not self.feeders:
            raise ValueError("a certificate is bound to feeders: name them")
        return self


async def limit_service(
    sources: Sequence[LimitSourceSettings],
    clock: Clock,
    store: Store,
    tree: FeederTree,
    audit: AuditLog,
    stations: StationService,
) -> LimitService:
    """The limits, restored. Raises SettingsInvalid."""
    try:
        rules = [_source_rule(source) for source in sources]
        service = LimitService(clock, store, audit, tree, stations.bus, stations.alerts, rules)
    except ValueError as fault:
        raise SettingsInvalid(f"limit_sources: {fault}") from None
    await service.restore()
    return service


def _source_rule(source: LimitSourceSettings) -> SourceRule:
    return SourceRule(
        source_of(source.name),
        frozenset(source.feeders),
        heartbeat_s=source.heartbeat_s,
        missed=source.missed,
        failsafe_w={feeder_id: round(kw * 1000) for feeder_id, kw in source.failsafe_kw.items()},
        failsafe_min_s=source.failsafe_min_s,
        ends_alone=source.ends_alone,
        emergency=source.emergency,
        statements_per_min=source.statements_per_min,
        signed=source.signed,
        keys=tuple(_keys(source)),
    )


def _keys(source: LimitSourceSettings) -> Iterator[PublicKey]:
    """Raises SettingsInvalid."""
    for path in source.keys:
        try:
            yield from read_keys(path)
        except (OSError, ValueError) as fault:
            raise SettingsInvalid(f"limit_sources {source.name}: keys: {path}: {fault}") from None


def feeder_of(feeder: FeederSettings) -> Feeder:
    """A node as the settings say."""
    loads = feeder.base_load_kw if isinstance(feeder.base_load_kw, list) else [feeder.base_load_kw]
    return Feeder(
        id=feeder.id,
        rating_w=round(feeder.rating_kw * 1000),
        parent=feeder.parent,
        base_load_w=tuple(round(load * 1000) for load in loads),
        lowest_cap_w=round((feeder.lowest_cap_kw or 0.0) * 1000),
        phase_a=feeder.phase_a,
    )
