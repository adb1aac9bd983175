"""Routes about the supply side: feeders, plans, the provincial platforms."""

from __future__ import annotations

from fastapi import APIRouter

from csms.api.ports import ApiDeps, FeederFigures
from csms.api.problems import Refused
from csms.api.schemas import FeederOut, FeedersOut, PartnerOut, PlanOut, ProvinceOut
from csms.api.views import plan_view


def router(deps: ApiDeps) -> APIRouter:
    """The routes over `deps`."""
    routes = APIRouter()

    @routes.get("/feeders", tags=["feeders"], summary="List feeders")
    async def list_feeders() -> FeedersOut:
        """Cap, upper bound, plan, metered and base load of every feeder now."""
        return FeedersOut(clock_time=deps.clock.now(), feeders=feeder_views(deps))

    @routes.get("/plans/{feeder_id}", tags=["plans"], summary="Show the plan in force")
    async def show_plan(feeder_id: str) -> PlanOut:
        """What the optimiser wants for this feeder and how good it certifies to be."""
        row = await deps.reader.last_plan(feeder_id)
        if row is None:
            raise Refused(404, "no_plan", f"there is no plan for feeder {feeder_id!r} yet")
        return plan_view(row)

    @routes.get("/province", tags=["province"], summary="Show the provincial interface")
    async def show_province() -> ProvinceOut:
        """Is everything sent and accepted?"""
        partners = await deps.province.status() if deps.province else {}
        views = [PartnerOut.model_validate(status) for _, status in sorted(partners.items())]
        return ProvinceOut(clock_time=deps.clock.now(), partners=views)

    return routes


def feeder_views(deps: ApiDeps) -> list[FeederOut]:
    """Every feeder now; none while the charging room is switched off."""
    figures = deps.feeders.figures(deps.clock.now()) if deps.feeders else []
    return [_feeder_view(feeder) for feeder in figures]


def _feeder_view(figures: FeederFigures) -> FeederOut:
    return FeederOut.model_validate(figures, from_attributes=True)
