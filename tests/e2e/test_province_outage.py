"""Two real servers that report to each other over HTTPS, with failures of every kind, kill -9 and an outage.

The same run as `make province-proof`, which is 10,000 orders, 100,000 states and 72 hours; here it is a small one.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.province import QUICK, prove, rows
from benchmarks.province_proxy import FAULTS


@pytest.mark.timeout(600)
async def test_nothing_is_lost_or_taken_twice(tmp_path: Path) -> None:
    found = await prove(QUICK, tmp_path)
    judged = found.judged
    assert not judged.examples
    assert (judged.sessions, judged.lost, judged.surplus, judged.differing, judged.dead) == (QUICK.orders, 0, 0, 0, 0)
    assert found.faults.keys() == set(FAULTS)
    assert min(found.kills.values()) >= 1
    assert found.open_after_outage > 0
    assert all(late_s >= 0 for late_s in found.late_s)
    assert {row.figure: row.met for row in rows(found)}["orders lost"]
