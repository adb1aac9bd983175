"""What stations prove themselves with: Basic headers, TLS contexts, certificates of an operator's authority."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat
from websockets.exceptions import InvalidStatus

from tests.support.scripted import Central
from tests.support.signing import PEM, Key, name

OPERATOR = "Charging Ltd"
PASSWORD = "correct-horse-battery"


def basic(user: str | bytes, password: str | bytes) -> dict[str, str]:
    """The header, from text or from whatever bytes."""
    parts = [part.encode() if isinstance(part, str) else part for part in (user, password)]
    return {"Authorization": "Basic " + base64.b64encode(b":".join(parts)).decode()}


def trusting(root: Path) -> ssl.SSLContext:
    """The TLS of a station that knows its central system's root."""
    return ssl.create_default_context(cafile=str(root))


class Operator:
    """An authority that issues certificates for stations, in files below `folder`."""

    def __init__(self, folder: Path, common_name: str = "operator root") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self._name = name(common_name)
        self.root = self._signed(self.key, self._name, ca=True)
        self.root_file = folder / "root.pem"
        self.root_file.write_bytes(self.root.public_bytes(PEM))

    def issue(
        self, serial: str, organization: str = OPERATOR, *, days: float = 30, begun_days_ago: float = 1
    ) -> tuple[Path, Path]:
        """Certificate and key of a station."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._signed(key, name(serial, organization), days=days, begun_days_ago=begun_days_ago)
        return self.write(made, key)

    def write(self, certificate: x509.Certificate, key: Key) -> tuple[Path, Path]:
        """Files of both."""
        stem = f"{certificate.serial_number:x}"[:12]
        files = self.folder / f"{stem}.pem", self.folder / f"{stem}.key"
        files[0].write_bytes(certificate.public_bytes(PEM))
        files[1].write_bytes(key.private_bytes(PEM, PrivateFormat.PKCS8, NoEncryption()))
        return files

    def revoke(self, *certificates: Path) -> Path:
        """A revocation list with these on it."""
        now = datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._name)
            .last_update(now - timedelta(hours=1))
            .next_update(now + timedelta(days=1))
        )
        for file in certificates:
            number = x509.load_pem_x509_certificate(file.read_bytes()).serial_number
            revoked = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(now).build()
            builder = builder.add_revoked_certificate(revoked)
        place = self.folder / "revoked.pem"
        place.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(PEM))
        return place

    def _signed(
        self, key: Key, subject: x509.Name, *, ca: bool = False, days: float = 30, begun_days_ago: float = 1
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=begun_days_ago))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )


@dataclass
class Site:
    """A running central system; `operator` issues certificates that it takes."""

    csms: Central
    operator: Operator
    folder: Path

    def tls(self, pair: tuple[Path, Path] | None = None) -> ssl.SSLContext:
        """Of a station, with its own certificate if it has one."""
        context = trusting(self.folder / "pki" / "server-ca.pem")
        if pair is not None:
            context.load_cert_chain(*pair)
        return context

    def proof(self, profile: int, user: str, password: str | bytes = PASSWORD) -> dict[str, Any]:
        """Options of a connection with a password."""
        tls = {"ssl": self.tls()} if profile > 1 else {}
        return {"profile": profile, "additional_headers": basic(user, password), **tls}

    async def set_password(self, station_id: str, password: str = PASSWORD) -> None:
        """As an operator does who configured the station by hand."""
        answer = await self.csms.api("PUT", f"/api/v1/stations/{station_id}/password", {"password": password})
        assert answer.status_code == 200, answer.text

    async def demand(self, station_id: str, **what: Any) -> dict[str, Any]:
        """How a station has to prove itself."""
        answer = await self.csms.api("PUT", f"/api/v1/stations/{station_id}/security", what)
        told: dict[str, Any] = answer.json()
        return told

    async def station(self, station_id: str, protocol: str = "ocpp1.6", **proof: Any) -> Any:
        """Registered and not connected, with a password or what else is set."""
        station = await self.csms.station(station_id, protocol, connected=False)
        await self.set_password(station_id)
        if proof:
            told = await self.demand(station_id, **proof)
            assert "code" not in told, told
        return station

    async def events(self, kind: str) -> list[dict[str, Any]]:
        """Security events of this kind that the server itself raised."""
        answer = await self.csms.api("GET", "/api/v1/security-events?limit=1000")
        return [one for one in answer.json()["events"] if one["kind"] == kind and one["origin"] == "csms"]

    async def event(self, kind: str) -> dict[str, Any]:
        """Wait for one."""
        found: list[dict[str, Any]] = await self.csms.until(lambda: self.events(kind), timeout_s=30)
        return found[0]


async def status(attempt: Awaitable[Any]) -> int:
    """Of a handshake that must be refused."""
    with pytest.raises(InvalidStatus) as refused:
        await attempt
    return refused.value.response.status_code
