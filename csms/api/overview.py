"""The overview: is everything fine, and what needs me?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from typing import Any

from csms.access.needs import viewers
from csms.access.routing import Router
from csms.api.feeders import feeder_views
from csms.api.ports import ApiDeps
from csms.api.schemas import Overview, PlanTotals, ProfileTotals, SessionTotals, StationTotals
from csms.api.views import evse_status, station_power_w
from csms.model.clock import Clock
from csms.station.state import OpenSession, StationState


def router(deps: ApiDeps) -> Router:
    """The route over `deps`."""
    routes = Router(tags=["overview"])

    @routes.get("/overview", summary="Everything at a glance")
    @viewers
    async def overview() -> Overview:
        """Totals and live figures of this server."""
        return await build(deps)

    return routes


async def build(deps: ApiDeps) -> Overview:
    """The overview now; also for a live view in the same process.

    What ended today is read before all that ended, and what runs last: a session that ends meanwhile is never in the
    energy of today without being in that of all time.
    """
    now = deps.clock.now()
    today_wh = await deps.reader.energy_ended_wh(start_of_day(now, deps.time_zone))
    counts = await deps.reader.counts()
    states = list(deps.stations.stations.values())
    running = running_wh(states)
    return Overview(
        clock_time=now,
        clock_speed=_speed(deps.clock),
        stations=_station_totals(states),
        connectors_by_status=dict(Counter(evse_status(e) for s in states for e in s.evses.values())),
        sessions=SessionTotals(open=int(counts["sessions_open"]), ended=int(counts["sessions_ended"])),
        power_w=sum(station_power_w(state) for state in states),
        energy_wh=running + float(counts["energy_ended_wh"]),
        energy_today_wh=running + today_wh,
        samples=int(counts["samples"]),
        feeders=feeder_views(deps),
        plans=PlanTotals(count=int(counts["plans"]), gap_max=counts["plan_gap_max"]),
        profiles=_profile_totals(counts),
        province={state: int(n) for state, n in counts["outbox"].items()},
        gateway={
            **(deps.gateway.counters() if deps.gateway else {}),
            **(deps.traces.counters() if deps.traces else {}),
            **deps.guard.counters(),
        },
    )


def start_of_day(now: datetime, zone: tzinfo) -> datetime:
    """The last local midnight."""
    return now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)


def running_wh(states: Iterable[StationState]) -> float:
    """Energy so far of the sessions that run, those aside too."""
    return sum(session.energy_wh for state in states for session in _running(state))


def _running(state: StationState) -> Iterable[OpenSession]:
    return [*(evse.session for evse in state.evses.values() if evse.session), *state.aside.values()]


def _speed(clock: Clock) -> float:
    """How many times faster than life the clock runs; 0 for one that stands."""
    wall_s = clock.wall_s(1.0)
    return round(1.0 / wall_s, 6) if wall_s > 0 else 0.0


def _station_totals(states: list[StationState]) -> StationTotals:
    versions = Counter(state.link.protocol.value for state in states if state.link is not None)
    return StationTotals(total=len(states), online=sum(state.online for state in states), by_version=dict(versions))


def _profile_totals(counts: Mapping[str, Any]) -> ProfileTotals:
    by_status: Mapping[str, int] = counts["profiles"]
    sent = sum(by_status.values())
    return ProfileTotals(sent=sent, accepted=int(by_status.get("Accepted", 0)), seen=counts.get("profiles_seen"))
