"""Demand response: the settings, and the room that is made of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Any

from pydantic import Field, field_validator, model_validator

from csms.access.audit import AuditLog
from csms.app.response_cars import Cars, Drivers, Sessions
from csms.app.section import Section, SettingsInvalid
from csms.charging.feeder import FeederTree
from csms.charging.service import ChargingService
from csms.grid.mqtt import MqttChannel
from csms.grid.peer import Peer, operator_of, source_of
from csms.grid.responses import Word
from csms.grid.service import LimitService
from csms.grid.ven import Ven
from csms.model.clock import Clock
from csms.model.limit import Block
from csms.model.response import Method, Notice, ResponseEvent
from csms.response.dispatch import Held
from csms.response.drivers import Consent, DriverRule
from csms.response.figures import BaselineRule, Baselines
from csms.response.loads import FeederLoads
from csms.response.offers import OfferRule
from csms.response.rules import Party
from csms.response.service import ResponseRules, ResponseService
from csms.response.settlement import Contract
from csms.response.statements import Statements
from csms.response.views import event_view
from csms.response.words import Refused
from csms.response.work import Report, ResponseWork
from csms.station.service import StationService
from csms.store.engine import Store
from csms.store.response_tables import ResponseRow
from optimizer.incentive import Response
from optimizer.models.tariff import shipped, shipped_tariff
from optimizer.response import BAND

SOURCE = Peer("response", "response", "demand response")
"""As which events limit feeders."""


class ContractSettings(Section):
    """Standing by for an operator (by the name of its token): `standby_kw` of a feeder at `price` (yuan per kW and
    month), from the day `since` until the end of the day `until`. With `ratio_min` nothing is paid for a month in which
    an event stayed below it.
    """

    operator: str = Field(min_length=1, max_length=64)
    feeder: str = Field(min_length=1, max_length=64)
    standby_kw: Decimal = Field(gt=0, le=10_000_000)
    price: Decimal = Field(ge=0, le=100_000)
    since: date | None = None
    until: date | None = None
    ratio_min: Decimal = Field(default=Decimal(0), ge=0, le=10)

    @model_validator(mode="after")
    def _in_order(self) -> ContractSettings:
        if self.since and self.until and self.since > self.until:
            raise ValueError("since lies before until")
        return self


class DriversSection(Section):
    """Offers to drivers. `consent`: `presumed`, an event counts on all cars but those whose drivers declined; `asked`,
    only on those whose drivers accepted. `incentive`: yuan for each kWh that a car lets wait; when left out the one
    with which the house keeps most, if the share of drivers who take part rises linearly with what a kWh saves them:
    `elasticity` of them at the `reference` price, up to `most`. That is assumed, not measured.
    """

    consent: Consent = Consent.PRESUMED
    incentive: float | None = Field(default=None, ge=0, le=1000)
    elasticity: float = Field(default=0.25, gt=0)
    reference: float = Field(default=0.6, gt=0)
    most: float = Field(default=1.0, gt=0, le=1)

    def rule(self) -> DriverRule:
        """As the room wants it."""
        return DriverRule(self.consent, self.incentive, Response(self.elasticity, self.reference, self.most))


class ResponseSection(Section):
    """Demand response. `methods`: baseline by notice; `band`: shares of the target between which is credited what was
    reached. `automatic`: bid as soon as an event is told: `share` of what usually can fall, if that is `power_min_kw`;
    at what shifting costs by `tariff` but not below `price_min` (yuan per kWh), or without one at the price invited.
    `days_off`, `days_worked`: holidays, and weekend days worked instead; when left out those of the tariffs that come
    with the program. `contracts`: what is paid for standing by. `drivers`: what drivers are offered.
    """

    methods: dict[Notice, Method] = Field(default_factory=dict)
    adjust: bool = False
    band: tuple[float, float] = BAND
    automatic: bool = False
    share: float = Field(default=0.5, gt=0, le=1)
    price_min: float | None = Field(default=None, ge=0)
    power_min_kw: float = Field(default=1.0, ge=0)
    tariff: str = ""
    days_off: list[date] | None = None
    days_worked: list[date] | None = None
    contracts: list[ContractSettings] = Field(default_factory=list)
    drivers: DriversSection = Field(default_factory=DriversSection)

    @field_validator("band")
    @classmethod
    def _ordered(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= value[0] <= 1 <= value[1]:
            raise ValueError("the band reaches from at most 1 to at least 1")
        return value

    @field_validator("tariff")
    @classmethod
    def _known_tariff(cls, value: str) -> str:
        if value and value not in shipped():
            raise ValueError(f"no tariff {value}; there are {', '.join(shipped())}")
        return value


@dataclass(frozen=True, slots=True)
class ResponseRoom:
    """What routes and the supervisor need of it."""

    service: ResponseService
    work: ResponseWork
    statements: Statements


def response_room(
    section: ResponseSection,
    zone: tzinfo,
    clock: Clock,
    store: Store,
    audit: AuditLog,
    limits: LimitService,
    charging: ChargingService,
    stations: StationService,
) -> ResponseRoom:
    """The service and its background work."""
    tree = limits.feeders
    loads = FeederLoads(store.reader, tree, _Places(stations, tree), zone)
    tariff = shipped_tariff(section.tariff) if section.tariff else None
    sessions = Sessions(stations, tree)
    service = ResponseService(
        clock,
        store,
        audit,
        tree,
        Baselines(loads, _baselines(section), zone),
        LimitDoor(limits),
        Cars(clock, charging, sessions, tariff),
        stations.alerts,
        ResponseRules(
            section.band,
            section.automatic,
            OfferRule(section.share, section.price_min, round(section.power_min_kw * 1000)),
            section.drivers.rule(),
        ),
        Drivers(clock, charging, sessions, tariff),
    )

    def charging_w() -> Mapping[str, float]:
        now = clock.now()
        return {id_: charging.drawn_w(id_) - tree.base_load_w(id_, now) for id_ in tree.ids}

    charging.heed(service.fills)
    charging.serve_first(service.drivers)
    work = ResponseWork(clock, service, store.writer, charging_w, lambda: charging.wake("response"))
    return ResponseRoom(service, work, Statements(clock, service.book, _contracts(section, tree), zone))


def _contracts(section: ResponseSection, tree: FeederTree) -> list[Contract]:
    """Raises SettingsInvalid."""
    lost = next((one.feeder for one in section.contracts if one.feeder not in tree), None)
    if lost is not None:
        raise SettingsInvalid(f"response.contracts: there is no feeder {lost!r}")
    return [
        Contract(source_of(one.operator), one.feeder, one.standby_kw, one.price, one.since, one.until, one.ratio_min)
        for one in section.contracts
    ]


def _baselines(section: ResponseSection) -> BaselineRule:
    known = [shipped_tariff(name) for name in shipped()]
    off = section.days_off if section.days_off is not None else [day for one in known for day in one.days_off]
    worked = (
        section.days_worked if section.days_worked is not None else [day for one in known for day in one.days_worked]
    )
    if set(off) & set(worked):
        raise SettingsInvalid("response: a day is off or worked, not both")
    return BaselineRule(section.methods, section.adjust, frozenset(off), frozenset(worked))


class _Places:
    """Which stations hang where now."""

    def __init__(self, stations: StationService, tree: FeederTree) -> None:
        self._stations, self._tree = stations, tree

    def under(self, feeder_id: str) -> Sequence[str]:
        found = self._stations.stations.items()
        return [id_ for id_, station in found if feeder_id in self._tree.place(station.feeder_id)]


class LimitDoor:
    """Events enter by the one door for limits."""

    def __init__(self, limits: LimitService) -> None:
        self._limits = limits

    async def hold(self, event_id: str, feeder_id: str, blocks: Sequence[Block], until: datetime) -> Held:
        limit_id = _limit_id(event_id)
        before = self._limits.latest(SOURCE.source, feeder_id, limit_id)
        statement = {
            "version": before.version + 1 if before is not None else 1,
            "valid_from": blocks[0].start.isoformat(),
            "valid_to": until.isoformat(),
            "blocks": [{"start": block.start.isoformat(), "value_w": block.power_w} for block in blocks],
            "reason": f"demand response event {event_id}",
        }
        told = await self._limits.submit(json.dumps(statement).encode(), SOURCE, feeder_id, limit_id)
        return Held(limit_id, told.code, told.text)

    async def release(self, event_id: str, feeder_id: str) -> None:
        before = self._limits.latest(SOURCE.source, feeder_id, _limit_id(event_id))
        if before is not None and not before.cancelled:
            await self._limits.cancel(SOURCE, feeder_id, _limit_id(event_id), before.version)


def _limit_id(event_id: str) -> str:
    return f"response-{event_id}"


class ChannelDesk:
    """What operators say about events over a broker or a VTN; fits csms.grid.responses.ResponseBook."""

    def __init__(self, service: ResponseService) -> None:
        self._service = service

    async def said(self, word: Word, peer: Peer, feeder_id: str) -> Mapping[str, Any]:
        """The feeder of an invitation is that of its topic or target."""
        party = Party(peer.source, peer.channel, peer.name, feeders=peer.feeders)
        told: dict[str, Any] = {"id": word.event_id, "feeder_id": feeder_id, "at": self._service.now().isoformat()}
        try:
            row = await self._taken(word, party, feeder_id)
        except Refused as fault:
            return told | {"accepted": False, "code": fault.code, "text": str(fault)}
        return told | {"accepted": True, "event": event_view(row, self._service.now())}

    async def open(self, peer: Peer) -> list[dict[str, Any]]:
        """Events of a source that are neither over nor cancelled."""
        now = self._service.now()
        near = [event_view(row, now) for row in await self._service.book.near(now) if row.source == peer.source]
        return [view for view in near if view["cancelled_at"] is None]

    async def _taken(self, word: Word, party: Party, feeder_id: str) -> ResponseRow:
        service, raw = self._service, json.dumps(word.body).encode()
        match word.kind:
            case "invitation":
                body = {"feeder": feeder_id} | dict(word.body)
                return await service.invite(json.dumps(body).encode(), party, word.event_id)
            case "clearing":
                return await service.clear(raw, party, word.event_id)
            case "cancel":
                return await service.cancel(party, word.event_id)
            case _:
                await service.settling.answer(raw, party, word.event_id, word.appeal)
                return await service.book.known(word.event_id, party)


def way_back(channel: MqttChannel) -> Report:
    """Reports of events that came over MQTT."""

    async def send(event: ResponseEvent, report: Mapping[str, Any]) -> None:
        asked = event.invitation
        await channel.say_report(operator_of(asked.source), asked.feeder_id, report)

    return send


def way_back_to_vtns(vens: Mapping[str, Ven]) -> Report:
    """Reports of events that came from VTNs; `vens` by source."""

    async def send(event: ResponseEvent, report: Mapping[str, Any]) -> None:
        ven = vens.get(event.invitation.source)
        if ven is not None:
            await ven.say_response(report)

    return send
