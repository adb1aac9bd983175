"""Contract certificates: chains, responses of responders good and bad, what is remembered."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta

import pytest

from csms.model.authorization import ContractStatus
from csms.model.clock import ManualClock, system_clock
from csms.model.hashes import CertificateHash, ContractLink, HashAlgorithm
from csms.security.contract_check import CHAIN_MAX, ContractUnverified, ContractVerifier, read_roots
from csms.security.ocsp import _request
from tests.support.contracts import DAY, Contracts
from tests.support.signing import pem


class Issuer(Contracts):
    """Asked without a network."""

    async def ask(self, certificate: CertificateHash, responder_url: str) -> str:
        return base64.b64encode(self.answer(_request(certificate))[1]).decode()

    def verifier(self) -> ContractVerifier:
        return ContractVerifier(self.ask, [self.root], system_clock())

    def link(self, contract) -> ContractLink:
        told = self.named(contract)
        names = told["issuerNameHash"], told["issuerKeyHash"], told["serialNumber"].upper()
        return ContractLink(CertificateHash(HashAlgorithm.SHA256, *names), told["responderURL"])


@pytest.fixture
def issuer() -> Issuer:
    return Issuer("ocsp.example")


@pytest.mark.parametrize("delegate", [False, True])
async def test_a_good_contract_by_its_chain_and_by_its_name(issuer: Issuer, delegate: bool) -> None:
    issuer.delegate = delegate
    contract = issuer.contract("DE1")
    assert await issuer.verifier().check(issuer.chain(contract), ()) is ContractStatus.ACCEPTED
    assert issuer.asked == [contract.serial_number, issuer.sub.serial_number]
    assert await issuer.verifier().check("", (issuer.link(contract),)) is ContractStatus.ACCEPTED


async def test_a_revoked_one_and_one_that_nobody_knows(issuer: Issuer) -> None:
    gone, odd = issuer.contract("DE1"), issuer.contract("DE2")
    issuer.revoked.add(gone.serial_number)
    issuer.unknown.add(odd.serial_number)
    check = issuer.verifier().check
    assert await check(issuer.chain(gone), ()) is ContractStatus.CERTIFICATE_REVOKED
    assert await check("", (issuer.link(gone),)) is ContractStatus.CERTIFICATE_REVOKED
    assert await check(issuer.chain(odd), ()) is ContractStatus.CERT_CHAIN_ERROR
    issuer.revoked.add(issuer.sub.serial_number)
    assert await issuer.verifier().check(issuer.chain(odd), ()) is ContractStatus.CERTIFICATE_REVOKED


async def test_an_expired_one_is_not_asked_about(issuer: Issuer) -> None:
    old = issuer.contract("DE1", ends_in=-DAY)
    assert await issuer.verifier().check(issuer.chain(old), ()) is ContractStatus.CERTIFICATE_EXPIRED
    assert issuer.asked == []


BROKEN: dict[str, Callable[[Issuer], str]] = {
    "no PEM": lambda issuer: "certificate",
    "a gap": lambda issuer: pem(issuer.contract("DE1")),
    "a stranger": lambda issuer: (other := Issuer("x")).chain(other.contract("DE1")),
    "no authority": lambda issuer: pem(issuer.helper) + pem(issuer.contract("DE1")),
    "the root alone": lambda issuer: pem(issuer.root),
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_chains_that_lead_nowhere(issuer: Issuer, kind: str) -> None:
    with pytest.raises(ContractUnverified):
        await issuer.verifier().check(BROKEN[kind](issuer), ())
    assert issuer.asked == []


async def test_a_chain_has_so_many_certificates_and_not_more(issuer: Issuer) -> None:
    link = issuer.link(issuer.contract("DE1"))
    for chain in ((), (link,) * (CHAIN_MAX + 1)):
        with pytest.raises(ContractUnverified):
            await issuer.verifier().check("", chain)


@pytest.mark.parametrize("age", [timedelta(hours=2), -timedelta(hours=1)])
async def test_what_was_said_at_another_time_does_not_count(issuer: Issuer, age: timedelta) -> None:
    issuer.age = age
    with pytest.raises(ContractUnverified, match="not of now"):
        await issuer.verifier().check(issuer.chain(issuer.contract("DE1")), ())


async def test_a_forged_response_and_one_about_another_certificate_do_not_count(issuer: Issuer) -> None:
    contract, other = issuer.contract("DE1"), issuer.contract("DE2")
    issuer.forged = True
    with pytest.raises(ContractUnverified, match="not signed"):
        await issuer.verifier().check("", (issuer.link(contract),))
    issuer.forged = False

    async def about_the_other(certificate: CertificateHash, responder_url: str) -> str:
        return await issuer.ask(issuer.link(other).certificate, responder_url)

    with pytest.raises(ContractUnverified, match="another certificate"):
        await ContractVerifier(about_the_other, [issuer.root], system_clock()).check("", (issuer.link(contract),))
    stranger = Issuer("x")
    with pytest.raises(ContractUnverified, match="not signed"):
        await ContractVerifier(issuer.ask, [stranger.root], system_clock()).check("", (issuer.link(contract),))


@pytest.mark.req("C07.FR.05")
async def test_a_response_is_remembered_while_it_is_fresh(issuer: Issuer) -> None:
    clock = ManualClock(system_clock().now())
    verifier = ContractVerifier(issuer.ask, [issuer.root], clock)
    link = issuer.link(issuer.contract("DE1"))
    for wait_s, asked in ((0, 1), (1800, 1), (1790, 1), (60, 2)):
        clock.advance(wait_s)
        issuer.age = -timedelta(seconds=clock.elapsed_s)
        assert await verifier.check("", (link,)) is ContractStatus.ACCEPTED
        assert len(issuer.asked) == asked


def test_roots_come_from_files(issuer: Issuer, tmp_path) -> None:
    file = tmp_path / "roots.pem"
    file.write_text(pem(issuer.root) + pem(issuer.sub))
    assert read_roots([file]) == [issuer.root, issuer.sub]
