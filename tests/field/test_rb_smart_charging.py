"""Robustness list 10.5: reports. What piles do with charging profiles is told by the tests of the limit ladder."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.scripted import Central, Station201

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.conformance]


def part(cp: Station201, seq_no: int, count: int, **more: Any) -> dict[str, Any]:
    """One part of a report of the device model."""
    data = [
        {
            "component": {"name": "Connector", "evse": {"id": 1}},
            "variable": {"name": f"Variable{number}"},
            "variableAttribute": [{"value": str(number)}],
        }
        for number in range(count)
    ]
    return {"requestId": 1, "generatedAt": cp.stamp(), "seqNo": seq_no, "reportData": data, **more}


@pytest.mark.req("RB-70", "OA-08")
async def test_rb_70_a_report_that_counts_from_one_is_taken(csms: Central, cp201: Station201) -> None:
    assert await cp201.call("NotifyReport", part(cp201, 1, 41, tbc=True)) == {}
    assert await cp201.call("NotifyReport", part(cp201, 2, 41, tbc=False)) == {}


@pytest.mark.req("RB-71", "OA-07")
async def test_rb_71_a_report_without_tbc_is_taken(csms: Central, cp201: Station201) -> None:
    assert await cp201.call("NotifyReport", part(cp201, 0, 3)) == {}
