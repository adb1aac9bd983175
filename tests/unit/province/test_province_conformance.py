"""The examination of a platform, against our own one over real HTTP, and against ones that do it wrong."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from csms.model.clock import ManualClock, system_clock
from csms.province.client import Partner
from csms.province.conformance import Examination, Finding, examine, report
from csms.province.crypto import AES_MD5, Secrets
from csms.province.envelope import Codec, seal_response
from csms.province.profile import load_profile
from tests.unit.province.test_province_end_to_end import KEY, LOOPBACK, OPERATOR, Platform

SECRETS = Secrets.of(KEY, KEY, KEY, KEY)


def partner(port: int, profile: str) -> Partner:
    return Partner("x", load_profile(profile), f"http://{LOOPBACK}:{port}", OPERATOR, SECRETS)


@pytest.fixture(params=["tcec102-2016", "city-2019", "shandong"])
async def findings(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[Finding]]:
    clock = system_clock()
    platform = Platform(clock, tmp_path, request.param)  # type: ignore[arg-type]
    async with platform.up():
        yield await examine(partner(platform.port, request.param), SECRETS, clock)


async def test_our_own_platform_passes(findings: list[Finding]) -> None:
    failed = [finding for finding in findings if not finding.passed]
    assert not failed, failed
    assert len(findings) == 30


class Careless:
    """A platform that takes everything."""

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.dumps({"SuccStat": 0, "AccessToken": "x", "TokenAvailableTime": 7200}).encode()
        return httpx.Response(200, content=seal_response(Codec(AES_MD5, SECRETS), 0, "", body).to_wire())


async def run(answer: Any) -> dict[str, Finding]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        found = await Examination(partner(1, "tcec102-2016"), SECRETS, ManualClock(), http).run()
    return {finding.name: finding for finding in found}


async def test_a_careless_platform_is_found_out() -> None:
    found = await run(Careless())
    assert found["token"].passed
    assert found["an order"].passed
    careless = [name for name, finding in found.items() if not finding.passed]
    assert len(careless) == len(found) - 6, careless
    assert "the same envelope again" in careless
    assert found["without Sig"].wanted == "Ret 4003"


async def test_a_platform_that_is_not_there_fails_everything() -> None:
    async def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    found = await run(gone)
    assert not any(finding.passed for finding in found.values())
    assert "ConnectError" in found["token"].seen


async def test_the_report_says_how_far_the_profile_can_be_trusted() -> None:
    found = [Finding("token", "5", True, "a token", "Ret 0"), Finding("order", "16", False, "Ret 0", "HTTP 500")]
    words = report(partner(1, "shandong"), found, ManualClock().now())
    assert "1 of 2 checks passed" in words
    assert "not confirmed" in words
    assert "| order | 16 | Ret 0 | HTTP 500 | **no** |" in words
    assert KEY not in words
