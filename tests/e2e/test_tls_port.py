"""The stations' port with TLS: a real server, a real handshake; whoever speaks none is turned away."""

from __future__ import annotations

import signal
import ssl
import time
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidMessage
from websockets.typing import Subprotocol

from tests.support.certificates import self_signed
from tests.support.proof import basic, trusting
from tests.support.running import SETTINGS, BareStation, csms, running

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}
WITH_TLS = SETTINGS.replace("security_profiles = [0]", "security_profiles = [2, 3]")
VERSIONS = [Subprotocol("ocpp1.6")]


@pytest.mark.req(
    "A00.FR.306", "A00.FR.307", "A00.FR.312", "1.6S:A00.FR.305", "1.6S:A00.FR.306", "1.6S:A00.FR.311", "1.6J:6.2.1"
)
async def test_stations_connect_over_tls_and_only_so(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    lines = f'tls_certificate = "{certificate.as_posix()}"\ntls_key = "{key.as_posix()}"\n'
    with running(tmp_path / "run", settings=lines + WITH_TLS) as server:
        password = server.api.put("/api/v1/stations/CP-1/password", json={}).raise_for_status().json()["password"]
        url, header = server.url(2) + "/CP-1", basic("CP-1", password)
        context = ssl.create_default_context(cafile=str(certificate))
        async with connect(url, subprotocols=VERSIONS, ssl=context, proxy=None, additional_headers=header) as socket:
            assert (await BareStation(socket).call("BootNotification", BOOT))[2]["status"] == "Accepted"
        with pytest.raises((InvalidMessage, ConnectionError, EOFError)):
            async with connect(url.replace("wss:", "ws:"), subprotocols=VERSIONS, proxy=None):
                pass


def test_new_certificates_count_after_sighup(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    lines = f'tls_certificate = "{certificate.as_posix()}"\ntls_key = "{key.as_posix()}"\n'
    with running(tmp_path / "run", settings=lines + WITH_TLS) as server:
        address = ("127.0.0.1", server.ports[2])
        assert ssl.get_server_certificate(address).strip() == certificate.read_text().strip()
        self_signed(tmp_path)
        assert server.process is not None
        server.process.send_signal(signal.SIGHUP)
        new = certificate.read_text().strip()
        until_s = time.monotonic() + 20
        while ssl.get_server_certificate(address).strip() != new and time.monotonic() < until_s:
            time.sleep(0.1)
        assert ssl.get_server_certificate(address).strip() == new


async def test_without_certificates_the_server_makes_its_own(tmp_path: Path) -> None:
    with running(tmp_path / "run", settings=WITH_TLS) as server:
        password = server.api.put("/api/v1/stations/CP-1/password", json={}).raise_for_status().json()["password"]
        for signature in ("ECDSA", "RSA"):
            context = trusting(server.folder / "pki" / "server-ca.pem")
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(f"ECDHE-{signature}-AES128-GCM-SHA256")
            async with connect(
                server.url(2) + "/CP-1",
                subprotocols=VERSIONS,
                ssl=context,
                proxy=None,
                additional_headers=basic("CP-1", password),
            ) as socket:
                assert (await BareStation(socket).call("BootNotification", BOOT))[2]["status"] == "Accepted"


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
