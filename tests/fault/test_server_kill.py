"""The server is killed in mid-session: what it answered is there, the session goes on, the order waits exactly once."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.running import SETTINGS, BareStation, Server, station

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}
PARTNER = """
[[partners]]
id = "p"
base_url = "http://127.0.0.1:9"
operator_id = "123456789"
operator_secret = "secret"
data_secret = "1234567890abcdef"
data_secret_iv = "1234567890abcdef"
sig_secret = "1234567890abcdef"
"""


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def values(transaction_id: int, register_wh: int) -> dict[str, Any]:
    sampled = {"value": str(register_wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
    meter_value = [{"timestamp": now(), "sampledValue": [sampled]}]
    return {"connectorId": 1, "transactionId": transaction_id, "meterValue": meter_value}


async def stream_until_killed(server: Server) -> tuple[int, list[int]]:
    """Start a session and send registers without pause; the transaction id and the registers that were answered."""
    answered: list[int] = []
    async with station(server) as socket:
        pile = BareStation(socket)
        await pile.call("BootNotification", BOOT)
        start = {"connectorId": 1, "idTag": "T", "meterStart": 0, "timestamp": now()}
        transaction_id = int((await pile.call("StartTransaction", start))[2]["transactionId"])
        try:
            for register_wh in range(1, 100_000):
                if register_wh == 150:
                    assert server.process is not None
                    server.process.send_signal(signal.SIGKILL)
                assert (await pile.call("MeterValues", values(transaction_id, register_wh)))[0] == 3
                answered.append(register_wh)
        except ConnectionClosed:
            pass
    return transaction_id, answered


def rows(server: Server, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(server.folder / "csms.db")) as database:
        return database.execute(query).fetchall()


@pytest.mark.req("LOAD-02")
async def test_nothing_that_was_answered_is_lost_and_the_session_goes_on(tmp_path: Path) -> None:
    server = Server(tmp_path / "kill", settings=SETTINGS + PARTNER)
    server.start()
    body = {"version": 1, "value_w": 60_000}
    limit = "/api/v1/feeders/T1/limits/11111111-1111-4111-8111-111111111111"
    assert server.api.put(limit, json=body).status_code == 202
    transaction_id, answered = await stream_until_killed(server)
    assert len(answered) >= 149
    assert server.process is not None
    server.process.wait(20)
    server.api.close()

    server.start()
    stored = {int(value) for (value,) in rows(server, "select value from sample")}
    assert set(answered) <= stored
    assert server.api.get("/api/v1/feeders/T1/limits").json()["limits"]
    async with station(server) as socket:
        pile = BareStation(socket)
        assert (await pile.call("MeterValues", values(transaction_id, 200_000)))[0] == 3
        stop = {"transactionId": transaction_id, "meterStop": 200_000, "timestamp": now(), "idTag": "T"}
        assert (await pile.call("StopTransaction", stop))[0] == 3
    ((session_id,),) = rows(server, f"select id from session where transaction_id = '{transaction_id}'")
    session = server.api.get(f"/api/v1/sessions/{session_id}").json()
    assert (session["status"], session["energy_wh"]) == ("ended", 200_000)
    assert server.stop() == 0

    server.start()
    server.stop()
    orders = rows(server, "select business_key from outbox where interface = 'charge_order'")
    assert len(orders) == 1
