"""OCPP 2.0.1 block C: who may charge and where, groups, master passes, contracts, the cache."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.contracts import DAY, Contracts
from tests.support.responders import answering
from tests.support.scripted import Central, central
from tests.support.signing import pem

pytestmark = pytest.mark.conformance

Payload = dict[str, Any]


async def listed(csms: Central, id_token: str, **facts: Any) -> Payload:
    """A token put on the list through the API."""
    answer = await csms.api("PUT", f"/api/v1/id-tokens/{id_token}", facts)
    assert answer.status_code == 200, answer.text
    told: Payload = answer.json()
    return told


async def asked(cp: Any, id_token: str, token_type: str = "ISO14443", **more: Any) -> Payload:
    """What a station is answered about a token."""
    answer: Payload = await cp.call("Authorize", {"idToken": {"idToken": id_token, "type": token_type}, **more})
    return answer


@pytest.mark.octt("TC_C_02_CSMS", "TC_C_06_CSMS", "TC_C_07_CSMS")
@pytest.mark.req("C01.FR.18", "C01.FR.07", "C04.FR.01", "C06.FR.04")
async def test_tokens_that_may_not_charge(tmp_path: Path) -> None:
    async with central(tmp_path, unknown_tokens=False) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        past = (csms.clock.now() - timedelta(days=1)).isoformat()
        await listed(csms, "BLOCKED", status="Blocked")
        await listed(csms, "OLD", expires_at=past)
        await listed(csms, "POOR", status="NoCredit")
        await listed(csms, "SLOW", status="NotAllowedTypeEVSE")
        statuses = {name: await cp.authorize(name) for name in ("NOBODY", "BLOCKED", "OLD", "POOR", "SLOW")}
        assert statuses == {
            "NOBODY": "Invalid",
            "BLOCKED": "Blocked",
            "OLD": "Expired",
            "POOR": "NoCredit",
            "SLOW": "NotAllowedTypeEVSE",
        }
        assert await csms.sessions() == []


@pytest.mark.octt("TC_C_08_CSMS", "TC_C_20_CSMS")
@pytest.mark.req("C12.FR.03")
async def test_a_cached_token_is_judged_when_the_transaction_is_reported(tmp_path: Path) -> None:
    async with central(tmp_path, unknown_tokens=False) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        await listed(csms, "GOOD")
        for token, status in (("GOOD", "Accepted"), ("GONE", "Invalid")):
            await cp.event("Started", f"tx-{token}", "CablePluggedIn", evse={"id": 1, "connectorId": 1})
            answer = await cp.event("Updated", f"tx-{token}", "Authorized", token=token)
            assert answer["idTokenInfo"]["status"] == status
            await cp.event("Ended", f"tx-{token}", "EVDeparted")


@pytest.mark.octt("TC_C_39_CSMS", "TC_C_40_CSMS", "TC_C_43_CSMS")
@pytest.mark.req("C01.FR.06", "C09.FR.02", "C09.FR.09", "C09.FR.10", "C09.FR.12")
async def test_tokens_of_a_group_end_each_others_sessions(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        for token in ("ONE", "TWO"):
            await listed(csms, token, group_id="FAMILY")
        group = {"status": "Accepted", "groupIdToken": {"idToken": "FAMILY", "type": "Central"}}
        assert (await asked(cp, "TWO"))["idTokenInfo"] == group
        evse = {"id": 1, "connectorId": 1}
        begun = await cp.event("Started", "tx-1", "Authorized", token="ONE", evse=evse)
        assert begun["idTokenInfo"] == group
        assert (await asked(cp, "TWO"))["idTokenInfo"] == group
        stopped = await cp.event("Updated", "tx-1", "StopAuthorized", token="TWO")
        assert stopped["idTokenInfo"] == group


@pytest.mark.octt("TC_C_47_CSMS", "TC_C_48_CSMS", "TC_C_49_CSMS")
async def test_a_master_pass_ends_sessions_and_starts_none(tmp_path: Path) -> None:
    async with central(tmp_path, master_pass_group="POLICE") as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1", evses=2)
        await listed(csms, "MASTER", group_id="POLICE")
        running = [await cp.start(evse_id, token=f"CAR-{evse_id}") for evse_id in (1, 2)]
        told = (await asked(cp, "MASTER"))["idTokenInfo"]
        assert (told["status"], told["groupIdToken"]["idToken"]) == ("Accepted", "POLICE")
        for transaction_id in running:
            info = {"stoppedReason": "MasterPass"}
            answer = await cp.event("Ended", transaction_id, "StopAuthorized", token="MASTER", info=info)
            assert answer["idTokenInfo"]["status"] == "Accepted"
        assert {(s.status, s.stop_reason) for s in await csms.sessions()} == {("ended", "MasterPass")}
        started = await cp.event("Started", "tx", "Authorized", token="MASTER", evse={"id": 1, "connectorId": 1})
        assert started["idTokenInfo"]["status"] == "Invalid"


@pytest.mark.req("C02.FR.02")
async def test_a_start_button_needs_no_token(tmp_path: Path) -> None:
    async with central(tmp_path, unknown_tokens=False) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        button = {"idToken": "", "type": "NoAuthorization"}
        await cp.event("Started", "tx", "CablePluggedIn", evse={"id": 1, "connectorId": 1})
        answer = await cp.event("Updated", "tx", "ChargingStateChanged", idToken=button)
        assert answer["idTokenInfo"]["status"] == "Accepted"
        unread = {"idToken": "", "type": "ISO14443"}
        assert (await cp.call("Authorize", {"idToken": unread}))["idTokenInfo"]["status"] == "Invalid"


@pytest.mark.req("C01.FR.19", "C01.FR.20", "C01.FR.22")
async def test_tokens_that_may_charge_at_some_places_only(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        one = await csms.station("CP-1", "ocpp2.0.1", evses=3)
        two = await csms.station("CP-2", "ocpp2.0.1")
        await listed(csms, "SOME", allowed=["CP-1/1", "CP-1/3"])
        await listed(csms, "HERE", allowed=["CP-1"])
        assert (await asked(one, "SOME"))["idTokenInfo"] == {"status": "Accepted", "evseId": [1, 3]}
        assert (await asked(one, "HERE"))["idTokenInfo"] == {"status": "Accepted"}
        assert (await asked(two, "SOME"))["idTokenInfo"] == {"status": "NotAtThisLocation"}
        wrong = await one.event("Started", "tx", "Authorized", token="SOME", evse={"id": 2, "connectorId": 1})
        assert wrong["idTokenInfo"]["status"] == "NotAtThisLocation"


@pytest.mark.req("C04.FR.05", "C05.FR.04", "C01.FR.10", "C01.FR.11", "C01.FR.17")
async def test_what_a_driver_is_told_and_what_a_station_may_remember(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        ends, cached = (csms.clock.now() + timedelta(days=days) for days in (30, 1))
        facts = {"languages": ["zh-CN", "en"], "message": "欢迎", "expires_at": ends.isoformat()}
        await listed(csms, "CARD", cache_expires_at=cached.isoformat(), **facts)
        told = (await asked(cp, "card"))["idTokenInfo"]
        assert (told["language1"], told["language2"]) == ("zh-CN", "en")
        assert told["personalMessage"] == {"format": "UTF8", "content": "欢迎", "language": "zh-CN"}
        odd = await csms.api("PUT", "/api/v1/id-tokens/CARD", {"languages": ["English!"]})
        assert odd.json()["code"] == "invalid_request"
        assert told["cacheExpiryDateTime"] == cached.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.mark.req("C04.FR.02", "C01.FR.07")
async def test_a_number_of_another_kind_is_another_token(tmp_path: Path) -> None:
    async with central(tmp_path, unknown_tokens=False) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        await listed(csms, "1234", token_type="KeyCode")
        assert [await cp.authorize("1234", kind) for kind in ("KeyCode", "ISO14443")] == ["Accepted", "Invalid"]


@pytest.mark.req("C01.FR.07")
@pytest.mark.parametrize("refuse", [True, False])
async def test_one_token_at_two_evses(tmp_path: Path, refuse: bool) -> None:
    async with central(tmp_path, refuse_concurrent=refuse) as csms:
        one = await csms.station("CP-1", "ocpp2.0.1", evses=2)
        two = await csms.station("CP-2", "ocpp1.6")
        running = await one.start(1, token="CARD")
        second = await one.event("Started", "tx-2", "Authorized", token="card", evse={"id": 2, "connectorId": 1})
        assert second["idTokenInfo"]["status"] == ("ConcurrentTx" if refuse else "Accepted")
        stamp = {"connectorId": 1, "idTag": "CARD", "meterStart": 0, "timestamp": two.stamp()}
        third = await two.call("StartTransaction", stamp)
        assert third["idTagInfo"]["status"] == ("ConcurrentTx" if refuse else "Accepted")
        assert await one.authorize("CARD") == "Accepted", "it may be here to end its session"
        ended = await one.event("Ended", running, "StopAuthorized", token="CARD", info={"stoppedReason": "Local"})
        assert ended["idTokenInfo"]["status"] == "Accepted"


@pytest.mark.octt("TC_C_50_CSMS", "TC_C_51_CSMS", "TC_C_52_CSMS")
@pytest.mark.req("C07.FR.04", "C07.FR.05", "C07.FR.13", "C07.FR.14", "C07.FR.15", "C07.FR.16", "C07.FR.17")
async def test_contracts_are_judged_by_their_certificate_and_by_their_token(tmp_path: Path) -> None:
    """The responder is a real one on loopback; it is asked by the server, not by the station."""
    made: list[Contracts] = []

    def answer(body: bytes) -> tuple[int, bytes]:
        return made[0].answer(body)

    with answering(answer) as host:
        made.append(issuer := Contracts(host))
        settings = {"ocsp_responders": [host], "contract_roots": [_written(tmp_path, issuer)]}
        good, gone, old = issuer.contract("DE1"), issuer.contract("DE1"), issuer.contract("DE1", ends_in=-DAY)
        stranger = Contracts(host)
        issuer.revoked.add(gone.serial_number)
        async with central(tmp_path, unknown_tokens=False, certificates=settings) as csms:
            cp = await csms.station("CP-1", "ocpp2.0.1")
            await listed(csms, "DE1", token_type="eMAID")
            await listed(csms, "DE2", token_type="eMAID", status="Blocked")

            async def verdict(token: str, **more: Any) -> tuple[str, str]:
                told = await asked(cp, token, "eMAID", **more)
                return told["certificateStatus"], told["idTokenInfo"]["status"]

            for contract, token, expected in (
                (good, "DE1", ("Accepted", "Accepted")),
                (good, "DE2", ("ContractCancelled", "Blocked")),
                (good, "DE3", ("ContractCancelled", "Invalid")),
                (gone, "DE1", ("CertificateRevoked", "Invalid")),
            ):
                assert await verdict(token, iso15118CertificateHashData=[issuer.named(contract)]) == expected
                assert await verdict(token, certificate=issuer.chain(contract)) == expected
            assert {good.serial_number, gone.serial_number, issuer.sub.serial_number} == set(issuer.asked)
            assert await verdict("DE1", certificate=issuer.chain(old)) == ("CertificateExpired", "Expired")
            odd = ("CertChainError", "Invalid")
            assert await verdict("DE1", certificate=stranger.chain(stranger.contract("DE1"))) == odd
            assert await verdict("DE1", certificate="no certificate") == odd
            elsewhere = issuer.named(issuer.contract("DE1")) | {"responderURL": "http://127.0.0.1:9/"}
            assert await verdict("DE1", iso15118CertificateHashData=[elsewhere]) == odd
            contract_token = {"token": "DE1", "token_type": "eMAID"}
            started = await cp.event("Started", "tx", "Authorized", evse={"id": 1}, **contract_token)
            assert started["idTokenInfo"]["status"] == "Accepted"


def _written(folder: Path, issuer: Contracts) -> Path:
    file = folder / "roots.pem"
    file.write_text(pem(issuer.root))
    return file


@pytest.mark.req("C07.FR.17")
async def test_a_contract_that_nobody_can_judge_is_not_accepted(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        told = await asked(cp, "DE1", "eMAID", certificate="PEM")
        assert (told["certificateStatus"], told["idTokenInfo"]["status"]) == ("CertChainError", "Invalid")
        assert "certificateStatus" not in await asked(cp, "DE1", "eMAID")


@pytest.mark.octt("TC_C_37_CSMS", "TC_C_38_CSMS", "TC_061_CSMS")
@pytest.mark.parametrize("status", ["Accepted", "Rejected"])
@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_the_cache_is_cleared(tmp_path: Path, status: str, protocol: str) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", protocol)
        cp.answers("ClearCache", {"status": status})
        assert (await csms.operator("CP-1", "clear_cache"))["status"] == status
        assert await cp.expected("ClearCache") == {}


async def test_tokens_are_managed_through_the_api(tmp_path: Path) -> None:
    async with central(tmp_path, unknown_tokens=False) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        for number in range(5):
            await listed(csms, f"T-{number}")
        first = (await csms.api("GET", "/api/v1/id-tokens?limit=3")).json()
        rest = (await csms.api("GET", f"/api/v1/id-tokens?limit=3&after={first['next_after']}")).json()
        found = [token["id_token"] for page in (first, rest) for token in page["tokens"]]
        assert (found, rest["next_after"]) == ([f"T-{number}" for number in range(5)], None)
        assert await cp.authorize("T-0") == "Accepted"
        assert (await listed(csms, "t-0", status="Blocked"))["id_token"] == "t-0"
        assert await cp.authorize("T-0") == "Blocked"
        assert len((await csms.api("GET", "/api/v1/id-tokens")).json()["tokens"]) == 5
        assert (await csms.api("GET", "/api/v1/id-tokens/T-0")).json()["status"] == "Blocked"
        assert (await csms.api("DELETE", "/api/v1/id-tokens/T-0")).status_code == 204
        assert await cp.authorize("T-0") == "Invalid"
        for method in ("GET", "DELETE"):
            answer = await csms.api(method, "/api/v1/id-tokens/T-0")
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_token")
        bad = await csms.api("PUT", "/api/v1/id-tokens/X", {"status": "Perhaps"})
        assert bad.status_code == 422
