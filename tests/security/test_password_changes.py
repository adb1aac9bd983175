"""Passwords that change while others do something: nobody is locked out, and no old one stays good."""

from __future__ import annotations

import asyncio

import pytest

from tests.security.conftest import OpenSite
from tests.support.proof import Site, status

KEY = "AuthorizationKey"
FIRST, SECOND = "first-password-16", "second-password-2"


@pytest.mark.req("1.6S:A01.FR.02", "1.6S:A01.FR.03")
async def test_of_two_changes_at_once_the_one_that_the_pile_took_is_kept(site: Site) -> None:
    cp = await site.station("CP-1")
    await cp.connect(**site.proof(1, "CP-1"))
    await cp.boot()
    answers = iter(["Accepted", "Rejected"])

    async def slowly(asked: dict[str, str]) -> dict[str, str]:
        if asked["key"] != KEY:
            return {"status": "Accepted"}
        await asyncio.sleep(0.3)
        return {"status": next(answers)}

    cp.answers("ChangeConfiguration", slowly)
    told = await asyncio.gather(
        *(site.csms.operator("CP-1", "set_password", password=password) for password in (FIRST, SECOND))
    )
    assert [answer["status"] for answer in told] == ["Accepted", "Rejected"]
    await cp.disconnect()
    await cp.connect(**site.proof(1, "CP-1", FIRST))


async def test_a_password_by_hand_does_not_wait_for_the_pile(open_site: OpenSite) -> None:
    """While the pile is asked to take one, somebody who stands before it types another one."""
    async with open_site(call_timeout_s=5) as site:
        cp = await site.station("CP-1")
        await cp.connect(**site.proof(1, "CP-1"))
        await cp.boot()
        there, go = asyncio.Event(), asyncio.Event()

        async def late(told: dict[str, str]) -> dict[str, str]:
            if told["key"] == KEY:
                there.set()
                await go.wait()
            return {"status": "Accepted"}

        cp.answers("ChangeConfiguration", late)
        asked = asyncio.create_task(site.csms.operator("CP-1", "set_password", password=FIRST))
        await there.wait()
        await site.set_password("CP-1", SECOND)
        go.set()
        assert (await asked)["status"] == "Accepted"
        await cp.disconnect()
        assert await status(cp.connect(**site.proof(1, "CP-1", FIRST))) == 401, "the hand came later"
        await cp.connect(**site.proof(1, "CP-1", SECOND))
