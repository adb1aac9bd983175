"""Routes about the supply side: feeders, plans, the provincial platforms."""

from __future__ import annotations

from fastapi import Request

from csms.access.needs import feeder_viewers, partner_viewers
from csms.access.routing import Router, caller_of
from csms.api.ports import ApiDeps, FeederFigures
from csms.api.problems import Refused
from csms.api.schemas import FeederOut, FeedersOut, PartnerOut, PlanOut, ProvinceOut
from csms.api.views import plan_view
from csms.model.access import Role


def router(deps: ApiDeps) -> Router:
    """The routes over `deps`."""
    routes = Router()

    @routes.get("/feeders", tags=["feeders"], summary="List feeders")
    @feeder_viewers
    async def list_feeders(request: Request) -> FeedersOut:
        """Cap, upper bound, plan, metered and base load of every feeder now; a grid operator sees its own and those
        below.
        """
        caller = caller_of(request)
        seen = [feeder for feeder in feeder_views(deps) if deps.guard.sees_feeder(caller, feeder.feeder_id)]
        return FeedersOut(clock_time=deps.clock.now(), feeders=seen)

    @routes.get("/plans/{feeder_id}", tags=["plans"], summary="Show the plan in force")
    @feeder_viewers.but(feeder="feeder_id")
    async def show_plan(feeder_id: str) -> PlanOut:
        """What the optimiser wants for this feeder and how good it certifies to be."""
        row = await deps.reader.last_plan(feeder_id)
        if row is None:
            raise Refused(404, "no_plan", f"there is no plan for feeder {feeder_id!r} yet")
        return plan_view(row)

    @routes.get("/province", tags=["province"], summary="Show the provincial interface")
    @partner_viewers
    async def show_province(request: Request) -> ProvinceOut:
        """Is everything sent and accepted? A partner sees its own platform."""
        caller = caller_of(request)
        partners = await deps.province.status() if deps.province else {}
        if caller.role is Role.PROVINCE_PARTNER:
            partners = {name: status for name, status in partners.items() if name in caller.bound_to}
        views = [PartnerOut.model_validate(status) for _, status in sorted(partners.items())]
        return ProvinceOut(clock_time=deps.clock.now(), partners=views)

    return routes


def feeder_views(deps: ApiDeps) -> list[FeederOut]:
    """Every feeder now; none while the charging room is switched off."""
    figures = deps.feeders.figures(deps.clock.now()) if deps.feeders else []
    return [_feeder_view(feeder) for feeder in figures]


def _feeder_view(figures: FeederFigures) -> FeederOut:
    return FeederOut.model_validate(figures, from_attributes=True)
