"""Routes about the supply tree as it is configured: list, add, change and remove feeders, hang a station elsewhere."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path, Response
from pydantic import Field

from csms.access.needs import administrators, viewers
from csms.access.routing import Router
from csms.api.ports import ApiDeps
from csms.api.problems import Refused
from csms.api.schemas import Body, Out, Watt
from csms.charging.feeder import QUARTER_HOURS_A_DAY, Feeder
from csms.charging.tree_desk import Node, TreeDesk

FEEDER_ID = re.compile(r"[^/+#\s\x00-\x1f](?:[^/+#\x00-\x1f]*[^/+#\s\x00-\x1f])?")
"""It stands in addresses and in MQTT topics."""

FeederId = Annotated[str, Path(min_length=1, max_length=64)]


class FeederBody(Body):
    """A feeder as a whole. `base_load_w`: one value, or 96 by quarter-hour of the local day, of the loads right at it
    that are no stations. `lowest_cap_w`: the lowest cap that anybody may order by contract; 0: nothing is agreed, so
    that no floor is promised. `phase_a`: what each of its phases can carry, in ampere; without it currents are not
    counted here. `lower_floors`: floors that do not fit under it are lowered, instead of a refusal.
    """

    parent_id: str | None = Field(default=None, min_length=1, max_length=64)
    rating_w: Watt = Field(gt=0)
    base_load_w: Watt | list[Watt] = 0
    lowest_cap_w: Watt = 0
    phase_a: float | None = Field(default=None, gt=0, le=1_000_000, allow_inf_nan=False)
    lower_floors: bool = False


class MoveBody(Body):
    """Where a station hangs from now on. `lower_floors`: a floor that does not fit there is lowered."""

    feeder_id: str = Field(min_length=1, max_length=64)
    lower_floors: bool = False


class LeavingOut(Out):
    """A station that counts here although it hangs elsewhere now, until then at the latest."""

    station_id: str
    until: datetime


class FeederConfigOut(Out):
    """A feeder as it is configured and what hangs right on it.

    `origin`: who said so last. `floors_w` of `floor_stations` fit into `floor_room_w`, which is what the lowest cap
    that may be ordered (`lowest_ordered_w`: by contract, or by a source's silence) leaves beside the highest base load.
    `phase_bounds_a`: the most that charging may put on each phase now; empty where currents are not counted.
    """

    feeder_id: str
    parent_id: str | None
    rating_w: int
    lowest_cap_w: int
    phase_a: float | None
    base_load_w: list[int]
    origin: Literal["settings", "administrator"]
    stations: list[str]
    leaving: list[LeavingOut]
    floors_w: int
    floor_room_w: int
    lowest_ordered_w: int
    floor_stations: list[str]
    phase_bounds_a: list[float]


class FeederTreeOut(Out):
    """All feeders, parents before children."""

    clock_time: datetime
    feeders: list[FeederConfigOut]


class MeterForgottenOut(Out):
    """`was_known`: whether a meter ever spoke there."""

    feeder_id: str
    was_known: bool


class MovedOut(Out):
    """Where a station hung and hangs; until `both_until` at the latest it counts in both places (None: in one only)."""

    station_id: str
    feeder_id: str
    left_feeder_id: str
    both_until: datetime | None


def router(deps: ApiDeps) -> Router:
    """The routes over `deps`."""
    routes = Router(tags=["feeders"])
    _add_reads(routes, deps)
    _add_writes(routes, deps)
    return routes


def _add_reads(routes: Router, deps: ApiDeps) -> None:
    @routes.get("/feeder-tree", summary="Show the supply tree")
    @viewers
    async def show_tree() -> FeederTreeOut:
        """Every feeder with its ratings, its floors and its stations."""
        return FeederTreeOut(clock_time=deps.clock.now(), feeders=[_view(node) for node in _desk(deps).nodes()])

    @routes.get("/feeders/{feeder_id}", summary="Show a feeder")
    @viewers
    async def show_feeder(feeder_id: FeederId) -> FeederConfigOut:
        """One feeder of the tree."""
        return _view(_desk(deps).node(feeder_id))


def _add_writes(routes: Router, deps: ApiDeps) -> None:
    @routes.put("/feeders/{feeder_id}", summary="Add or change a feeder", responses={201: {"model": FeederConfigOut}})
    @administrators
    async def put_feeder(feeder_id: FeederId, body: FeederBody, response: Response) -> FeederConfigOut:
        """In force at once and for good; what stands here wins over the settings. Refused with the numbers where floors
        would not fit under the lowest cap that may be ordered.
        """
        desk = _desk(deps)
        if await desk.put(_feeder(feeder_id, body), body.lower_floors):
            response.status_code = 201
        return _view(desk.node(feeder_id))

    @routes.delete("/feeders/{feeder_id}", status_code=204, summary="Remove a feeder")
    @administrators
    async def remove_feeder(feeder_id: FeederId) -> Response:
        """Nothing may hang on it, no limit be in force for it, and no source of limits or token name it."""
        await _desk(deps).remove(feeder_id)
        return Response(status_code=204)

    @routes.delete("/feeders/{feeder_id}/base-load", summary="Say that a base-load meter is gone")
    @administrators
    async def forget_meter(feeder_id: FeederId) -> MeterForgottenOut:
        """The configured curve counts again, not the highest of the last day that the meter spoke. One that still
        speaks is heard again at its next reading.
        """
        return MeterForgottenOut(feeder_id=feeder_id, was_known=await _desk(deps).forget_meter(feeder_id))

    @routes.put("/stations/{station_id}/feeder", summary="Hang a station on another feeder")
    @administrators
    async def move_station(station_id: str, body: MoveBody) -> MovedOut:
        """At once and for good. Until what it was told before is replaced or over it counts in both places."""
        moved = await _desk(deps).move(station_id, body.feeder_id, body.lower_floors)
        return MovedOut.model_validate(moved, from_attributes=True)


def _desk(deps: ApiDeps) -> TreeDesk:
    if deps.tree is None:
        raise Refused(409, "charging_off", "there is no supply tree here")
    return deps.tree


def _feeder(feeder_id: str, body: FeederBody) -> Feeder:
    loads = body.base_load_w if isinstance(body.base_load_w, list) else [body.base_load_w]
    if not FEEDER_ID.fullmatch(feeder_id):
        raise Refused(422, "bad_feeder_id", "a feeder id has 1 to 64 characters without / + # and control characters")
    if body.lowest_cap_w > body.rating_w:
        numbers = {"lowest_cap_w": body.lowest_cap_w, "rating_w": body.rating_w}
        text = f"feeder {feeder_id}: its lowest cap of {body.lowest_cap_w} W is above its rating of {body.rating_w} W"
        raise Refused(422, "lowest_cap_above_rating", text, numbers=numbers)
    if len(loads) not in (1, QUARTER_HOURS_A_DAY):
        raise Refused(422, "bad_base_load", f"base_load_w is one value or {QUARTER_HOURS_A_DAY}, not {len(loads)}")
    return Feeder(feeder_id, body.rating_w, body.parent_id or "", tuple(loads), body.lowest_cap_w, body.phase_a)


def _view(node: Node) -> FeederConfigOut:
    feeder, floors = node.feeder, node.floors
    return FeederConfigOut(
        feeder_id=feeder.id,
        parent_id=feeder.parent or None,
        rating_w=feeder.rating_w,
        lowest_cap_w=feeder.lowest_cap_w,
        phase_a=feeder.phase_a,
        base_load_w=list(feeder.base_load_w),
        origin="settings" if node.from_settings else "administrator",
        stations=list(node.stations),
        leaving=[LeavingOut.model_validate(one, from_attributes=True) for one in node.leaving],
        floors_w=floors.floors_w,
        floor_room_w=floors.room_w,
        lowest_ordered_w=floors.lowest_cap_w,
        floor_stations=list(floors.stations),
        phase_bounds_a=list(node.phases_a),
    )
