"""A rehearsal on a copy: who would be lowered, when the cap would hold; the real ledger stays as it is."""

from __future__ import annotations

import asyncio
from pathlib import Path

from csms.model.limit import Limit
from tests.support.charging_site import open_site
from tests.unit.charging.test_charging_service import SETTINGS, car, connect, fast_clock, pile, tree, until


async def test_a_drill_tells_what_then_really_happens(tmp_path: Path) -> None:
    async with open_site(tmp_path, fast_clock(), tree(), SETTINGS) as site:
        piles = [pile(site, f"P{n}") for n in range(4)]
        await connect(site, *piles)
        await asyncio.gather(*(site.plug_in(one, car(site)) for one in piles))
        await until(lambda: sum(p.car.draw_w for p in piles if p.car) > 14_000, site)
        now = site.clock.now()
        limit = Limit("http", "T", "L", 1, 10_000, now, site.leave_by, now, now)
        asked = sum(len(p.asked) for p in piles)
        drill = await site.charging.drill(limit)
        found = drill.rehearsal
        assert found.room_w < 8_000 < found.upper_bound_w
        assert found.holds_s is not None
        assert 0 < found.holds_s < 120
        assert found.commanded_s <= found.holds_s
        assert {one.evse for one in found.told} <= {f"P{n}/1" for n in range(4)}
        assert all(one.after_w < one.before_w for one in found.told)
        assert found.unreachable == []
        assert drill.losses
        assert all(row.with_kwh < row.without_kwh <= row.wanted_kwh + 1e-6 for row in drill.losses)
        assert site.charging.cap_w("T", site.clock.now()) == 20_000, "nothing was set"
        assert sum(len(p.asked) for p in piles) <= asked + 2, "nobody was told to come down"


async def test_who_cannot_be_reached_keeps_counting(tmp_path: Path) -> None:
    async with open_site(tmp_path, fast_clock(), tree(), SETTINGS) as site:
        piles = [pile(site, f"P{n}") for n in range(2)]
        await connect(site, *piles)
        await asyncio.gather(*(site.plug_in(one, car(site)) for one in piles))
        await until(lambda: all(p.car and p.car.draw_w > 5_000 for p in piles), site)
        await site.stations.disconnected("P0", piles[0])
        now = site.clock.now()
        drill = await site.charging.drill(Limit("http", "T", "L", 1, 8_000, now, site.leave_by, now, now))
        assert drill.rehearsal.unreachable == ["P0"]
        assert drill.rehearsal.holds_s is None or drill.rehearsal.holds_s > 120
        assert drill.rehearsal.least_w > drill.rehearsal.room_w
