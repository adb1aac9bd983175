"""Bad input against the running server: a clear answer each time, the server goes on, nothing stored is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.running import BareStation, Server, csms, running, station

BOOT16 = {"chargePointVendor": "Vendor", "chargePointModel": "Model"}
BOOT201 = {"chargingStation": {"vendorName": "Vendor", "model": "Model"}, "reason": "PowerUp"}


def now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("bad-input"), stations=("CP-1", "CP-2", "CP-3")) as one:
        yield one


@pytest.fixture(autouse=True)
async def bystander(server: Server):
    """Another station stays connected through every test and is served before and after."""
    async with station(server, "CP-2") as socket:
        other = BareStation(socket)
        assert (await other.call("BootNotification", BOOT16))[2]["status"] == "Accepted"
        before = server.overview()
        yield
        assert (await other.call("Heartbeat", {}))[0] == 3
        after = server.overview()
        assert after["samples"] >= before["samples"]
        assert server.process is not None
        assert server.process.poll() is None


@pytest.mark.req("NEXT-06")
async def test_an_unknown_station_is_refused_and_told_why(server: Server) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with station(server, "STRANGER"):
            pass
    assert refused.value.response.status_code == 404
    assert b"STRANGER" in (refused.value.response.body or b"")
    assert "STRANGER" not in server.api.get("/api/v1/stations").text


@pytest.mark.req("RB-06", "1.6J:3.1.2", "2.0.1J:3.1.2")
@pytest.mark.octt("TC_088_CSMS", "TC_B_58_CSMS")
async def test_a_wrong_subprotocol_gets_no_connection(server: Server) -> None:
    with pytest.raises((InvalidStatus, ConnectionClosed)):
        async with station(server, "CP-1", "ocpp9.9") as socket:
            await socket.recv()


@pytest.mark.req("HP-D5", "RB-26")
@pytest.mark.parametrize(("protocol", "boot"), [("ocpp1.6", BOOT16), ("ocpp2.0.1", BOOT201)])
async def test_broken_json_leaves_the_connection_usable(server: Server, protocol: str, boot: dict) -> None:
    async with station(server, "CP-1", protocol) as socket:
        pile = BareStation(socket)
        await socket.send('[2,"1","Heartbeat",{')
        await socket.send("[" * 50_000)
        if protocol == "ocpp2.0.1":
            assert [(await pile.answer())[:3] for _ in range(2)] == [[4, "-1", "RpcFrameworkError"]] * 2
        assert (await pile.call("BootNotification", boot))[2]["status"] == "Accepted"


async def test_a_frame_of_a_megabyte_ends_that_connection_with_1009(server: Server) -> None:
    async with station(server, "CP-1") as socket:
        await socket.send(json.dumps([2, "1", "DataTransfer", {"vendorId": "x", "data": "y" * 1_000_000}]))
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009
    async with station(server, "CP-1") as socket:
        assert (await BareStation(socket).call("Heartbeat", {}))[0] == 3


@pytest.mark.req("FR.03", "2.0.1J:4.3")
@pytest.mark.parametrize(("protocol", "boot"), [("ocpp1.6", BOOT16), ("ocpp2.0.1", BOOT201)])
async def test_an_unknown_action_gets_not_implemented(server: Server, protocol: str, boot: dict) -> None:
    async with station(server, "CP-1", protocol) as socket:
        pile = BareStation(socket)
        await pile.call("BootNotification", boot)
        assert (await pile.call("MakeCoffee", {"sugar": 2}))[2] == "NotImplemented"
        assert (await pile.call("Heartbeat", {}))[0] == 3


@pytest.mark.req("FR.03")
async def test_a_payload_that_lacks_a_field_is_named(server: Server) -> None:
    async with station(server, "CP-1") as socket:
        frame = await BareStation(socket).call("StartTransaction", {"connectorId": 1, "idTag": "T"})
    assert frame[0] == 4
    assert frame[2] == "ProtocolError"
    assert "meterStart" in json.dumps(frame) or "timestamp" in json.dumps(frame)


@pytest.mark.req("PAIN-12", "SR-01")
async def test_messages_out_of_order_are_acknowledged_and_kept(server: Server) -> None:
    async with station(server, "CP-1") as socket:
        pile = BareStation(socket)
        stop = {"transactionId": 987654, "meterStop": 5, "timestamp": now()}
        assert (await pile.call("StopTransaction", stop))[0] == 3
        values = {
            "connectorId": 1,
            "transactionId": 987654,
            "meterValue": [{"timestamp": now(), "sampledValue": [{"value": "7"}]}],
        }
        assert (await pile.call("MeterValues", values))[0] == 3
    async with station(server, "CP-3", "ocpp2.0.1") as socket:
        pile = BareStation(socket)
        ended = {
            "eventType": "Ended",
            "timestamp": now(),
            "triggerReason": "EVDeparted",
            "seqNo": 9,
            "transactionInfo": {"transactionId": "never-started"},
            "evse": {"id": 1, "connectorId": 1},
        }
        assert (await pile.call("TransactionEvent", ended))[0] == 3
    sessions = server.api.get("/api/v1/sessions").json()["sessions"]
    flags = [row["flags"] for row in sessions if row["transaction_id"] == "never-started"]
    assert flags == [["start_missing"]]


@pytest.mark.req("PAIN-01")
async def test_two_connections_of_one_station_the_newer_wins(server: Server) -> None:
    async with station(server, "CP-1") as old, station(server, "CP-1") as new:
        assert (await BareStation(new).call("BootNotification", BOOT16))[0] == 3
        with pytest.raises(ConnectionClosed):
            await old.recv()
        assert (await BareStation(new).call("Heartbeat", {}))[0] == 3


@pytest.mark.parametrize("watts", ["-5", "NaN", "1e400", '"many"'])
def test_a_limit_that_is_no_limit_is_refused_with_a_code(server: Server, watts: str) -> None:
    body = f'{{"version": 1, "value_w": {watts}}}'
    answer = server.api.put("/api/v1/feeders/T1/limits/11111111-1111-4111-8111-111111111111", content=body)
    assert answer.status_code == 422
    assert answer.json()["code"] in ("bad_sign", "not_finite", "malformed", "bad_unit")
    assert server.api.get("/api/v1/feeders/T1/limits").json()["limits"] == []


def test_a_negative_limit_on_the_command_line(server: Server) -> None:
    done = csms("limit", "set", "T1", "--kw=-5", "--url", server.api_url)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr + done.stdout
    assert "-5" in done.stderr + done.stdout


def test_a_limit_for_an_unknown_feeder(server: Server) -> None:
    done = csms("limit", "set", "NOWHERE", "--kw", "50", "--url", server.api_url, "--json")
    assert done.returncode == 1
    assert "unknown_feeder" in done.stdout + done.stderr


def test_a_csv_with_a_broken_row_is_refused_by_line(tmp_path: Path) -> None:
    file = tmp_path / "sessions.csv"
    file.write_text(
        "arrival,departure,requested_energy (kWh),delivered_energy (kWh),station_id,session_id,"
        "estimated_departure,claimed\n"
        "2019-05-01 01:18:45-07:00,2019-05-01 15:52:36-07:00,60.0,44.069,CA-305,a,2019-05-01 09:20:45-07:00,True\n"
        "2019-05-01 06:33:14-07:00,yesterday,21.84,17.666,CA-314,b,2019-05-01 11:27:14-07:00,True\n"
    )
    done = csms("sim", "replay", str(file), "--url", "ws://127.0.0.1:9/ocpp")
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr + done.stdout
    assert "3" in done.stderr + done.stdout
    assert "departure" in done.stderr + done.stdout


def test_settings_that_cannot_be(tmp_path: Path) -> None:
    file = tmp_path / "csms.toml"
    file.write_text('ocpp_prot = 9000\n[[feeders]]\nid = "T1"\nrating_kw = -4\n')
    done = csms("serve", "--config", str(file))
    assert done.returncode == 2
    assert "ocpp_prot" in done.stderr + done.stdout
