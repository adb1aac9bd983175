"""Who is let in, and what is told and kept of those who are not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from csms.model.authentication import Attempt, PeerCertificate, Refused, SecurityProfile
from csms.model.authorization import ContractStatus
from csms.model.clock import ManualClock
from csms.model.errors import CsmsError, StoreUnavailable
from csms.security.contract_check import ContractUnverified
from csms.station import alarms, authentication
from csms.station.bus import EventBus
from csms.station.context import Outside, StationSettings
from csms.station.proving import ProofRefused
from csms.station.registration import Registration
from csms.station.service import StationService
from csms.store.engine import Store, open_store
from tests.unit.station.test_credentials import NOW

PASSWORD, CERTIFICATE = SecurityProfile.PASSWORD, SecurityProfile.CERTIFICATE


class Issuer:
    """Says of every certificate what it is told to say."""

    def __init__(self, answer: ContractStatus | CsmsError) -> None:
        self.answer = answer

    async def check(self, certificate: str, chain: Sequence[Any]) -> ContractStatus:
        if isinstance(self.answer, CsmsError):
            raise self.answer
        return self.answer


class House:
    """A station room and how it judges."""

    def __init__(self, service: StationService, store: Store) -> None:
        self.service, self.store = service, store
        self.context = service._context

    async def judged(self, profile: SecurityProfile, station_id: str = "CP-1", **shown: Any) -> Refused | None:
        told: list[Refused | None] = []
        self.service.admit(Attempt(station_id, profile, "10.0.0.7:5000", **shown), told.append)
        while self.service._background._tasks and not told:
            await next(iter(self.service._background._tasks))
        (answer,) = told
        return answer

    def certificate(self, serial: str = "SN-1", ends_in_days: float = 30) -> PeerCertificate:
        ends = self.context.clock.now() + timedelta(days=ends_in_days)
        return PeerCertificate(serial, "Operator", NOW - timedelta(days=400), ends)


Open = Callable[..., Awaitable[House]]


@pytest.fixture
async def open_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Open]:
    monkeypatch.setattr(authentication, "REFUSED_AFTER_S", 0.0)
    houses: list[House] = []

    async def opened(outside: Outside | None = None, **settings: Any) -> House:
        clock = ManualClock(NOW)
        store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", clock, upgrade=True)
        service = StationService(clock, store, EventBus(), StationSettings(**settings), outside)
        await service.restore()
        await service.register(Registration("CP-1"))
        houses.append(House(service, store))
        return houses[-1]

    yield opened
    for house in houses:
        await house.service.close()
        await house.store.close()


async def test_a_station_that_comes_back_is_known_at_once(open_house: Open) -> None:
    house = await open_house()
    password = (await house.service.set_first_password("CP-1")).encode()
    assert await house.judged(PASSWORD, password=password) is None
    told: list[Refused | None] = []
    house.service.admit(Attempt("CP-1", PASSWORD, "10.0.0.7:1", password), told.append)
    assert told == [None], "without a task"


async def test_a_changed_password_is_not_remembered_by_a_check_that_was_under_way(open_house: Open) -> None:
    house = await open_house()
    old = (await house.service.set_first_password("CP-1")).encode()
    told: list[Refused | None] = []
    house.service.admit(Attempt("CP-1", PASSWORD, "10.0.0.7:1", old), told.append)
    await house.service.set_first_password("CP-1")
    while not told:
        await next(iter(house.service._background._tasks))
    assert not house.context.credentials.is_remembered("CP-1", old) or told == [None]
    assert await house.judged(PASSWORD, password=old) is Refused.WRONG_PASSWORD


async def test_a_password_that_was_changed_while_it_was_noted_is_not_remembered(
    open_house: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator's hand is quicker than the commit of what the station proved by the old one."""
    house = await open_house()
    old = (await house.service.set_first_password("CP-1")).encode()
    commit, noting, go = house.store.writer.commit, asyncio.Event(), asyncio.Event()

    async def slow(changes: Sequence[Any]) -> None:
        if not noting.is_set():
            noting.set()
            await go.wait()
        await commit(changes)

    monkeypatch.setattr(house.store.writer, "commit", slow)
    told: list[Refused | None] = []
    house.service.admit(Attempt("CP-1", SecurityProfile.TLS_PASSWORD, "10.0.0.7:1", old), told.append)
    await noting.wait()
    await house.service.set_first_password("CP-1")
    go.set()
    while not told:
        await next(iter(house.service._background._tasks))
    assert told == [Refused.WRONG_PASSWORD]
    assert not house.context.credentials.is_remembered("CP-1", old)


async def test_a_profile_that_rises_while_an_operator_changes_something_stays(
    open_house: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await open_house()
    password = (await house.service.set_first_password("CP-1")).encode()
    commit = house.store.writer.commit
    raised: list[Refused | None] = []

    async def meanwhile(changes: Sequence[Any]) -> None:
        monkeypatch.setattr(house.store.writer, "commit", commit)
        raised.append(await house.judged(SecurityProfile.TLS_PASSWORD, password=password))
        await commit(changes)

    monkeypatch.setattr(house.store.writer, "commit", meanwhile)
    await house.service.demand("CP-1", serial="SN-1")
    assert raised == [None]
    assert await house.judged(PASSWORD, password=password) is Refused.LOWER_PROFILE


async def test_a_refusal_comes_at_whole_steps_also_where_many_wait() -> None:
    assert [authentication._left_s(spent_s, 1.0) for spent_s in (0.25, 1.25, 7.75)] == [0.75, 0.75, 0.25]


async def test_while_the_database_is_away_a_proven_station_is_let_in(
    open_house: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await open_house()
    password = (await house.service.set_first_password("CP-1")).encode()

    async def away(changes: Sequence[Any]) -> None:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(house.store.writer, "commit", away)
    assert await house.judged(SecurityProfile.TLS_PASSWORD, password=password) is None
    assert await house.judged(PASSWORD, password=password) is Refused.LOWER_PROFILE, "it counts in memory"


@pytest.mark.req("A00.FR.705", "1.6S:A00.FR.704")
@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        (ContractStatus.ACCEPTED, None),
        (ContractStatus.CERTIFICATE_REVOKED, Refused.CERTIFICATE_REVOKED),
        (ContractStatus.CERT_CHAIN_ERROR, Refused.CERTIFICATE_REVOKED),
        (ContractUnverified("nobody answers"), Refused.CERTIFICATE_STATUS_UNKNOWN),
    ],
)
async def test_the_issuer_is_asked_when_the_house_wants_it(
    open_house: Open, answer: ContractStatus | CsmsError, refused: Refused | None
) -> None:
    house = await open_house(Outside(client_check=Issuer(answer)))
    await house.service.demand("CP-1", serial="SN-1")
    assert await house.judged(CERTIFICATE, certificate=house.certificate()) is refused


@pytest.mark.req("A00.FR.407", "A00.FR.429")
async def test_a_certificate_that_has_ended(open_house: Open) -> None:
    house = await open_house(expired_accepted=frozenset({"CP-2"}))
    await house.service.register(Registration("CP-2"))
    for number in (1, 2):
        await house.service.demand(f"CP-{number}", serial=f"SN-{number}")
    ended = [house.certificate(f"SN-{number}", -1) for number in (1, 2)]
    assert await house.judged(CERTIFICATE, certificate=ended[0]) is Refused.CERTIFICATE_EXPIRED
    assert await house.judged(CERTIFICATE, "CP-2", certificate=ended[1]) is None
    assert house.service.stations["CP-2"].proof.expired
    assert await house.judged(CERTIFICATE, "CP-2", certificate=house.certificate("SN-2")) is None
    assert not house.service.stations["CP-2"].proof.expired


async def test_a_fault_of_ours_is_no_refusal_of_the_station(open_house: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    house = await open_house()

    async def broken(*given: Any) -> str:
        raise OSError("no memory")

    monkeypatch.setattr(house.context.credentials, "matching", broken)
    assert await house.judged(PASSWORD, password=b"whatever") is Refused.UNDECIDED


async def test_where_no_password_can_be_shown_a_first_one_locks_nobody_out(open_house: Open) -> None:
    house = await open_house(profiles=frozenset({SecurityProfile.OPEN}))
    await house.service.set_first_password("CP-1")
    assert await house.judged(SecurityProfile.OPEN) is None
    with pytest.raises(ProofRefused, match="no port"):
        await house.service.demand("CP-1", SecurityProfile.PASSWORD)


async def test_an_attempt_never_shows_its_password() -> None:
    assert "secret" not in repr(Attempt("CP-1", PASSWORD, "10.0.0.7:1", b"secret"))


async def test_events_of_one_kind_are_kept_once_a_minute_with_how_many_there_were(open_house: Open) -> None:
    house = await open_house()
    clock = house.context.clock
    assert isinstance(clock, ManualClock)
    for _ in range(5):
        assert await house.judged(PASSWORD, password=b"wrong-password-1") is Refused.WRONG_PASSWORD
    clock.advance(61)
    assert await house.judged(PASSWORD, password=b"wrong-password-1") is Refused.WRONG_PASSWORD
    while house.service._background._tasks:
        await next(iter(house.service._background._tasks))
    events = await house.store.reader.security_events(10, "CP-1")
    assert [event.info for event in events] == [
        "wrong_password at security profile 1, from 10.0.0.7, 4 more before",
        "wrong_password at security profile 1, from 10.0.0.7",
    ]
    assert {event.origin for event in events} == {"csms"}


async def test_events_from_many_addresses_do_not_fill_the_database(
    open_house: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alarms, "REMEMBERED_MAX", 20)
    house = await open_house()
    for number in range(200):
        house.context.alarms.raise_(alarms.FAILED_AUTHENTICATION, "", "knocking", f"10.0.{number}.1")
    assert len(house.service._background._tasks) == 21, "twenty, and one for all others"
    clock = house.context.clock
    assert isinstance(clock, ManualClock)
    clock.advance(61)
    house.context.alarms.raise_(alarms.FAILED_AUTHENTICATION, "", "knocking", "10.1.0.1")
    assert len(house.service._background._tasks) == 22


async def test_what_an_operator_asks_for_counts_only_when_it_is_stored(
    open_house: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await open_house()

    async def away(changes: Sequence[Any]) -> None:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(house.store.writer, "commit", away)
    with pytest.raises(StoreUnavailable):
        await house.service.set_first_password("CP-1")
    with pytest.raises(StoreUnavailable):
        await house.service.demand("CP-1", SecurityProfile.TLS_PASSWORD, "SN-1")
    proof = house.context.stations["CP-1"].proof
    assert (proof.profile, proof.serial) == (SecurityProfile.OPEN, "")
    assert not house.context.credentials.knows("CP-1")
