"""A day of an operator in a platform's database, with two defects: a total that is wrong and a state that is none."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from csms.province import strict_json
from csms.province.messages import business_key
from csms.province.profile import Kind
from monitor.evidence.documents import record_bytes
from monitor.store.intake import IntakeStore, open_intake
from monitor.store.messages import Call, Message, Standing
from tests.quality.world import DAY, END, OPERATOR, World


async def receive(store: IntakeStore, world: World) -> None:
    """Everything of a world into the store, as the desk would write it."""
    profile = world.profile
    inputs = world.inputs()
    for seen in [*inputs.stations, *inputs.taken]:
        key = business_key(profile, seen.kind, seen.body)
        call = Call(seen.received_at, profile.interfaces[seen.kind].wire, 200, 0, OPERATOR, key, latency_us=900)
        body = json.loads(strict_json.canonical(seen.body))
        fields = {"Status": seen.body.get("ConnectorStatusInfo", {}).get("Status", 0)} | body
        record = record_bytes(OPERATOR, seen.kind, key, seen.received_at, seen.body)
        await store.accept(dict.fromkeys(Standing, call), Message(seen.kind, fields, key, record))
    for seen in inputs.refused:
        key = business_key(profile, seen.kind, seen.body)
        wire = profile.interfaces[seen.kind].wire
        body = json.loads(strict_json.canonical(seen.body))
        await store.log(Call(seen.received_at, wire, 200, 4004, OPERATOR, key, defects=("DQ_ENUM x",), body=body))


@pytest.fixture(scope="module")
def world() -> World:
    made = World(11, stations=1, piles=1)
    order = next(s for s in made.sessions if s.start > DAY and s.end < END - timedelta(hours=3)).order
    order.values["TotalMoney"] += Decimal("5.00")
    made.add(DAY + timedelta(hours=2), Kind.STATION_STATUS, {"ConnectorID": made.plugs[0].id, "Status": 9})
    return made


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, world: World) -> Path:
    """The database after everything was received, made once; without waiting for the disk."""
    folder = tmp_path_factory.mktemp("filled")

    async def fill() -> None:
        made = await open_intake(folder)
        async with made._engine.connect() as connection:
            await connection.exec_driver_sql("PRAGMA synchronous=OFF")
        await receive(made, world)
        await made.close()

    asyncio.run(fill())
    return folder
