"""OCPP 2.0.1 block D and local lists of 1.6: whole lists, changes, versions that do not fit, long lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.scripted import CallError, Central, central

pytestmark = pytest.mark.conformance

Payload = dict[str, Any]


class Book:
    """A station's list as it would keep it: versions are checked, changes applied."""

    def __init__(self, cp: Any, version: int = 0) -> None:
        self.cp, self.version, self.kept, self.refuse = cp, version, {}, ""
        self.old = cp.protocol == "ocpp1.6"
        self.word = "listVersion" if self.old else "versionNumber"
        self.sent: list[Payload] = []
        cp.answers("GetLocalListVersion", lambda payload: {self.word: self.version})
        cp.answers("SendLocalList", self.take)

    def take(self, payload: Payload) -> Payload:
        self.sent.append(payload)
        full, version = payload["updateType"] == "Full", payload[self.word]
        assert version > 0
        if self.refuse and not (self.refuse == "VersionMismatch" and full):
            return {"status": self.refuse}
        if not full and version <= self.version:
            return {"status": "VersionMismatch"}
        self.version = version
        self.kept = {} if full else self.kept
        entries = payload.get("localAuthorizationList", [])
        names = [self.name(entry) for entry in entries]
        assert len(set(names)) == len(names)
        for name, entry in zip(names, entries, strict=True):
            info = entry.get("idTagInfo" if self.old else "idTokenInfo")
            if info is None:
                self.kept.pop(name, None)
            else:
                self.kept[name] = info["status"]
        return {"status": "Accepted"}

    def name(self, entry: Payload) -> str:
        return str(entry["idTag"] if self.old else entry["idToken"]["idToken"])

    def last(self) -> tuple[str, int]:
        """Kind and length of the last message."""
        return self.sent[-1]["updateType"], len(self.sent[-1].get("localAuthorizationList", []))


async def listed(csms: Central, *tokens: str, **facts: Any) -> None:
    for token in tokens:
        answer = await csms.api("PUT", f"/api/v1/id-tokens/{token}", facts)
        assert answer.status_code == 200, answer.text


async def shown(csms: Central) -> Payload:
    told: Payload = (await csms.api("GET", "/api/v1/stations/CP-1/local-list")).json()
    return told


BOTH = pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])


@pytest.mark.octt("TC_D_01_CSMS", "TC_D_02_CSMS", "TC_D_03_CSMS", "TC_043_4_CSMS", "TC_043_5_CSMS")
@pytest.mark.req("1.6:5.15", "D01.FR.01", "D01.FR.06", "D01.FR.18")
@BOTH
async def test_first_the_whole_list_and_then_what_changed(tmp_path: Path, protocol: str) -> None:
    async with central(tmp_path) as csms:
        book = Book(await csms.station("CP-1", protocol), version=1)
        await listed(csms, "A", "B", "C")
        told = await csms.operator("CP-1", "send_local_list")
        assert (told["status"], told["values"], book.last()) == ("Accepted", {"version": "2"}, ("Full", 3))
        await listed(csms, "B", status="Blocked")
        await csms.api("DELETE", "/api/v1/id-tokens/C")
        await listed(csms, "D")
        await csms.operator("CP-1", "send_local_list")
        assert book.last() == ("Differential", 3)
        assert (book.version, book.kept) == (3, {"A": "Accepted", "B": "Blocked", "D": "Accepted"})
        await csms.operator("CP-1", "send_local_list")
        assert len(book.sent) == 2, "nothing changed, so nothing is sent"
        await csms.api("DELETE", "/api/v1/id-tokens/D")
        await csms.operator("CP-1", "send_local_list")
        key = "idTagInfo" if book.old else "idTokenInfo"
        assert book.last() == ("Differential", 1)
        assert key not in book.sent[-1]["localAuthorizationList"][0]
        told = await shown(csms)
        assert (told["version"], told["tokens"], told["status"]) == (4, ["A", "B"], "Accepted")


@pytest.mark.octt("TC_D_04_CSMS")
@pytest.mark.req("OA-19")
@BOTH
async def test_the_list_is_emptied(tmp_path: Path, protocol: str) -> None:
    async with central(tmp_path) as csms:
        book = Book(await csms.station("CP-1", protocol))
        await listed(csms, "A")
        await csms.operator("CP-1", "send_local_list")
        told = await csms.operator("CP-1", "send_local_list", full=True, tokens=[])
        assert (told["status"], book.last(), book.kept) == ("Accepted", ("Full", 0), {})
        assert (await shown(csms))["chosen"] == []


@pytest.mark.req("1.6:5.10")
@pytest.mark.octt("TC_D_08_CSMS", "TC_D_09_CSMS", "TC_042_1_CSMS", "TC_042_2_CSMS")
@pytest.mark.parametrize(("protocol", "version"), [("ocpp2.0.1", 5), ("ocpp2.0.1", 0), ("ocpp1.6", 0), ("ocpp1.6", -1)])
async def test_the_version_is_asked_for(tmp_path: Path, protocol: str, version: int) -> None:
    async with central(tmp_path) as csms:
        book = Book(await csms.station("CP-1", protocol), version)
        told = await csms.operator("CP-1", "get_local_list_version")
        assert told["values"] == {"version": str(version)}
        assert told["status"] == ("NotSupported" if version < 0 else "Accepted")
        if version < 0:
            assert (await csms.operator("CP-1", "send_local_list"))["status"] == "NotSupported"
            assert book.sent == []
            assert ((await shown(csms))["version"], (await shown(csms))["status"]) == (-1, "NotSupported")


@pytest.mark.octt("TC_043_1_CSMS", "TC_043_3_CSMS")
@pytest.mark.parametrize(
    ("protocol", "status"), [("ocpp1.6", "NotSupported"), ("ocpp1.6", "Failed"), ("ocpp2.0.1", "Failed")]
)
async def test_a_list_that_the_station_does_not_take(tmp_path: Path, protocol: str, status: str) -> None:
    async with central(tmp_path) as csms:
        book = Book(await csms.station("CP-1", protocol))
        book.refuse = status
        await listed(csms, "A")
        told = await csms.operator("CP-1", "send_local_list")
        assert (told["status"], told["accepted"]) == (status, False)
        assert ((await shown(csms))["status"], (await shown(csms))["tokens"]) == (status, [])


@pytest.mark.req("D01.FR.03")
@BOTH
async def test_changes_that_do_not_fit_are_followed_by_the_whole_list(tmp_path: Path, protocol: str) -> None:
    async with central(tmp_path) as csms:
        book = Book(await csms.station("CP-1", protocol))
        await listed(csms, "A", "B")
        await csms.operator("CP-1", "send_local_list")
        await listed(csms, "C")
        book.refuse = "VersionMismatch"
        told = await csms.operator("CP-1", "send_local_list")
        assert (told["status"], book.last()) == ("Accepted", ("Full", 3))
        assert [message["updateType"] for message in book.sent] == ["Full", "Differential", "Full"]
        assert set(book.kept) == {"A", "B", "C"}


@pytest.mark.req("D01.FR.03")
async def test_a_station_with_another_version_gets_the_whole_list(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        book = Book(await csms.station("CP-1", "ocpp2.0.1"))
        await listed(csms, "A")
        await csms.operator("CP-1", "send_local_list")
        book.version, book.kept = 90, {"FOREIGN": "Accepted"}
        await csms.operator("CP-1", "send_local_list")
        assert (book.last(), book.version, book.kept) == (("Full", 1), 91, {"A": "Accepted"})


@pytest.mark.req("D01.FR.11")
@pytest.mark.parametrize(
    ("protocol", "limit"), [("ocpp1.6", "SendLocalListMaxLength"), ("ocpp2.0.1", "LocalAuthListCtrlr.ItemsPerMessage")]
)
async def test_a_long_list_goes_in_pieces_and_a_break_loses_nothing(tmp_path: Path, protocol: str, limit: str) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", protocol)
        book = Book(cp)
        component, _, variable = limit.rpartition(".")
        about = {"component": {"name": component}, "variable": {"name": variable}}
        told = {**about, "attributeStatus": "Accepted", "attributeValue": "2"}
        cp.answers("GetVariables", {"getVariableResult": [told]})
        cp.answers("GetConfiguration", {"configurationKey": [{"key": limit, "readonly": True, "value": "2"}]})
        await csms.operator("CP-1", "get_variables", names=[limit])
        await listed(csms, *"ABCDE")
        cp.answers(
            "SendLocalList", lambda payload: CallError("InternalError") if len(book.sent) == 2 else book.take(payload)
        )
        assert (await csms.operator("CP-1", "send_local_list"))["code"] == "call_refused"
        assert ((await shown(csms))["tokens"], set(book.kept)) == (list("ABCD"), set("ABCD"))
        cp.answers("SendLocalList", book.take)
        assert (await csms.operator("CP-1", "send_local_list"))["status"] == "Accepted"
        assert set(book.kept) == set("ABCDE")
        kinds = [(m["updateType"], len(m["localAuthorizationList"])) for m in book.sent]
        assert kinds == [("Full", 2), ("Differential", 2), ("Differential", 1)]


@pytest.mark.req("OA-06", "RB-25")
async def test_a_version_under_another_name_counts_as_not_known(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1", strict=False)
        book = Book(cp)
        cp.answers("GetLocalListVersion", {"listVersion": 3})
        await listed(csms, "A")
        assert (await csms.operator("CP-1", "get_local_list_version"))["code"] == "answer_unreadable"
        assert (await csms.operator("CP-1", "send_local_list"))["status"] == "Accepted"
        assert book.last() == ("Full", 1)


@pytest.mark.req("D01.FR.06")
async def test_what_belongs_on_a_list(tmp_path: Path) -> None:
    """Tokens too long for 1.6, of other stations and without a card are not on it; a choice may be smaller."""
    async with central(tmp_path) as csms:
        book = Book(await csms.station("CP-1", "ocpp1.6"))
        await listed(csms, "A", "L" * 21)
        await listed(csms, "HERE", allowed=["CP-1/1"])
        await listed(csms, "ELSEWHERE", allowed=["CP-2"])
        await listed(csms, "BUTTON", token_type="NoAuthorization")
        await csms.operator("CP-1", "send_local_list")
        assert set(book.kept) == {"A", "HERE"}
        await csms.operator("CP-1", "send_local_list", tokens=["a", "NOBODY"])
        assert (set(book.kept), book.last()) == ({"A"}, ("Differential", 1))


@pytest.mark.octt("TC_N_46_CSMS")
@pytest.mark.req("N10.FR.02", "N10.FR.08")
async def test_a_customer_who_is_forgotten_leaves_the_list(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        await cp.boot()
        book = Book(cp)
        await listed(csms, "A", "B")
        await csms.operator("CP-1", "send_local_list")
        told = await csms.operator("CP-1", "customer_information", clear=True, id_token="A")
        assert book.last() == ("Full", 2)
        report = {"requestId": told["operation_id"], "seqNo": 0, "generatedAt": cp.stamp(), "data": "A: cleared"}
        await cp.call("NotifyCustomerInformation", report)
        await csms.until(lambda: len(book.sent) == 2)
        assert (book.last(), set(book.kept)) == (("Differential", 1), {"B"})
        await csms.until(lambda: _left_out(csms))
        await csms.operator("CP-1", "send_local_list")
        assert set(book.kept) == {"B"}, "and stays off it"
        await csms.operator("CP-1", "send_local_list", tokens=["A", "B"])
        assert set(book.kept) == {"A", "B"}, "until somebody chooses it"


@pytest.mark.req("N10.FR.02")
async def test_a_customer_who_was_chosen_leaves_the_list_too(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        await cp.boot()
        book = Book(cp)
        await listed(csms, "A", "B", "C")
        await csms.operator("CP-1", "send_local_list", tokens=["A", "B"])
        told = await csms.operator("CP-1", "customer_information", clear=True, id_token="a")
        report = {"requestId": told["operation_id"], "seqNo": 0, "generatedAt": cp.stamp(), "data": "cleared"}
        await cp.call("NotifyCustomerInformation", report)
        await csms.until(lambda: set(book.kept) == {"B"})
        assert (await shown(csms))["chosen"] == ["A", "B"]


@pytest.mark.req("D01.FR.18")
async def test_versions_begin_again_when_there_are_no_more(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        book = Book(await csms.station("CP-1", "ocpp2.0.1"), version=2**31 - 2)
        for token in "ABC":
            await listed(csms, token)
            assert (await csms.operator("CP-1", "send_local_list"))["status"] == "Accepted"
        kinds = [(message["updateType"], message["versionNumber"]) for message in book.sent]
        assert kinds == [("Full", 2**31 - 1), ("Full", 1), ("Differential", 2)]


async def _left_out(csms: Central) -> bool:
    told = await shown(csms)
    return told["left_out"] == ["A"] and told["tokens"] == ["B"]
