"""What every engine under the store must do: each change, read back by the query that serves it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from csms.model.clock import system_clock
from csms.model.errors import ChangeRefused, StoreUnavailable
from csms.store import changes
from csms.store.change import Change
from csms.store.engine import Store, open_store
from csms.store.outbox import SqlOutbox, add_entries
from csms.store.station_tables import VariableRow
from csms.store.tables import (
    Evse,
    IdToken,
    LimitRow,
    PlanRow,
    ProfileRow,
    Session,
    Station,
    UpperBoundRow,
)
from tests.support.samples import add_samples

NOON = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    opened = await open_store(database_url, system_clock(), upgrade=True)
    await opened.writer.commit([changes.put_station(Station(id="A")), changes.put_station(Station(id="B"))])
    yield opened
    await opened.close()


async def write(store: Store, *wanted: Change) -> None:
    await store.writer.commit(wanted)


def sample(**values: Any) -> dict[str, Any]:
    row = {"station_id": "A", "evse_id": 1, "time": NOON, "received_at": NOON, "measurand": "Power", "unit": "W"}
    return {**row, "value": 1.0, **values}


def session(number: int, **values: Any) -> Session:
    given = {"station_id": "A", "evse_id": 1, "transaction_id": f"t{number}", "started_at": NOON, "received_at": NOON}
    return Session(id=number, **{**given, **values})


async def test_stations(store: Store) -> None:
    told = {"vendor": "V", "model": "M", "serial": "S", "firmware": "F"}
    await write(
        store,
        changes.put_station(Station(id="C", site_id="s", feeder_id="f")),
        changes.station_booted("C", at=NOON, protocol="ocpp1.6", **told),
        changes.station_seen("C", at=LATER, protocol="ocpp2.0.1"),
        changes.register_station(Station(id="C", registered=False, site_id="s2", feeder_id="f2")),
    )
    station = await store.reader.station("C")
    assert station is not None
    assert {name: getattr(station, name) for name in told} == told
    assert (station.booted_at, station.last_seen_at, station.protocol) == (NOON, LATER, "ocpp2.0.1")
    assert (station.registered, station.site_id, station.feeder_id) == (False, "s2", "f2")
    assert [row.id for row in await store.reader.stations()] == ["A", "B", "C"]
    assert await store.reader.station("nobody") is None


async def test_registering_adds_a_station(store: Store) -> None:
    await write(store, changes.register_station(Station(id="D", feeder_id="f")))
    station = await store.reader.station("D")
    assert station is not None
    assert (station.feeder_id, station.registered, station.booted_at) == ("f", True, None)


async def test_a_sign_of_life_of_a_stranger_changes_nothing(store: Store) -> None:
    await write(store, changes.station_seen("nobody", NOON, "ocpp1.6"))
    assert await store.reader.station("nobody") is None


async def test_evses_and_connectors(store: Store) -> None:
    state: dict[str, Any] = {"evse_id": 2, "connector_id": 1, "received_at": NOON}
    await write(
        store,
        changes.put_evse(Evse(station_id="B", evse_id=1)),
        changes.put_evse(Evse(station_id="A", evse_id=2, kind="dc", power_max_w=60_000)),
        changes.put_evse(Evse(station_id="A", evse_id=2, kind="dc", power_max_w=120_000)),
        changes.put_connector("A", status="Available", station_time=LATER, **state),
        changes.put_connector("A", status="Charging", info="i", **state),
    )
    assert [(e.station_id, e.evse_id, e.power_max_w) for e in await store.reader.evses()] == [
        ("A", 2, 120_000),
        ("B", 1, 22_080),
    ]
    assert len(await store.reader.evses("B")) == 1
    [connector] = await store.reader.connectors()
    assert (connector.status, connector.info, connector.station_time) == ("Charging", "i", None)
    assert await store.reader.connectors("B") == []


async def test_sessions(store: Store) -> None:
    await write(
        store,
        *(changes.open_session(session(n)) for n in (1, 2, 3)),
        changes.open_session(session(4, station_id="B")),
        changes.update_session(2, status="ended", ended_at=LATER, energy_wh=5.5, flags=["offline"]),
    )
    reader = store.reader
    assert [row.id for row in await reader.open_sessions()] == [1, 3, 4]
    assert [row.id for row in await reader.sessions(10)] == [4, 3, 2, 1]
    assert [row.id for row in await reader.sessions(2, station_id="A", before_id=3)] == [2, 1]
    assert [row.id for row in await reader.sessions(10, status="ended")] == [2]
    ended = await reader.session(2)
    assert ended is not None
    assert (ended.ended_at, ended.energy_wh, ended.flags, ended.status) == (LATER, 5.5, ["offline"], "ended")
    assert await reader.max_session_id() == 4
    assert await reader.session(9) is None


async def test_the_newest_session_of_a_transaction_counts(store: Store) -> None:
    again = [changes.open_session(session(n, transaction_id="same")) for n in (1, 2)]
    await write(store, *again, changes.open_session(session(3, station_id="B", transaction_id="same")))
    found = await store.reader.session_by_transaction("A", "same")
    assert found is not None
    assert found.id == 2
    assert await store.reader.session_by_transaction("A", "other") is None


async def test_a_session_id_is_used_once_and_only_by_a_known_station(store: Store) -> None:
    await write(store, changes.open_session(session(1)))
    for wrong in (session(1), session(2, station_id="nobody")):
        with pytest.raises(StoreUnavailable):
            await write(store, changes.open_session(wrong))
    assert await store.reader.max_session_id() == 1


async def test_an_empty_store(store: Store) -> None:
    assert await store.reader.max_session_id() == 0
    assert await store.reader.last_plan("f") is None
    assert await store.reader.samples() == []


async def test_samples_sent_twice_are_stored_once_and_the_first_stays(store: Store) -> None:
    await write(store, add_samples([sample(value=1.0), sample(value=2.0), sample(phase="L1", value=3.0)]))
    await write(store, add_samples([sample(value=4.0), sample(time=LATER, value=5.0)]))
    assert [row.value for row in await store.reader.samples()] == [1.0, 3.0, 5.0]


@pytest.mark.parametrize(
    "other",
    [
        {"station_id": "B"},
        {"evse_id": 2},
        {"transaction_id": "t"},
        {"time": NOON + timedelta(microseconds=1)},
        {"measurand": "Current"},
        {"phase": "L1"},
        {"context": "Trigger"},
        {"location": "EV"},
    ],
)
async def test_samples_differ_by_every_part_of_their_key(store: Store, other: dict[str, Any]) -> None:
    await write(store, add_samples([sample(), sample(**other)]))
    assert len(await store.reader.samples()) == 2


async def test_samples_of_no_session_have_none(store: Store) -> None:
    await write(store, add_samples([sample(), sample(time=LATER, session_id=7)]))
    assert [row.session_id for row in await store.reader.samples()] == [None, 7]
    assert [row.time for row in await store.reader.samples(session_id=7)] == [LATER]


async def test_picking_samples(store: Store) -> None:
    times = [NOON + timedelta(minutes=minute) for minute in (3, 1, 2, 0)]
    await write(store, add_samples([sample(time=time, session_id=7, value=time.minute) for time in times]))
    await write(store, add_samples([sample(station_id="B", evse_id=2, value=9.0)]))
    reader = store.reader
    assert [row.value for row in await reader.samples(7)] == [0, 1, 2, 3]
    assert [row.value for row in await reader.samples(session_id=7, since=times[1], until=times[0])] == [1, 2]
    assert [row.value for row in await reader.samples(7, limit=2)] == [0, 1]
    assert [row.value for row in await reader.samples(station_id="B", evse_id=2)] == [9]


async def test_times_keep_their_moment_whatever_zone_they_came_in(store: Store) -> None:
    shanghai = NOON.astimezone(timezone(timedelta(hours=8)))
    new_york = NOON.astimezone(timezone(timedelta(hours=-5)))
    await write(store, add_samples([sample(time=shanghai), sample(time=new_york)]))
    [row] = await store.reader.samples(since=shanghai, until=new_york + timedelta(microseconds=1))
    assert row.time == NOON
    assert row.time.utcoffset() == timedelta(0)


async def test_tokens(store: Store) -> None:
    await write(store, changes.put_token(IdToken(id_token="t", expires_at=NOON)))
    await write(store, changes.put_token(IdToken(id_token="t", status="Blocked", group_id="g")))
    token = await store.reader.token("t")
    assert token is not None
    assert (token.status, token.group_id, token.expires_at) == ("Blocked", "g", None)
    assert await store.reader.token("other") is None


async def test_tokens_are_found_whatever_the_case_of_their_letters(store: Store) -> None:
    await write(store, *(changes.put_token(IdToken(id_token=name, allowed=["CP-1/2"])) for name in ("Ab", "C", "d")))
    found = await store.reader.tokens(["aB", "c", "x"])
    assert {word: row.id_token for word, row in found.items()} == {"aB": "Ab", "c": "C"}
    assert found["c"].allowed == ["CP-1/2"]
    assert [row.id_token for row in await store.reader.token_page("Ab", 1)] == ["C"]
    assert [row.id_token for row in await store.reader.token_page()] == ["Ab", "C", "d"]


def variable(name: str, **values: Any) -> VariableRow:
    facts = {"station_id": "A", "key": name.lower(), "name": name, "variable": name, "reported_at": NOON}
    return VariableRow(**(facts | values))


async def test_of_a_row_that_is_there_only_the_named_columns_change(store: Store) -> None:
    await write(store, changes.put_columns(variable("X", value="1", unit="s", mutability="ReadOnly"), "value"))
    await write(store, changes.put_columns(variable("x", value="2", unit="A"), "value", "name"))
    await write(store, changes.put_row(variable("Y")), changes.put_row(variable("X", station_id="B")))
    [row, other] = await store.reader.variables("A")
    assert (row.name, row.value, row.unit, row.mutability) == ("x", "2", "s", "ReadOnly")
    assert (other.name, other.value) == ("Y", None)
    assert [row.key for row in await store.reader.variables("A", ["y", "z"])] == ["y"]


async def test_notices(store: Store) -> None:
    await write(
        store,
        changes.add_notice("A", NOON, "orphan_stop", {"桩": [1, None, "é"]}),
        changes.add_notice("A", LATER, "data_transfer"),
        changes.add_notice("B", LATER, "orphan_stop"),
    )
    assert [n.station_id for n in await store.reader.notices()] == ["B", "A", "A"]
    [first] = await store.reader.notices("A", "orphan_stop")
    assert (first.detail, first.received_at) == ({"桩": [1, None, "é"]}, NOON)
    assert len(await store.reader.notices(limit=2)) == 2


def limit(version: int, **values: Any) -> LimitRow:
    times = {"valid_from": NOON, "valid_to": LATER, "issued_at": NOON, "received_at": NOON}
    given = {"source": "op", "feeder_id": "f", "limit_id": "l", "power_w": 10**10, **times}
    return LimitRow(version=version, **{**given, **values})


async def test_the_highest_version_of_each_limit_counts(store: Store) -> None:
    await write(
        store,
        changes.add_limit(limit(1)),
        changes.add_limit(limit(3, power_w=6)),
        changes.add_limit(limit(2)),
        changes.cancel_limit(limit(3, cancelled=True)),
        changes.add_limit(limit(1, limit_id="m")),
        changes.add_limit(limit(9, source="other")),
        changes.add_limit(limit(4, feeder_id="g")),
    )
    found = [(r.source, r.feeder_id, r.limit_id, r.version, r.power_w) for r in await store.reader.limits("f")]
    assert found == [("op", "f", "l", 3, 6), ("op", "f", "m", 1, 10**10), ("other", "f", "l", 9, 10**10)]
    assert len(await store.reader.limits()) == 4
    assert (await store.reader.limits("f"))[0].cancelled is True
    assert await store.reader.limit_count() == 7, "six versions, one of them cancelled"


async def test_a_version_that_was_acknowledged_is_not_replaced(store: Store) -> None:
    await write(store, changes.add_limit(limit(1, power_w=5)))
    with pytest.raises(ChangeRefused):
        await write(store, changes.add_limit(limit(1, power_w=6)))
    assert [row.power_w for row in await store.reader.limits()] == [5]


def plan(feeder_id: str, cause: str) -> PlanRow:
    figures: dict[str, Any] = {"objective": 1.0, "lower_bound": 1.0, "gap": 0.0, "solve_s": 0.1}
    return PlanRow(feeder_id=feeder_id, made_at=NOON, cause=cause, method="m", content={"w": [1, 2]}, **figures)


async def test_the_last_plan(store: Store) -> None:
    await write(store, *(changes.add_plan(plan("f", cause)) for cause in ("first", "second")))
    await write(store, changes.add_plan(plan("g", "other")))
    last = await store.reader.last_plan("f")
    assert last is not None
    assert (last.cause, last.content) == ("second", {"w": [1, 2]})
    assert [row.cause for row in await store.reader.plans("f")] == ["second", "first"]


def profile(profile_id: int, sent_at: datetime) -> ProfileRow:
    return ProfileRow(
        station_id="A", evse_id=1, session_id=1, profile_id=profile_id, purpose="Tx", limit_w=1000, sent_at=sent_at
    )


async def test_one_sending_of_a_profile_is_updated(store: Store) -> None:
    await write(store, changes.add_profile(profile(5, NOON)), changes.add_profile(profile(5, LATER)))
    await write(store, changes.update_profile("A", 5, LATER, status="Accepted", answered_at=LATER))
    newest, first = await store.reader.profiles(station_id="A")
    assert (newest.status, newest.answered_at) == ("Accepted", LATER)
    assert (first.status, first.answered_at) == ("sent", None)
    assert len(await store.reader.profiles(session_id=1, limit=1)) == 1
    assert await store.reader.profiles(station_id="B") == []


async def test_upper_bounds(store: Store) -> None:
    for power_w in (1, 2):
        bound = UpperBoundRow(station_id="A", evse_id=1, upper_bound_w=power_w, until=LATER, updated_at=NOON)
        await write(store, changes.put_upper_bound(bound))
    assert [(row.upper_bound_w, row.until) for row in await store.reader.upper_bounds()] == [(2, LATER)]


async def test_external_ids_are_given_once_and_never_to_two(store: Store) -> None:
    await write(store, changes.put_external_id("order", "1", "X1"), changes.put_external_id("order", "1", "X2"))
    assert await store.reader.external_id("order", "1") == "X1"
    assert await store.reader.external_id("order", "2") is None
    with pytest.raises(StoreUnavailable):
        await write(store, changes.put_external_id("order", "2", "X1"))
    await write(store, changes.put_external_id("station", "2", "X1"))
    pairs = [(row.scope, row.local, row.external) for row in await store.reader.external_ids()]
    assert pairs == [("order", "1", "X1"), ("station", "2", "X1")]
    assert [row.scope for row in await store.reader.external_ids("station")] == ["station"]


class Entry:
    """A message as the outbox takes it."""

    partner, interface, business_key, state, collapse = "p", "order", "k", "queued", False
    payload: dict[str, Any] = {}  # noqa: RUF012
    created_at, last_code, last_error = NOON, None, ""


async def test_counts(store: Store) -> None:
    await write(
        store,
        changes.open_session(session(1, energy_wh=1.5)),
        changes.open_session(session(2, energy_wh=2.5, status="ended")),
        add_samples([sample()]),
        changes.add_profile(profile(1, NOON)),
        *add_entries([Entry(), Entry()]),
    )
    assert await store.reader.counts() == {
        "stations": 2,
        "sessions_open": 1,
        "sessions_ended": 1,
        "samples": 1,
        "energy_ended_wh": 2.5,
        "profiles": {"sent": 1},
        "profiles_seen": 0,
        "plans": 0,
        "plan_gap_max": None,
        "outbox": {"queued": 2},
    }
    assert (await SqlOutbox(store, dict).counts())["queued"] == 2


async def test_energy_of_sessions_that_ended_since_a_moment(store: Store) -> None:
    ended = {"status": "ended"}
    await write(
        store,
        changes.open_session(session(1, energy_wh=1.5)),
        changes.open_session(session(2, energy_wh=2.5, ended_at=NOON, **ended)),
        changes.open_session(session(3, energy_wh=4.0, ended_at=NOON - timedelta(seconds=1), **ended)),
    )
    assert await store.reader.energy_ended_wh(NOON) == 2.5
    assert await store.reader.energy_ended_wh(NOON - timedelta(days=1)) == 6.5
    assert await store.reader.energy_ended_wh(NOON + timedelta(days=1)) == 0.0
    rows = await store.reader.stays(NOON - timedelta(days=9), None, 1)
    assert [(row.id, row.station_id, row.ended_at) for row in rows] == [(3, "A", NOON - timedelta(seconds=1))]
    assert [row.id for row in await store.reader.stays(NOON - timedelta(days=9), 3, 9)] == [2]


async def test_many_reads_side_by_side(store: Store) -> None:
    found = await asyncio.gather(*(store.reader.station("A") for _ in range(50)))
    assert all(station is not None and station.id == "A" for station in found)
