"""Certificates are renewed before they end: the house asks (A02), the simulator's stations answer, and come back with
the new one through a real port of profile 3; the old one is good until then.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from csms.station import renewal
from device_sim.pile import PileSpec
from tests.security.conftest import OpenSite
from tests.support.proof import OPERATOR, Operator, Site, status
from tests.support.signing import signing_request
from tests.support.simulated import AC_SPEC, NEWEST_SPEC, SECOND_SPEC, running

SPECS = [AC_SPEC, SECOND_SPEC, NEWEST_SPEC]
AUTHORITY = '''
"""Signs what it is given with the operator's key: stands for a real authority behind a script."""
import os, pathlib, sys
from datetime import UTC, datetime, timedelta
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

folder = pathlib.Path(sys.argv[1])
request = x509.load_pem_x509_csr(sys.stdin.buffer.read())
root = x509.load_pem_x509_certificate((folder / "root.pem").read_bytes())
key = serialization.load_pem_private_key((folder / "root.key").read_bytes(), None)
told = [os.environ["CSMS_CERTIFICATE_USE"], os.environ["CSMS_COMMON_NAME"], str(len(os.environ))]
(folder / "asked.txt").write_text(" ".join(told))
now = datetime.now(UTC)
made = (
    x509.CertificateBuilder()
    .subject_name(request.subject).issuer_name(root.subject).public_key(request.public_key())
    .serial_number(x509.random_serial_number())
    .not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=365))
    .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    .sign(key, hashes.SHA256())
)
for one in (made, root):
    sys.stdout.write(one.public_bytes(serialization.Encoding.PEM).decode())
'''


def script(folder: Path, operator: Operator) -> list[str]:
    """The command of an authority in a program of its own, below the operator's root."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = operator.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (operator.folder / "root.key").write_bytes(key)
    program = folder / "authority.py"
    program.write_text(AUTHORITY)
    return [sys.executable, str(program), str(operator.folder)]


def read(file: str | Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(Path(file).read_bytes())


def number(file: str | Path) -> str:
    return f"{read(file).serial_number:x}"


async def listed(site: Site, station_id: str) -> dict[str, Any]:
    """The station in the list of certificates."""
    (row,) = (await site.csms.api("GET", f"/api/v1/pki/stations?station_id={station_id}")).json()["stations"]
    found: dict[str, Any] = row
    return found


ENDING = {"days": 0.2, "begun_days_ago": 1.0}
"""In the last third of its life."""


async def prepared(site: Site, spec: PileSpec, **validity: float) -> PileSpec:
    """A station of the simulator whose certificate ends soon."""
    await site.station(spec.station_id, spec.protocol, serial="SN-1", security_profile=3)
    certificate, key = (str(file) for file in site.operator.issue("SN-1", **(ENDING | validity)))
    return replace(spec, certificate=certificate, key=key, ca=str(site.folder / "pki" / "server-ca.pem"))


@pytest.mark.req("A02.FR.04", "A02.FR.11", "A02.FR.14", "1.6S:A02.FR.04", "1.6S:A02.FR.11")
@pytest.mark.octt("TC_074_CSMS", "TC_A_11_CSMS")
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.protocol)
async def test_the_house_renews_a_certificate_by_an_outside_authority(
    open_site: OpenSite, operator: Operator, tmp_path: Path, spec: PileSpec
) -> None:
    """Nobody presses a button: the station comes, is asked, and comes back with a certificate for a year."""
    command = script(tmp_path, operator)
    async with open_site(certificates={"authority_command": command}) as site:
        mine = await prepared(site, spec)
        old, old_pair = number(mine.certificate), kept_beside(mine, tmp_path)
        async with running(site.csms.url(3), mine) as station:
            row = await site.csms.until(lambda: used(site, spec, old))
            assert (row["state"], row["waiting_serial_number"]) == ("good", "")
            assert row["serial_number"] == number(mine.certificate)
            assert row["given_at"]
            assert row["shown_at"]
            await site.csms.until(lambda: station.stats.connects == 2)
            told = (operator.folder / "asked.txt").read_text().split()
            assert told[1] == "SN-1"
            assert int(told[2]) < 12, "no secret of ours is in its environment"
            await site.csms.until(lambda: nothing_expires(site))
        cp = site.csms.stations[-1]
        await cp.connect(profile=3, ssl=site.tls(old_pair))  # its fallback for a month (A02.FR.10)


async def nothing_expires(site: Site) -> bool:
    """Nobody is told (any more) of a certificate that ends."""
    events = (await site.csms.api("GET", "/api/v1/alerts")).json()["alerts"]
    return not [row for row in events if row["kind"] == renewal.EXPIRING and row["open"]]


def kept_beside(spec: PileSpec, folder: Path) -> tuple[Path, Path]:
    """Copies of the old pair, which the station replaces."""
    pair = folder / "old.pem", folder / "old.key"
    for copy, file in zip(pair, (spec.certificate, spec.key), strict=True):
        copy.write_bytes(Path(file).read_bytes())
    return pair


async def used(site: Site, spec: PileSpec, old: str) -> dict[str, Any] | None:
    """The list's row once the station has come in with another certificate than the old one."""
    row = await listed(site, spec.station_id)
    return row if row["shown_at"] and row["serial_number"] != old else None


@pytest.mark.parametrize("spec", SPECS[:2], ids=lambda spec: spec.protocol)
async def test_the_house_renews_a_certificate_by_its_own_authority(
    open_site: OpenSite, keys: Path, spec: PileSpec
) -> None:
    """Moving from an authority of others to the built-in one: both are trusted meanwhile."""
    async with open_site() as site:
        mine = await prepared(site, spec)
        old = number(mine.certificate)
        async with running(site.csms.url(3), mine):
            assert (await site.csms.until(lambda: used(site, spec, old)))["state"] == "good"
        assert read(mine.certificate).issuer == read(keys / "station-ca.pem").subject


async def test_no_station_gets_a_certificate_that_nobody_here_takes(open_site: OpenSite, operator: Operator) -> None:
    """With an authority of others and no way to ask it, a certificate of ours would lock the station out."""
    async with open_site(certificates={"client_roots": [operator.root_file]}) as site:
        pair = site.operator.issue("SN-1", **ENDING)
        cp = await site.station("CP-1", serial="SN-1", security_profile=3)
        await cp.connect(profile=3, ssl=site.tls(pair))
        await cp.boot()
        assert await cp.call("SignCertificate", {"csr": signing_request("SN-1")}) == {"status": "Rejected"}
        answer = await site.csms.api("POST", "/api/v1/stations/CP-1/certificate", {"request": signing_request("SN-1")})
        assert "authority_command" in answer.json()["detail"]
        context = site.csms.rooms.stations._context
        await renewal.look(context, context.clock.now())
        assert context.renewals.of("CP-1") is None


async def test_a_certificate_that_has_time_is_left_alone(open_site: OpenSite) -> None:
    async with open_site() as site:
        mine = await prepared(site, AC_SPEC, days=29)
        async with running(site.csms.url(3), mine):
            await site.csms.until(lambda: site.csms.rooms.stations.stations["AC01"].booted)
            context = site.csms.rooms.stations._context
            await renewal.look(context, context.clock.now())
            assert context.renewals.of("AC01") is None
            assert (await listed(site, "AC01"))["state"] == "good", "the last third of a month has not begun"


@pytest.mark.parametrize(
    ("answer", "wait"),
    [({"status": "NotImplemented"}, timedelta(days=7)), ({"status": "Accepted"}, timedelta(hours=1))],
    ids=["unable", "asked, and nothing came"],
)
async def test_who_does_not_renew_is_asked_ever_more_seldom_and_told_to_a_person(
    open_site: OpenSite, answer: dict[str, str], wait: timedelta
) -> None:
    async with open_site() as site:
        pair = site.operator.issue("SN-1", **ENDING)
        cp = await site.station("CP-1", "ocpp2.0.1", serial="SN-1", security_profile=3)
        cp.answers("TriggerMessage", answer)
        await cp.connect(profile=3, ssl=site.tls(pair))
        await cp.boot()
        await cp.expected("TriggerMessage", timeout_s=15)
        row = await site.csms.until(lambda: answered(site))
        assert (row["state"], row["asked_times"], row["answer"]) == ("due", 1, answer["status"])
        asked, again = (datetime.fromisoformat(row[name]) for name in ("asked_at", "again_at"))
        assert again - asked == wait
        context = site.csms.rooms.stations._context
        await renewal.look(context, asked + wait + timedelta(seconds=1))
        await cp.expected("TriggerMessage")
        again_row = await site.csms.until(lambda: answered(site, 2))
        later = datetime.fromisoformat(again_row["again_at"]) - datetime.fromisoformat(again_row["asked_at"])
        assert later == (wait if answer["status"] == "NotImplemented" else wait * 2)
        (alert,) = await site.csms.until(lambda: open_alerts(site))
        assert (alert["kind"], alert["count"]) == (renewal.EXPIRING, 1 if wait < timedelta(days=1) else 2)
        await cp.connect(profile=3, ssl=site.tls(site.operator.issue("SN-1", days=300)))
        await site.csms.until(lambda: closed(site))


async def open_alerts(site: Site) -> list[dict[str, Any]]:
    told = (await site.csms.api("GET", "/api/v1/alerts?open=true&station_id=CP-1")).json()["alerts"]
    found: list[dict[str, Any]] = told
    return found


async def answered(site: Site, times: int = 1) -> dict[str, Any] | None:
    row = await listed(site, "CP-1")
    return row if row["answer"] and row["asked_times"] == times else None


async def closed(site: Site) -> bool:
    told = (await site.csms.api("GET", "/api/v1/alerts?station_id=CP-1")).json()["alerts"]
    return any(row["kind"] == renewal.EXPIRING and row["acknowledged_by"] == "csms" for row in told)


REFUSALS: dict[str, tuple[str, str]] = {
    "refused": ("import sys; sys.exit(3)", "ended with 3"),
    "silent": ("pass", "no certificate"),
    "babbling": ("print('x' * 100000)", "too long"),
    "late": ("import time; time.sleep(30)", "longer than"),
}


@pytest.mark.parametrize(("program", "why"), REFUSALS.values(), ids=REFUSALS)
async def test_an_authority_that_gives_none(open_site: OpenSite, program: str, why: str) -> None:
    command = [sys.executable, "-c", program]
    section = {"authority_command": command, "authority_timeout_s": 2.0}
    async with open_site(certificates=section) as site:
        cp = await site.station("CP-1", serial="SN-1")
        answer = await site.csms.api("POST", "/api/v1/stations/CP-1/certificate", {"request": signing_request("SN-1")})
        assert (answer.status_code, answer.json()["code"]) == (502, "authority_failed")
        assert why in answer.json()["detail"]
        await cp.connect(**site.proof(2, "CP-1"))
        await cp.boot()
        await cp.call("SignCertificate", {"csr": signing_request("SN-1")})

        async def ended() -> Any:
            rows = (await site.csms.api("GET", "/api/v1/operations?kind=sign_certificate")).json()["operations"]
            return rows and rows[0]["ended_at"] and rows[0]["status"]

        assert await site.csms.until(ended) == "certificate authority_failed"
        assert cp.unasked("CertificateSigned")


async def test_a_certificate_for_another_key_never_reaches_a_station(open_site: OpenSite, operator: Operator) -> None:
    foreign, _ = operator.issue("SN-1")
    command = [sys.executable, "-c", f"print(open({str(foreign)!r}).read())"]
    async with open_site(certificates={"authority_command": command}) as site:
        await site.station("CP-1", serial="SN-1")
        answer = await site.csms.api("POST", "/api/v1/stations/CP-1/certificate", {"request": signing_request("SN-1")})
        assert "not made out to the key" in answer.json()["detail"]


async def test_an_ended_certificate_is_refused_until_it_is_issued_anew_by_hand(site: Site) -> None:
    cp = await site.station("CP-1", serial="SN-1", security_profile=3)
    pair = site.operator.issue("SN-1", OPERATOR, days=1)
    await cp.connect(profile=3, ssl=site.tls(pair))
    context = site.csms.rooms.stations._context
    held = context.own_certificates.in_use("CP-1")
    assert held is not None
    held.expires_at = datetime.now(UTC) - timedelta(days=1)
    told = (await site.csms.api("GET", "/api/v1/diagnosis")).json()
    assert told["serious"]
    assert "station_certificates_expired" in {row["code"] for row in told["findings"]}
    assert await status(cp.connect(profile=3, ssl=site.tls(site.operator.issue("SN-2")))) == 403
