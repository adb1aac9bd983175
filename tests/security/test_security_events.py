"""Security events (A04): every one is stored with the message as it came, critical ones open alerts; alerts are told by
list, stream, webhook and figures; the security log of a station is fetched (N01, GetLog SecurityLog).
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from csms.model.access import Role
from csms.station.security import CRITICAL
from tests.support.access import bearer, token_for
from tests.support.scripted_firmware import Central, central

TIME = "2026-03-01T12:00:00Z"
PROTOCOLS = ["ocpp1.6", "ocpp2.0.1"]
CRITICAL_EVENTS = [
    "FirmwareUpdated",
    "SettingSystemTime",
    "StartupOfTheDevice",
    "ResetOrReboot",
    "SecurityLogWasCleared",
    "MemoryExhaustion",
    "TamperDetectionActivated",
    "InvalidFirmwareSignature",
    "InvalidFirmwareSigningCertificate",
    "InvalidTLSVersion",
    "InvalidTLSCipherSuite",
    "MaintenanceLoginAccepted",
    "MaintenanceLoginFailed",
]
OTHERS = ["ReconfigurationOfSecurityParameters", "InvalidMessages", "AttemptedReplayAttacks", "SomethingOfAVendor"]
BY_VERSION = {
    "ocpp1.6": (
        ["InvalidCentralSystemCertificate", "InvalidChargePointCertificate"],
        ["FailedToAuthenticateAtCentralSystem", "CentralSystemFailedToAuthenticate"],
    ),
    "ocpp2.0.1": (
        ["InvalidCsmsCertificate", "InvalidChargingStationCertificate"],
        ["FailedToAuthenticateAtCsms", "CsmsFailedToAuthenticate"],
    ),
}


async def alerts(csms: Central, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await csms.shown(f"/alerts{query}"))["alerts"]
    return found


@pytest.mark.req("A04.FR.03", "1.6S:A04.FR.03")
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_every_event_of_the_specification(tmp_path: Path, protocol: str) -> None:
    """Stored with its raw message, also one that no list knows; the critical ones are open alerts."""
    critical, others = BY_VERSION[protocol]
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", protocol)
        sent = {}
        for kind in [*CRITICAL_EVENTS, *critical, *OTHERS, *others]:
            sent[kind] = {"type": kind, "timestamp": TIME, "techInfo": f"détails of {kind}"}
            await cp.call("SecurityEventNotification", sent[kind])
        events = (await csms.shown("/stations/CP-1/security-events?limit=100"))["events"]
        assert {row["kind"]: json.loads(row["raw"]) for row in events} == sent
        expected = {*CRITICAL_EVENTS, *critical}
        assert {row["kind"] for row in events if row["critical"]} == expected <= CRITICAL
        opened = await alerts(csms, "?open=true&station_id=CP-1")
        assert {row["kind"] for row in opened} == expected
        assert all(row["count"] == 1 and row["info"] for row in opened)


async def test_what_happens_again_is_counted_until_somebody_acknowledges_it(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        one, other = await csms.station("CP-1"), await csms.station("CP-2")
        for cp, times in ((one, 3), (other, 1)):
            for number in range(times):
                event = {"type": "TamperDetectionActivated", "timestamp": TIME, "techInfo": f"door {number}"}
                await cp.call("SecurityEventNotification", event)
        by_station = {row["station_id"]: row for row in await alerts(csms, "?open=true")}
        assert (by_station["CP-1"]["count"], by_station["CP-2"]["count"]) == (3, 1)
        assert by_station["CP-1"]["info"] == "door 2"

        path = f"/api/v1/alerts/{by_station['CP-1']['alert_id']}/acknowledge"
        viewer = bearer(await token_for(csms.rooms.guard, Role.VIEWER))
        assert (await csms.http.post(path, json={}, headers=viewer)).status_code == 403
        technician = bearer(await token_for(csms.rooms.guard, Role.TECHNICIAN, name="tech"))
        closed = (await csms.http.post(path, json={"note": "door closed"}, headers=technician)).json()
        assert (closed["open"], closed["acknowledged_by"], closed["note"]) == (False, "tech", "door closed")
        again = (await csms.api("POST", path, {"note": "me too"})).json()
        assert (again["acknowledged_by"], again["note"]) == ("tech", "door closed"), "who was first stays"
        assert (await csms.api("POST", "/api/v1/alerts/99999/acknowledge", {})).json()["code"] == "unknown_alert"

        event = {"type": "TamperDetectionActivated", "timestamp": TIME}
        await one.call("SecurityEventNotification", event)
        opened = await alerts(csms, "?open=true&station_id=CP-1")
        assert [row["count"] for row in opened] == [1], "another one"
        assert len(await alerts(csms, "?station_id=CP-1")) == 2


async def test_alerts_as_they_are_raised(tmp_path: Path) -> None:
    """Server-sent events, for a screen; and the figures that a monitoring system reads."""
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1")
        async with csms.http.stream("GET", "/api/v1/alerts/live") as answer:
            lines = answer.aiter_lines()
            assert await anext(lines) == ": welcome"
            await cp.call("SecurityEventNotification", {"type": "MemoryExhaustion", "timestamp": TIME})
            async with asyncio.timeout(10):
                told = [line async for line in until_data(lines)]
        assert told[-2] == "event: alert"
        shown = json.loads(told[-1].removeprefix("data: "))
        assert (shown["kind"], shown["station_id"], shown["open"]) == ("MemoryExhaustion", "CP-1", True)
        figures = (await csms.http.get("/api/v1/metrics")).text
        assert 'csms_alerts_open{kind="MemoryExhaustion"} 1' in figures
        assert 'csms_stations{state="online"} 1' in figures
        assert re.search(r'csms_certificate_not_after_seconds\{role="authority",name="station"\} \d{10}', figures) or (
            "csms_certificate_not_after_seconds gauge" in figures
        )


async def until_data(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        if line.startswith("data:"):
            return


@asynccontextmanager
async def listening(answers: list[int]) -> AsyncIterator[tuple[str, list[tuple[dict[str, str], dict[str, Any]]]]]:
    """A web server that takes posts; it answers with these status codes, one after the other, then 200."""
    taken: list[tuple[dict[str, str], dict[str, Any]]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head.splitlines()[1:] if line)
        }
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        code = answers.pop(0) if answers else 200
        if code == 200:
            taken.append((headers, body))
        writer.write(f"HTTP/1.1 {code} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook", taken
    finally:
        server.close()


async def test_a_webhook_is_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csms.app.webhook.TRIES_AFTER_S", (0.0, 0.01, 0.02))
    async with listening([500, 503]) as (url, taken):
        section = {"webhook": url, "webhook_token": "s3cret-of-the-hook"}
        async with central(tmp_path, alerts=section) as csms:
            cp = await csms.station("CP-1")
            await cp.call("SecurityEventNotification", {"type": "MemoryExhaustion", "timestamp": TIME})
            await csms.until(lambda: taken)
        ((headers, told),) = taken
        assert headers["authorization"] == "Bearer s3cret-of-the-hook"
        assert (told["kind"], told["station_id"], told["count"]) == ("MemoryExhaustion", "CP-1", 1)


SECURITY_LOG: dict[str, Callable[[dict[str, Any]], tuple[str, int]]] = {
    "ocpp1.6": lambda asked: (asked["log"]["remoteLocation"], asked["requestId"]),
    "ocpp2.0.1": lambda asked: (asked["log"]["remoteLocation"], asked["requestId"]),
}


@pytest.mark.req("N01.FR.01", "N01.FR.07", "1.6S:N01.FR.01")
@pytest.mark.octt("TC_079_CSMS", "TC_N_35_CSMS")
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_the_security_log_of_a_station_is_fetched(tmp_path: Path, protocol: str) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", protocol)
        told = await csms.operator("CP-1", "request_log", kind="security", oldest="2026-01-01T00:00:00Z")
        asked = await cp.expected("GetLog")
        assert asked["logType"] == "SecurityLog"
        location, request_id = SECURITY_LOG[protocol](asked)
        assert request_id == told["operation_id"]
        log = b"2026-03-01T12:00:00Z TamperDetectionActivated door\n"
        assert (await csms.http.put(location, content=log)).is_success
        await cp.call("LogStatusNotification", {"status": "Uploaded", "requestId": request_id})
        kept = await csms.http.get(f"/api/v1/operations/{told['operation_id']}/file")
        assert kept.content == log
        assert (await csms.operation(told["operation_id"]))["ended_at"]
