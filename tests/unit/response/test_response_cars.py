"""Events carried out by the real planner on piles with cars: what is promised is delivered, and who declines is left
alone. Piles are twins on a fast clock; room, planner, limits and store are the real ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from csms.access.guard import Guard
from csms.access.tokens import AccessTokens
from csms.api import problems
from csms.app.response import DriversSection, ResponseRoom, ResponseSection, response_room
from csms.charging.feeder import Feeder, FeederTree
from csms.charging.settings import ChargingSettings
from csms.model.access import Role
from csms.response import driver_http, http
from csms.store import changes
from csms.store.response_tables import FeederLoad
from csms.store.rollup import Rollups
from tests.support.access import bearer, token_for
from tests.support.charging_site import Car, Pile, Site, open_site
from tests.support.response import ZONE
from tests.unit.charging.test_charging_service import AC1, fast_clock, pile, until

QUARTER = timedelta(minutes=15)
BASE_W = 2_000
STEP_W = 230
"""An ampere: what rounding may leave of each car."""


@dataclass
class House:
    """A site with its demand response and a client of both."""

    site: Site
    room: ResponseRoom
    guard: Guard
    http: httpx.AsyncClient

    async def put(self, path: str, body: dict[str, Any], status: int = 202, **more: Any) -> Any:
        answer = await self.http.put(f"/api/v1{path}", json=body, **more)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def get(self, path: str, **more: Any) -> Any:
        answer = await self.http.get(f"/api/v1{path}", **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def plugged(self, *cars: Car) -> list[Pile]:
        """Cars at piles that know their floors, with cards TAG0, TAG1, ..."""
        piles = [pile(self.site, f"P{n}", AC1) for n in range(len(cars))]
        for one in piles:
            await self.site.add(one, "T")
        await until(lambda: all(one.floor is not None for one in piles), self.site)
        for n, (one, car) in enumerate(zip(piles, cars, strict=True)):
            await self.site.plug_in(one, car, card=f"TAG{n}")
        return piles

    async def usual(self, load_w: float, start: datetime, quarters: int) -> None:
        """Every one of the last weeks' days drew as much in these hours."""
        rows = [
            FeederLoad(feeder_id="T", begins_at=start - timedelta(days=back) + QUARTER * n, base_w=float(BASE_W),
                       charging_w=load_w - BASE_W, looks=60, metered=60)
            for back in range(1, 22)
            for n in range(quarters)
        ]  # fmt: skip
        await self.site.store.writer.commit([changes.put_row(row) for row in rows])

    def loads_w(self, since: datetime, until_: datetime) -> list[float]:
        """The true load of the site."""
        return [load_w for at, load_w, _ in self.site.loads if since <= at < until_]

    async def wait(self, moment: datetime) -> None:
        left_s = (moment - self.site.clock.now()).total_seconds()
        await asyncio.sleep(self.site.clock.wall_s(max(left_s, 0.0)))

    async def offered(self, card: str) -> Any:
        """The offer to the driver of a card, as soon as there is one."""
        while True:
            found = (await self.get(f"/driver-offers/{card}"))["offers"]
            if found:
                (offer,) = found
                return offer
            await asyncio.sleep(0.05)


@asynccontextmanager
async def house(folder: Path, section: ResponseSection) -> AsyncIterator[House]:
    tree = FeederTree([Feeder("T", 60_000, base_load_w=(BASE_W,), lowest_cap_w=BASE_W)], ZONE)
    async with open_site(folder, fast_clock(), tree, ChargingSettings(tilt_per_h=0.05)) as site:
        room = response_room(
            section, ZONE, site.clock, site.store, site.audit, site.limits, site.charging, site.stations
        )
        app = FastAPI()
        app.state.guard = guard = Guard(site.clock, AccessTokens(site.clock, site.store), site.audit)
        problems.install(app)
        app.include_router(http.router(room.service, room.statements))
        app.include_router(driver_http.router(room.service))
        headers = bearer(await token_for(guard))
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
            work = asyncio.create_task(room.work.run())
            try:
                yield House(site, room, guard, client)
            finally:
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)


def quarter_after(at: datetime, minutes: float) -> datetime:
    """The first quarter-hour that begins at least so long after."""
    wanted = at + timedelta(minutes=minutes)
    seconds = (wanted.minute % 15) * 60 + wanted.second + wanted.microsecond / 1e6
    return wanted + timedelta(seconds=(900 - seconds) % 900)


def cars(site: Site, *energies_wh: float, hours: float = 6.0) -> Sequence[Car]:
    return [Car(energy, 7_360.0, 1, site.clock.now() + timedelta(hours=hours)) for energy in energies_wh]


def invitation(start: datetime, quarters: int, target_kw: float = 50.0) -> dict[str, Any]:
    times = {"start": start.isoformat(), "end": (start + QUARTER * quarters).isoformat()}
    return times | {"feeder": "T", "type": "shave", "notice": "day_ahead", "target_kw": target_kw, "price": 1.5}


@pytest.mark.slow
async def test_what_is_promised_is_delivered_by_the_planner(tmp_path: Path) -> None:
    """The bid of the rule is dispatched as a limit, planned, rounded and told to the piles: the true load falls by it,
    and every car still gets what it came for."""
    async with house(tmp_path, ResponseSection(automatic=True, share=1.0)) as at:
        wanted = cars(at.site, 15_000, 18_000, 21_000, 24_000)
        piles = await at.plugged(*wanted)
        await until(lambda: sum(one.draw_w for one in wanted) > 8_000, at.site)
        await at.wait(at.site.clock.now() + timedelta(minutes=6))
        start = quarter_after(at.site.clock.now(), 15)
        before_w = at.loads_w(at.site.clock.now() - timedelta(minutes=3), at.site.clock.now())
        usual_w = sum(before_w) / len(before_w)
        await at.usual(usual_w, start, 2)
        told = await at.put("/response-events/E1", invitation(start, 2))
        promised_w = 1000 * told["bid"]["power_kw"]
        assert 2_000 < promised_w < usual_w - BASE_W - at.site.charging.floors_w("T") + 1
        await at.put("/response-events/E1/clearing", {"accepted": True})
        await at.wait(start + 2 * QUARTER)
        during_w = at.loads_w(start, start + 2 * QUARTER)
        assert max(during_w) <= usual_w - promised_w + STEP_W
        shown = await at.get("/response-events/E1")
        assert shown["dispatch"]["short_kw"] == 0
        left_wh = sum(one.energy_wh - one.got_wh for one in wanted)
        room_wh = sum(7_360 * (one.leaves - at.site.clock.now()).total_seconds() / 3600 for one in wanted)
        assert left_wh < 0.7 * room_wh, "there is time for all that is left"
        assert all(one.car is not None for one in piles)


@pytest.mark.slow
async def test_who_declines_is_left_alone(tmp_path: Path) -> None:
    """A bid by hand asks for more than there is. Whoever declined charges on and leaves with what was promised."""
    async with house(tmp_path, ResponseSection()) as at:
        wanted = cars(at.site, 5_500, 5_500, 5_500, hours=1.5)
        await at.plugged(*wanted)
        await until(lambda: sum(one.draw_w for one in wanted) > 8_000, at.site)
        start = quarter_after(at.site.clock.now(), 12)
        await at.usual(16_000, start, 2)
        await at.put("/response-events/E1", invitation(start, 2))
        offer = await at.offered("TAG0")
        assert offer["promised_kwh"] == pytest.approx(5.5, abs=0.1)
        assert offer["usual_kwh"] > 0.2
        await at.put("/driver-offers/tag0/E1", {"accepted": False})
        await at.put("/driver-offers/TAG1/E1", {"accepted": True})
        await at.put("/response-events/E1/bid", {"power_kw": 14.0, "price": 1.2})
        cleared = await at.put("/response-events/E1/clearing", {"accepted": True})
        assert cleared["dispatch"]["short_kw"] > 1.0, "the limit leaves what the decliner needs"
        assert at.room.service.drivers.first(cleared["dispatch"]["apart"][0])
        binding = await at.put("/driver-offers/TAG1/E1", {"accepted": False}, status=409)
        assert binding["code"] == "answer_binding"
        await at.wait(min(one.leaves for one in wanted))
        assert wanted[0].got_wh >= 1000 * offer["promised_kwh"] - 250
        assert wanted[0].got_wh > max(wanted[1].got_wh, wanted[2].got_wh) - 1
        await at.wait(start + 2 * QUARTER + timedelta(minutes=22))
        await Rollups(at.site.store.writer, at.site.store.reader).run(at.site.clock.now())
        await at.room.work.look()
        tally = await at.get("/response-events/E1/drivers")
        assert (tally["offered"], tally["accepted"], tally["declined"]) == (3, 1, 1)
        (paid,) = (await at.get("/driver-offers/TAG1"))["offers"]
        assert paid["moved_kwh"] > 0.1
        assert float(paid["pay"]) == pytest.approx(paid["moved_kwh"] * paid["incentive"], abs=0.006)


async def test_only_who_is_asked_counts_where_consent_is_asked_for(tmp_path: Path) -> None:
    section = ResponseSection(automatic=True, share=1.0, drivers=DriversSection.model_validate({"consent": "asked"}))
    async with house(tmp_path, section) as at:
        wanted = cars(at.site, 15_000, 15_000)
        await at.plugged(*wanted)
        await until(lambda: sum(one.draw_w for one in wanted) > 4_000, at.site)
        start = quarter_after(at.site.clock.now(), 20)
        await at.usual(14_000, start, 2)
        told = await at.put("/response-events/E1", invitation(start, 2))
        assert told["bid"] is None, "nobody has accepted"
        await at.offered("TAG0")
        await at.put("/driver-offers/TAG0/E1", {"accepted": True})
        bid = (await at.get("/response-events/E1"))["bid"]
        assert bid["automatic"]
        assert 0.5 < bid["power_kw"] <= 7.36
        await at.put("/driver-offers/TAG0/E1", {"accepted": False})
        assert (await at.get("/response-events/E1"))["bid"] is None, "the bid follows the answers"


async def test_a_driver_sees_and_answers_for_its_own_cards_alone(tmp_path: Path) -> None:
    async with house(tmp_path, ResponseSection()) as at:
        await at.plugged(*cars(at.site, 15_000, 15_000))
        start = quarter_after(at.site.clock.now(), 20)
        await at.usual(14_000, start, 2)
        await at.put("/response-events/E1", invitation(start, 2))
        own = bearer(await token_for(at.guard, Role.DRIVER, "app", ["TAG0"]))
        await at.offered("TAG1")
        (offer,) = (await at.get("/driver-offers/tag0", headers=own))["offers"]
        assert (offer["event_id"], offer["station_id"], offer["answer"], offer["open"]) == ("E1", "P0", None, True)
        assert offer["incentive"] == pytest.approx(0.75), "half of what the grid pays where no tariff is known"
        for path in ("/driver-offers/TAG1", "/response-events/E1", "/response-events/E1/drivers"):
            assert (await at.http.get(f"/api/v1{path}", headers=own)).status_code == 403
        await at.put("/driver-offers/TAG1/E1", {"accepted": True}, status=403, headers=own)
        await at.put("/driver-offers/TAG0/E2", {"accepted": True}, status=404, headers=own)
        await at.put("/driver-offers/TAG0/E1", {"accepted": "maybe"}, status=422, headers=own)
        (said,) = (await at.put("/driver-offers/TAG0/E1", {"accepted": True}, headers=own))["offers"]
        assert said["answer"] == "accepted"
        again = (await at.put("/driver-offers/TAG0/E1", {"accepted": True}, headers=own))["offers"]
        assert again == [said]
        every = bearer(await token_for(at.guard, Role.DRIVER, "house app", ["*"]))
        assert len((await at.get("/driver-offers/TAG1", headers=every))["offers"]) == 1
        technician = await at.get("/response-events/E1/drivers")
        assert (technician["offered"], technician["accepted"], technician["declined"]) == (2, 1, 0)
        assert technician["expected_share"] == pytest.approx(0.25 * 0.75 / 0.6)
        records = await at.site.store.reader.audit_page(50, kind="response")
        assert "TAG0" not in "".join(row.text for row in records), "cards do not stand in the record"
