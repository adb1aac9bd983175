"""The HTTP port itself: TLS as it should be, nobody's word about somebody else's address, no name of the software."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.access import bearer
from tests.support.certificates import self_signed
from tests.support.running import Server, csms, running

SETTINGS = 'ocpp_host = "127.0.0.1"\nocpp_port = 0\nhttp_port = 0\n\n[api]\n'


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = self_signed(folder)
    lines = f'tls_certificate = "{certificate}"\ntls_key = "{key}"\n'
    server = Server(folder / "run", stations=(), settings=SETTINGS + lines)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def https(server: Server) -> str:
    return server.api_url.replace("http://", "https://")


def trusting(server: Server) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(server.folder.parent / "certificate.pem"))


def test_https_and_nothing_else(secure: Server) -> None:
    with httpx.Client(verify=trusting(secure), trust_env=False, headers=bearer(secure.token)) as http:
        answer = http.get(f"{https(secure)}/api/v1/overview")
        assert answer.status_code == 200
        assert answer.headers["strict-transport-security"].startswith("max-age=")
        assert "server" not in answer.headers
    with pytest.raises(httpx.TransportError):
        secure.api.get("/healthz")
    with httpx.Client(trust_env=False) as stranger, pytest.raises(httpx.ConnectError, match="CERTIFICATE"):
        stranger.get(f"{https(secure)}/healthz")


def test_old_tls_is_refused(secure: Server) -> None:
    old = trusting(secure)
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with httpx.Client(verify=old, trust_env=False) as http, pytest.raises(httpx.ConnectError):
        http.get(f"{https(secure)}/healthz")


def test_commands_trust_a_named_authority(secure: Server) -> None:
    authority = {"CSMS_CA_FILE": str(secure.folder.parent / "certificate.pem")}
    told = {"CSMS_URL": https(secure), "CSMS_TOKEN": secure.token}
    done = csms("station", "list", "--json", **told, **authority)
    assert done.returncode == 0, done.stderr
    doubting = csms("station", "list", **told)
    assert doubting.returncode == 4
    assert secure.token not in doubting.stdout + doubting.stderr


@pytest.mark.parametrize("trusted", [False, True], ids=["stranger", "proxy"])
def test_whose_word_counts_for_an_address(tmp_path: Path, trusted: bool) -> None:
    lines = 'trusted_proxies = ["127.0.0.1"]\n' if trusted else ""
    server = Server(tmp_path, stations=(), settings=SETTINGS + lines)
    server.start()
    try:
        headers = {"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
        server.api.put("/api/v1/stations/CP-9", json={"evses": [{}]}, headers=headers)
        (first, *_) = server.api.get("/api/v1/audit", params={"action": "PUT /stations/{station_id}"}).json()["records"]
        assert first["who"]["address"] == ("203.0.113.9" if trusted else "127.0.0.1")
    finally:
        server.stop()


@pytest.mark.parametrize("path", ["alerts/live", "frames/live"])
def test_what_goes_on_and_on_ends_with_its_token(tmp_path: Path, path: str) -> None:
    with running(tmp_path) as server:
        made = server.api.post("/api/v1/access-tokens", json={"name": "leaver", "role": "technician"}).json()
        listening = httpx.Client(base_url=server.api_url, trust_env=False, headers=bearer(made["token"]), timeout=10)
        with listening, listening.stream("GET", f"/api/v1/{path}") as stream:
            lines = stream.iter_lines()
            assert next(lines) == ": welcome"
            server.api.delete("/api/v1/access-tokens/leaver").raise_for_status()
            server.api.post("/api/v1/access-tokens", json={"name": "news", "role": "administrator"}).raise_for_status()
            with httpx.Client(trust_env=False) as knocking:
                knocking.get(f"{server.ocpp_url.replace('ws', 'http', 1)}/CP-1")
            assert [line for line in lines if line] == []


def test_a_certificate_without_its_key_is_a_setting_that_cannot_be(tmp_path: Path) -> None:
    done = csms("serve", "--data-dir", str(tmp_path), CSMS_API__TLS_CERTIFICATE=str(tmp_path / "c.pem"))
    assert done.returncode == 2
    assert "tls_key" in done.stdout + done.stderr
