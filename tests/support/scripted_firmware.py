"""A scripted central system (tests/support/scripted.py) with its HTTP port open, as stations need it that send and
fetch files; and what an operator reads of operations.

    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp1.6")
        cp.answers("GetDiagnostics", {"fileName": "log.zip"})
        told = await csms.operator("CP-1", "request_log", kind="diagnostics")
        asked = await cp.expected("GetDiagnostics")
        await csms.http.put(asked["location"], content=b"...")
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from csms.app.http import HttpServer
from tests.support import scripted
from tests.support.official import Payload
from tests.support.scripted import WAIT_S, ScriptedStation, Station16

__all__ = ["Central", "Payload", "ScriptedStation", "boot", "central"]


class Central:
    """A running server; `http` is a client of its HTTP port."""

    def __init__(self, inner: scripted.Central, http: httpx.AsyncClient) -> None:
        self.rooms, self.http = inner.rooms, http
        self.until, self.stations = inner.until, inner.stations
        self._inner = inner

    async def station(
        self, station_id: str, protocol: str = "ocpp1.6", serial: str = "SN-1", *, strict: bool = True
    ) -> ScriptedStation:
        """A registered station, connected and booted."""
        station: ScriptedStation = await self._inner.station(station_id, protocol, strict=strict)
        await boot(station, serial)
        return station

    async def api(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """One request to the HTTP interface."""
        return await self.http.request(method, path, json=body)

    async def operator(self, station_id: str, name: str, **fields: Any) -> Payload:
        """What an operator sees who gives a command: the answer, or the problem document of a refusal."""
        told: Payload = (await self.api("POST", f"/api/v1/stations/{station_id}/commands/{name}", fields)).json()
        return told

    async def shown(self, path: str) -> Payload:
        """A document of the API."""
        answer = await self.api("GET", f"/api/v1{path}")
        assert answer.status_code == 200, answer.text
        told: Payload = answer.json()
        return told

    async def operation(self, operation_id: int) -> Payload:
        """An operation as the API shows it, with its steps as a list of words."""
        told = await self.shown(f"/operations/{operation_id}")
        return told | {"steps": [step["status"] for step in told["detail"]["steps"]]}


async def boot(station: ScriptedStation, serial: str = "SN-1", reason: str = "PowerUp") -> Payload:
    """BootNotification with a serial number."""
    if isinstance(station, Station16):
        named = {"chargePointVendor": "Maker", "chargePointModel": "One", "chargePointSerialNumber": serial}
        return await station.call("BootNotification", named)
    told = {"vendorName": "Maker", "model": "Two", "serialNumber": serial}
    return await station.call("BootNotification", {"chargingStation": told, "reason": reason})


@asynccontextmanager
async def central(folder: Path, **settings: Any) -> AsyncIterator[Central]:
    """As `scripted.central`, with the data in `folder/data`, beside which a test may keep files of its own."""
    data = folder / "data"
    data.mkdir(exist_ok=True)
    async with scripted.central(data, **settings) as inner:
        server = HttpServer(inner.rooms.api, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{await server.start()}"
        inner.rooms.files.public_url = url
        try:
            headers = inner.http.headers
            async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=WAIT_S, headers=headers) as http:
                yield Central(inner, http)
        finally:
            await server.stop()
