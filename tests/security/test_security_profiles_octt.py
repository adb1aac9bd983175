"""Security profiles by the OCA cases: 1.6 TC_073, 083, 085 to 087; 2.0.1 TC_A_01 to 03, 09, 10, 19."""

from __future__ import annotations

from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.security.conftest import OpenSite
from tests.support.proof import PASSWORD, Site, status
from tests.support.scripted import Silence

PROTOCOLS = ["ocpp1.6", "ocpp2.0.1"]
BINARY_KEY = bytes([0x00, 0xFF, 0x3A, 0xC3, 0x28, *range(0xA0, 0xAF)])
"""20 bytes that are no UTF-8, with a colon among them."""

FORMS = [
    (BINARY_KEY.hex(), BINARY_KEY),
    (BINARY_KEY.hex().upper(), BINARY_KEY),
    (BINARY_KEY.hex(), BINARY_KEY.hex()),
    (BINARY_KEY.hex(), BINARY_KEY.hex().upper()),
    (BINARY_KEY[:16].hex(), BINARY_KEY[:16]),
    ("sixteen-letters-", "sixteen-letters-"),
    ("sixteen-letters-", b"sixteen-letters-".hex()),
    ("sixteen-letters-", b"sixteen-letters-".hex().upper()),
    ("with:colons:in-it:", "with:colons:in-it:"),
    ("四川充电桩密码四川充电桩密码四川", "四川充电桩密码四川充电桩密码四川"),
    ("a-password-of-forty-characters-in-length", "a-password-of-forty-characters-in-length"),
    ("x" * 64, "x" * 64),
]
"""As an operator enters a password, and as a station shows it."""


async def accepted(station: Any, **options: Any) -> None:
    """It is let in and boots."""
    await station.connect(**options)
    assert (await station.boot())["status"] == "Accepted"


@pytest.mark.req("A00.FR.204", "A00.FR.207", "A00.FR.303", "A00.FR.324", "B01.FR.02")
@pytest.mark.req("1.6S:A00.FR.204", "1.6S:A00.FR.303")
@pytest.mark.octt("TC_085_CSMS", "TC_A_01_CSMS")
@pytest.mark.parametrize("profile", [1, 2])
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_the_right_password(site: Site, protocol: str, profile: int) -> None:
    cp = await site.station("CP-1", protocol)
    await accepted(cp, **site.proof(profile, "CP-1"))


@pytest.mark.req("A00.FR.205", "A00.FR.304", "1.6S:A00.FR.205", "1.6S:A00.FR.304")
@pytest.mark.octt("TC_085_CSMS", "TC_A_01_CSMS")
async def test_a_password_in_every_form_that_stations_send(site: Site) -> None:
    cp = await site.station("CP-1")
    for kept, shown in FORMS:
        await site.set_password("CP-1", kept)
        await accepted(cp, **site.proof(1, "CP-1", shown))


@pytest.mark.req("A00.FR.204", "1.6S:A00.FR.204")
@pytest.mark.octt("TC_085_CSMS", "TC_A_02_CSMS")
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_user_that_is_not_the_id_in_the_url(site: Site, protocol: str) -> None:
    cp = await site.station("CP-1", protocol)
    await site.csms.station("CP-2", protocol, connected=False)
    await site.set_password("CP-2")
    for user in ("CP-1Invalid", "CP-2", "cp-1", "CP-1 ", ""):
        assert await status(cp.connect(**site.proof(1, user))) == 401, user


@pytest.mark.req("A00.FR.204", "1.6S:A00.FR.204")
@pytest.mark.octt("TC_085_CSMS", "TC_A_03_CSMS")
@pytest.mark.parametrize("profile", [1, 2])
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_wrong_password(site: Site, protocol: str, profile: int) -> None:
    cp = await site.station("CP-1", protocol)
    assert await status(cp.connect(**site.proof(profile, "CP-1", "another-password-"))) == 401
    await accepted(cp, **site.proof(profile, "CP-1"))


def asked_password(protocol: str, asked: dict[str, Any]) -> bytes:
    """As the station would show it afterwards."""
    if protocol == "ocpp1.6":
        assert asked["key"] == "AuthorizationKey"
        return bytes.fromhex(asked["value"])
    (one,) = asked["setVariableData"]
    assert (one["component"]["name"], one["variable"]["name"]) == ("SecurityCtrlr", "BasicAuthPassword")
    return str(one["attributeValue"]).encode()


ACTION = {"ocpp1.6": "ChangeConfiguration", "ocpp2.0.1": "SetVariables"}


def answering(protocol: str, status: str) -> Any:
    """What the station says to a new password."""
    if protocol == "ocpp1.6":
        return {"status": status}
    place = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    return {"setVariableResult": [{"attributeStatus": status, **place}]}


@pytest.mark.req("A01.FR.02", "A01.FR.03", "1.6S:A01.FR.02", "1.6S:A01.FR.03")
@pytest.mark.octt("TC_073_CSMS", "TC_A_09_CSMS")
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_new_password_counts_and_ends_the_old_one_when_it_is_used(site: Site, protocol: str) -> None:
    cp = await site.station("CP-1", protocol)
    await accepted(cp, **site.proof(2, "CP-1"))
    cp.answers(ACTION[protocol], answering(protocol, "Accepted"))
    assert (await site.csms.operator("CP-1", "set_password"))["status"] == "Accepted"
    new = asked_password(protocol, await cp.expected(ACTION[protocol]))
    await accepted(cp, **site.proof(2, "CP-1"))
    await accepted(cp, **site.proof(2, "CP-1", new))
    assert await status(cp.connect(**site.proof(2, "CP-1"))) == 401, "the old one has ended"
    await accepted(cp, **site.proof(2, "CP-1", new))


@pytest.mark.req("A01.FR.02", "A01.FR.04", "A01.FR.05", "1.6S:A01.FR.02", "1.6S:A01.FR.04")
@pytest.mark.octt("TC_073_CSMS", "TC_A_10_CSMS")
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_refused_password_changes_nothing(site: Site, protocol: str) -> None:
    cp = await site.station("CP-1", protocol)
    await accepted(cp, **site.proof(2, "CP-1"))
    cp.answers(ACTION[protocol], answering(protocol, "Rejected"))
    told = await site.csms.operator("CP-1", "set_password", password="a-new-password-16")
    assert told["status"] == "Rejected"
    assert await status(cp.connect(**site.proof(2, "CP-1", "a-new-password-16"))) == 401
    await accepted(cp, **site.proof(2, "CP-1"))


@pytest.mark.parametrize("survives", [False, True], ids=["the same process", "after a restart"])
async def test_a_change_whose_answer_was_lost_locks_nobody_out(open_site: OpenSite, survives: bool) -> None:
    new = "a-new-password-16"
    async with open_site(call_timeout_s=0.3) as site:
        cp = await site.station("CP-1")
        await accepted(cp, **site.proof(1, "CP-1"))
        cp.answers("ChangeConfiguration", Silence())
        assert (await site.csms.operator("CP-1", "set_password", password=new))["code"] == "call_timeout"
        if not survives:
            await accepted(cp, **site.proof(1, "CP-1"))
            await accepted(cp, **site.proof(1, "CP-1", new))
    async with open_site() as site:
        cp = await site.csms.station("CP-1", connected=False)
        if survives:
            await accepted(cp, **site.proof(1, "CP-1"))
        await accepted(cp, **site.proof(1, "CP-1", new))
        assert await status(cp.connect(**site.proof(1, "CP-1"))) == 401


@pytest.mark.req("1.6S:A05.FR.02", "1.6S:A05.FR.05", "1.6S:A05.FR.06", "1.6S:A05.FR.09")
@pytest.mark.octt("TC_083_CSMS")
async def test_a_16_station_is_raised(open_site: OpenSite) -> None:
    async with open_site(security_profiles=[0, 1], profile_ports={0: 0, 1: 0}) as site:
        cp = await site.csms.station("CP-1")
        await cp.boot()
        told = await site.csms.operator("CP-1", "set_variables", values={"SecurityProfile": "1"})
        assert "no password" in told["detail"]
        await site.csms.operator("CP-1", "set_password", password=PASSWORD[:20])
        await cp.expected("ChangeConfiguration")
        told = await site.csms.operator("CP-1", "set_variables", values={"SecurityProfile": "1"})
        assert told["accepted"], told
        assert await cp.expected("ChangeConfiguration") == {"key": "SecurityProfile", "value": "1"}
        await accepted(cp, **site.proof(1, "CP-1", PASSWORD[:20]))
        with pytest.raises(InvalidStatus):
            await cp.connect(profile=0)


@pytest.mark.req("A05.FR.04", "A05.FR.07", "A00.FR.002")
@pytest.mark.octt("TC_A_19_CSMS")
async def test_a_201_station_is_raised(site: Site) -> None:
    cp = await site.station("CP-1", "ocpp2.0.1")
    await accepted(cp, **site.proof(1, "CP-1"))
    slot = {"slot": 2, "url": site.csms.url(2), "security_profile": 2}
    place = "OCPPCommCtrlr.NetworkConfigurationPriority"
    assert (await site.csms.operator("CP-1", "set_network_profile", **slot))["accepted"]
    told = await site.csms.operator("CP-1", "set_variables", values={place: "2,1"})
    assert "root certificate" in told["detail"], "the station could not come back"
    assert cp.unasked("SetVariables")
    root = (site.folder / "pki" / "server-ca.pem").read_text()
    told = await site.csms.operator("CP-1", "install_certificate", use="CSMSRootCertificate", certificate=root)
    assert told["accepted"], told
    asked = (await cp.expected("SetNetworkProfile"))["connectionData"]
    assert (asked["securityProfile"], asked["ocppCsmsUrl"]) == (2, site.csms.url(2))
    await site.csms.operator("CP-1", "set_variables", values={place: "2,1"})
    await cp.expected("SetVariables")
    await site.csms.operator("CP-1", "reset", hard=False)
    await cp.expected("Reset")
    await accepted(cp, **site.proof(2, "CP-1"))
    assert await status(cp.connect(**site.proof(1, "CP-1"))) == 401
    lower = await site.csms.operator("CP-1", "set_network_profile", **slot | {"security_profile": 1})
    assert lower["code"] == "proof_refused"
