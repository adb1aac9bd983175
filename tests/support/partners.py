"""An operator with stations on a real store, and a platform that calls it: everything but the wires."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from csms.model.clock import ManualClock
from csms.model.inbound import Boot, Inbound, MeterReport, SessionStarted, SessionStopped, StatusReport
from csms.model.meter import CURRENT_IMPORT, ENERGY_REGISTER, VOLTAGE, Sample
from csms.model.session import StopReason
from csms.model.station import ConnectorStatus, StationIdentity
from csms.province import strict_json
from csms.province.access import Access
from csms.province.answers import Answers, Operator
from csms.province.client import Partner
from csms.province.crypto import Secrets, require_suite
from csms.province.desk import OperatorDesk, Reply
from csms.province.envelope import Codec, Response, SeqAllocator, open_response, seal_request
from csms.province.feed import ProvinceFeed
from csms.province.ids import IdTable
from csms.province.keys import KeyRing
from csms.province.memory import MemoryOutbox
from csms.province.orders import Orders
from csms.province.picture import Picture, Site
from csms.province.profile import Kind, load_profile
from csms.province.renewal import Renewal
from csms.province.replay import Taken
from csms.province.service import ProvinceService
from csms.province.starts import PartnerStarts
from csms.province.tariff import FlatPrice, Price
from csms.station.bus import EventBus
from csms.station.context import StationSettings
from csms.station.registration import Registration, rating
from csms.station.service import StationService
from csms.store.engine import open_store
from csms.store.province import ProvinceRecords
from tests.support.operations import TwinLink

OURS = Secrets.of(*("1234567890abcdef",) * 4)
THEIRS = Secrets.of(*("fedcba0987654321",) * 4)
OPERATOR, PLATFORM = "123456789", "987654321"
PRICES = FlatPrice(Price(Decimal("0.66"), Decimal("0.40")))
SITES = (
    Site("1", "日照站", "示范路1号", "371102", 119.5, 35.4, "0633-1"),
    Site("2", "青岛站", "海滨路2号", "370202", 120.4, 36.1, "0532-2"),
)
PLATE = rating("ac", 3, 32.0, 22_080)


@dataclass
class Caller:
    """A platform that calls the operator; `secrets` as the operator gave them."""

    world: World
    partner: Partner
    secrets: Secrets = OURS
    token: str = ""
    stamps: SeqAllocator = field(init=False)

    def __post_init__(self) -> None:
        self.stamps = SeqAllocator(self.world.clock)

    @property
    def codec(self) -> Codec:
        return Codec(require_suite(self.partner.profile.crypto.suite), self.secrets)

    def sealed(self, body: Mapping[str, Any]) -> bytes:
        name = self.partner.platform_id
        return seal_request(self.codec, name, strict_json.write(body), self.stamps.next()).to_wire()

    async def post(self, kind: Kind, raw: bytes) -> Reply:
        kinds = self.world.desk.paths()[self.partner.profile.path(kind)]
        return await self.world.desk.receive(kinds, raw, f"Bearer {self.token}")

    async def call(self, kind: Kind, body: Mapping[str, Any]) -> tuple[Response, dict[str, Any]]:
        reply = await self.post(kind, self.sealed(body))
        assert reply.http_status == 200
        return open_response(self.codec, reply.body, self.partner.platform_id)

    async def log_in(self) -> dict[str, Any]:
        secret = self.secrets.operator_secret
        body = {"OperatorID": self.partner.platform_id, "OperatorSecret": secret}
        _, answer = await self.call(Kind.QUERY_TOKEN, body)
        self.token = answer["AccessToken"]
        return answer

    async def ask(self, kind: Kind, body: Mapping[str, Any]) -> dict[str, Any]:
        """A call that is to be answered with Ret 0."""
        response, answer = await self.call(kind, body)
        assert response.ret == 0, (response.ret, response.msg)
        return answer


@dataclass
class World:
    """The operator's side."""

    clock: ManualClock
    stations: StationService
    outbox: MemoryOutbox
    service: ProvinceService
    starts: PartnerStarts
    feed: ProvinceFeed
    desk: OperatorDesk
    records: ProvinceRecords
    answers: Answers
    links: dict[str, TwinLink] = field(default_factory=dict)

    async def caller(self, partner_id: str = "p", *, token: bool = True) -> Caller:
        made = Caller(self, self.service.partners[partner_id])
        if token:
            await made.log_in()
        return made

    async def say(self, station_id: str, message: Inbound) -> Any:
        return await self.stations.receive(station_id, message, self.clock.now())

    async def station(self, station_id: str, site: str = "1", evses: int = 1) -> None:
        await self.stations.register(Registration(station_id, "T1", site, dict.fromkeys(range(1, evses + 1), PLATE)))
        self.links[station_id] = TwinLink()
        self.stations.stations[station_id].booted = True
        await self.stations.connected(station_id, self.links[station_id])
        await self.say(station_id, Boot(StationIdentity("Acme", "Pile 22")))
        for evse_id in range(1, evses + 1):
            await self.say(station_id, StatusReport(evse_id, 1, ConnectorStatus.PREPARING))

    async def begin(self, station_id: str, token: str = "TAG") -> int:
        reply = await self.say(station_id, SessionStarted(1, token, 1000, self.clock.now()))
        await self.say(station_id, StatusReport(1, 1, ConnectorStatus.CHARGING))
        return int(reply.transaction_id)

    async def meter(self, station_id: str, transaction: int, register_wh: float, power_a: float = 10.0) -> None:
        at = self.clock.now()
        rows = (
            Sample(at, ENERGY_REGISTER, register_wh, "Wh"),
            Sample(at, CURRENT_IMPORT, power_a, "A", "L1"),
            Sample(at, VOLTAGE, 230.0, "V", "L1"),
        )
        await self.say(station_id, MeterReport(1, rows, str(transaction)))

    async def end(self, station_id: str, transaction: int, register_wh: float, reason: StopReason) -> None:
        await self.say(station_id, SessionStopped(str(transaction), register_wh, self.clock.now(), reason))
        await self.say(station_id, StatusReport(1, 1, ConnectorStatus.FINISHING))

    @property
    def picture(self) -> Picture:
        return self.feed._picture

    @property
    def orders(self) -> Orders:
        return Orders(self.service, self.outbox, self.picture, self.starts)

    @property
    def renewal(self) -> Renewal:
        return Renewal(self.clock, self.service, self.outbox, self.orders, self.records, self.picture, self.starts)

    def rows(self, kind: Kind, partner: str = "p") -> list[dict[str, Any]]:
        found = [row for row in self.outbox.rows.values() if (row.interface, row.partner) == (kind, partner)]
        return [dict(row.payload) for row in found]

    def connector(self, station_id: str, partner: str = "p") -> str:
        evse = self.stations.stations[station_id].evses[1]
        (state,) = self.feed._picture.connector_states(evse)
        return self.service.names[partner].connector(state.connector)


def partner_of(clock: ManualClock, id_: str = "p", profile: str = "tcec102-2016", **more: Any) -> Partner:
    """One that calls us, too, and may charge."""
    access = Access(interfaces=frozenset(Kind)) if "access" not in more else more.pop("access")
    known = {"platform_id": PLATFORM, "inbound": KeyRing.of(clock, OURS), "access": access} | more
    return Partner(id_, load_profile(profile), "http://127.0.0.1:1", OPERATOR, THEIRS, **known)


@asynccontextmanager
async def world(folder: Path, *partners: Partner, clock: ManualClock | None = None) -> AsyncIterator[World]:
    """Two sites without stations."""
    clock, bus = clock or ManualClock(), EventBus()
    store = await open_store(f"sqlite+aiosqlite:///{folder / 'csms.db'}", clock, upgrade=True)
    stations = StationService(clock, store, bus, StationSettings(default_site="1"))
    outbox = MemoryOutbox()
    service = ProvinceService(clock, outbox, IdTable(), list(partners) or [partner_of(clock)])
    records = ProvinceRecords(store)
    picture = Picture(clock, store.reader, stations.stations, SITES, PRICES)
    starts = PartnerStarts(clock, records, service, stations, 300.0)
    feed = ProvinceFeed(clock, service, outbox, records, picture, starts)
    answers = Answers(clock, picture, records, starts, service.names, Operator("Acme Charging", "0633-9"))
    desk = await desk_of(clock, service, answers, records)
    bus.subscribe(feed.hear)
    try:
        yield World(clock, stations, outbox, service, starts, feed, desk, records, answers)
    finally:
        await starts.close()
        await stations.close()
        await store.close()


async def desk_of(
    clock: ManualClock, service: ProvinceService, answers: Answers, records: ProvinceRecords
) -> OperatorDesk:
    """As it is when the server starts."""

    async def keep(taken: Sequence[Taken]) -> None:
        await records.note_seen(taken, clock.now())

    return OperatorDesk(clock, service, answers, keep=keep, taken=await records.seen(clock.now()))


def changed(partner: Partner, **more: Any) -> Partner:
    """The same partner with something else."""
    return replace(partner, **more)
