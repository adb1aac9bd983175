"""The stations' port with TLS: a real server, a real handshake; no TLS and old TLS are turned away."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidMessage
from websockets.typing import Subprotocol

from tests.support.certificates import self_signed
from tests.support.running import SETTINGS, BareStation, csms, running

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}


@pytest.mark.req(
    "A00.FR.306", "A00.FR.307", "A00.FR.312", "1.6S:A00.FR.305", "1.6S:A00.FR.306", "1.6S:A00.FR.311", "1.6J:6.2.1"
)
async def test_stations_connect_over_tls_and_only_so(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    lines = f'tls_certificate = "{certificate.as_posix()}"\ntls_key = "{key.as_posix()}"\n'
    with running(tmp_path / "run", settings=lines + SETTINGS) as server:
        url = server.ocpp_url.replace("ws:", "wss:") + "/CP-1"
        context = ssl.create_default_context(cafile=str(certificate))
        versions = [Subprotocol("ocpp1.6")]
        async with connect(url, subprotocols=versions, ssl=context, proxy=None) as socket:
            assert (await BareStation(socket).call("BootNotification", BOOT))[2]["status"] == "Accepted"
        with pytest.raises((InvalidMessage, ConnectionError, EOFError)):
            async with connect(server.ocpp_url + "/CP-1", subprotocols=versions, proxy=None):
                pass


def test_a_certificate_without_its_key_is_a_setting_that_cannot_be(tmp_path: Path) -> None:
    done = csms("serve", "--data-dir", str(tmp_path), CSMS_TLS_CERTIFICATE=str(tmp_path / "c.pem"))
    assert done.returncode == 2
    assert "tls_key" in done.stdout + done.stderr


def test_a_certificate_that_is_none_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("no")
    files = {"CSMS_TLS_CERTIFICATE": str(tmp_path / "c.pem"), "CSMS_TLS_KEY": str(tmp_path / "c.pem")}
    done = csms("serve", "--data-dir", str(tmp_path / "run"), "--ocpp-port", "0", "--http-port", "0", **files)
    assert done.returncode == 1
    assert "certificate" in done.stdout + done.stderr
