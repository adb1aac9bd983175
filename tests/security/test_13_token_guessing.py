"""Attack class 13: trying out card numbers through Authorize (CWE-307, CWE-204)."""

from __future__ import annotations

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripted import Central, central

FEW = {"authorize_burst": 5, "authorize_per_s": 10}


async def cards(csms: Central, station: Any, many: int) -> float:
    """Ask for that many unknown cards; the seconds that took."""
    began_s = asyncio.get_running_loop().time()
    for number in range(many):
        assert await station.authorize(f"GUESS-{number}") in ("Invalid", "Unknown")
    return asyncio.get_running_loop().time() - began_s


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_cards_are_tried_out_slowly_and_others_do_not_wait(tmp_path: Path, protocol: str) -> None:
    async with central(tmp_path, unknown_tokens=False, admission=FEW) as csms:
        cp, other = await csms.station("CP-1", protocol), await csms.station("CP-2", protocol)
        await cp.boot()
        await other.boot()
        await csms.list_token("GOOD")
        guessing = asyncio.create_task(cards(csms, cp, 15))
        began_s = asyncio.get_running_loop().time()
        assert await other.authorize("GOOD") == "Accepted"
        assert asyncio.get_running_loop().time() - began_s < 0.5
        assert await guessing > 0.8, "ten after the first five, ten a second"
        assert csms.rooms.gateway.counters()["authorizations_slowed"] >= 5
        told = (await csms.api("GET", "/api/v1/stations/CP-1/security-events")).json()["events"]
        assert [one["kind"] for one in told] == ["AuthorizeFlood"]


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_starting_with_cards_is_no_faster_way_to_try_them(tmp_path: Path, protocol: str) -> None:
    async with central(tmp_path, unknown_tokens=False, admission=FEW) as csms:
        cp = await csms.station("CP-1", protocol)
        await cp.boot()
        began_s = asyncio.get_running_loop().time()
        for number in range(15):
            if protocol == "ocpp1.6":
                start = {"connectorId": 1, "idTag": f"GUESS-{number}", "meterStart": 0, "timestamp": cp.stamp()}
                answer = (await cp.call("StartTransaction", start))["idTagInfo"]
            else:
                answer = (await cp.event("Started", f"T-{number}", "Authorized", token=f"GUESS-{number}"))[
                    "idTokenInfo"
                ]
            assert answer["status"] in ("Invalid", "Unknown")
        assert asyncio.get_running_loop().time() - began_s > 0.8
        assert csms.rooms.gateway.counters()["authorizations_slowed"] >= 5


async def test_many_starts_with_good_cards_after_an_outage_are_not_slowed(tmp_path: Path) -> None:
    async with central(tmp_path, unknown_tokens=False, admission=FEW) as csms:
        cp = await csms.station("CP-1")
        await cp.boot()
        await csms.list_token("GOOD")
        for _ in range(15):
            start = {"connectorId": 1, "idTag": "GOOD", "meterStart": 0, "timestamp": cp.stamp()}
            begun = await cp.call("StartTransaction", start)
            stop = {"transactionId": begun["transactionId"], "meterStop": 1, "timestamp": cp.stamp()}
            await cp.call("StopTransaction", stop)
        assert "authorizations_slowed" not in csms.rooms.gateway.counters()


async def test_a_card_that_is_known_is_still_good_only_later(tmp_path: Path) -> None:
    async with central(tmp_path, unknown_tokens=False, admission=FEW) as csms:
        cp = await csms.station("CP-1")
        await cp.boot()
        await csms.list_token("GOOD")
        await cards(csms, cp, 8)
        assert await cp.authorize("GOOD") == "Accepted"


async def test_a_new_connection_is_no_new_allowance(tmp_path: Path) -> None:
    async with central(tmp_path, unknown_tokens=False, admission={"authorize_burst": 3, "authorize_per_s": 4}) as csms:
        cp = await csms.station("CP-1")
        await cp.boot()
        began_s = asyncio.get_running_loop().time()
        for _ in range(3):
            await cards(csms, cp, 2)
            await cp.disconnect()
            await cp.connect()
        assert asyncio.get_running_loop().time() - began_s > 0.6


async def test_the_answer_tells_nothing_but_the_word(tmp_path: Path) -> None:
    """Cards that nobody has and those of other kinds of trouble differ by the status that OCPP wants, nothing else."""
    async with central(tmp_path, unknown_tokens=False, admission={"authorize_burst": 2, "authorize_per_s": 20}) as csms:
        cp = await csms.station("CP-1")
        await cp.boot()
        answers = set()
        for number in itertools.islice(itertools.count(), 8):
            frame = [2, f"id-{number}", "Authorize", {"idTag": f"GUESS-{number}"}]
            answer = await cp.exchange(json.dumps(frame), f"id-{number}")
            answers.add(json.dumps(answer[2]))
        assert answers == {'{"idTagInfo": {"status": "Invalid"}}'}
