"""Routes about money: what a session comes to, by tariff period."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime

from csms.access.needs import viewers
from csms.access.routing import Router
from csms.api.ports import ApiDeps
from csms.api.problems import Refused
from csms.api.schemas import Out
from csms.api.sessions import known_session, running

Level = Literal["sharp", "peak", "flat", "valley", "deep", ""]


class PeriodOut(Out):
    """A stretch of a session at one price; prices in yuan per kWh, sums in yuan. `level` empty: the price has none, or
    several stretches were joined at their mean price.
    """

    start: AwareDatetime
    end: AwareDatetime
    level: Level
    energy_kwh: float
    electricity_price: float
    service_price: float
    electricity: float
    service: float


class BillOut(Out):
    """A session by tariff period as its order tells it to platforms, in yuan; `final` False: it still runs."""

    session_id: int
    final: bool
    periods: list[PeriodOut]
    energy_kwh: float
    electricity: float
    service: float
    total: float


def router(deps: ApiDeps) -> Router:
    """The routes over `deps`."""
    routes = Router(prefix="/sessions", tags=["sessions"])

    @routes.get("/{session_id}/bill", summary="What a session comes to")
    @viewers
    async def bill(session_id: int) -> BillOut:
        """Energy and money by tariff period, at the prices of the settings; one that runs as of now."""
        row = await known_session(deps, session_id)
        if deps.money is None:
            raise Refused(404, "no_prices", "this server knows no prices")
        details = await deps.money.bill(row, running(deps, row))
        periods = [
            PeriodOut(
                start=one.start,
                end=one.end,
                level=one.period,
                energy_kwh=float(one.energy_kwh),
                electricity_price=float(one.elec_price),
                service_price=float(one.service_price),
                electricity=float(one.elec_money),
                service=float(one.service_money),
            )
            for one in details
        ]
        sums = [sum((getattr(one, name) for one in details), Decimal(0)) for name in ("elec_money", "service_money")]
        return BillOut(
            session_id=session_id,
            final=row.ended_at is not None,
            periods=periods,
            energy_kwh=float(sum((one.energy_kwh for one in details), Decimal(0))),
            electricity=float(sums[0]),
            service=float(sums[1]),
            total=float(sum(sums)),
        )

    return routes
