"""Attack class 4: which stations exist is not learnt from status codes, bodies, headers or times (CWE-204, CWE-208)."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.security.conftest import OpenSite
from tests.support.proof import Site

ROUNDS = 6


async def answer(station: Any, **options: Any) -> tuple[int, bytes, list[tuple[str, str]], float]:
    """Everything that a peer learns of its refusal, and how long it took."""
    began_s = time.perf_counter()
    with pytest.raises(InvalidStatus) as refused:
        await station.connect(**options)
    took_s = time.perf_counter() - began_s
    told = refused.value.response
    headers = [(name, value) for name, value in told.headers.raw_items() if name != "Date"]
    return told.status_code, bytes(told.body or b""), headers, took_s


@pytest.mark.parametrize("profile", [1, 2])
async def test_unknown_ids_and_wrong_passwords_are_answered_alike_and_equally_fast(site: Site, profile: int) -> None:
    cp = await site.station("CP-1")
    raised = await site.station("CP-3", security_profile=3)
    unset = await site.csms.station("CP-4", connected=False)
    nobody = await site.csms.station("CP-5", connected=False)
    nobody.station_id = "NOBODY"
    tried = {
        "wrong password": (cp, site.proof(profile, "CP-1", "a-wrong-password")),
        "unknown": (nobody, site.proof(profile, "NOBODY")),
        "a higher profile": (raised, site.proof(profile, "CP-3")),
        "none set": (unset, site.proof(profile, "CP-4")),
    }
    times: dict[str, list[float]] = {name: [] for name in tried}
    told = set()
    for _ in range(ROUNDS):
        answers = await asyncio.gather(*(answer(station, **options) for station, options in tried.values()))
        for name, (status, body, headers, took_s) in zip(tried, answers, strict=True):
            told.add((status, body, tuple(headers)))
            times[name].append(took_s)
    assert len(told) == 1, told
    medians = {name: statistics.median(found) for name, found in times.items()}
    assert max(medians.values()) - min(medians.values()) < 0.05, medians
    assert min(min(found) for found in times.values()) > 0.9, "nobody tries passwords fast"


@pytest.mark.parametrize("profile", [1, 2])
async def test_whoever_shows_no_password_learns_as_little(site: Site, profile: int) -> None:
    await site.station("CP-1")
    nobody = await site.csms.station("CP-5", connected=False)
    known = await answer(nobody, **site.proof(profile, "CP-1") | {"additional_headers": {}})
    nobody.station_id = "NOBODY"
    unknown = await answer(nobody, **site.proof(profile, "NOBODY") | {"additional_headers": {}})
    assert known[:3] == unknown[:3]


async def test_certificates_of_others_learn_as_little(site: Site) -> None:
    pair = site.operator.issue("SN-OF-NOBODY")
    cp = await site.station("CP-1", serial="SN-1", security_profile=3)
    known = await answer(cp, profile=3, ssl=site.tls(pair))
    cp.station_id = "NOBODY"
    unknown = await answer(cp, profile=3, ssl=site.tls(pair))
    assert known[:3] == unknown[:3]
    assert known[0] == 403


async def test_on_the_open_port_who_uses_a_higher_profile_looks_like_nobody(open_site: OpenSite) -> None:
    async with open_site(security_profiles=[0, 1]) as site:
        cp = await site.station("CP-1", security_profile=1)
        known = await answer(cp, profile=0)
        cp.station_id = "NOBODY"
        unknown = await answer(cp, profile=0)
        assert known[0] == unknown[0] == 404
        assert known[1].replace(b"CP-1", b"NOBODY") == unknown[1]
