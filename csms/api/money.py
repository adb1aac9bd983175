"""Routes about money: what a kWh costs by the hour, what a session comes to by tariff period."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime

from csms.access.needs import viewers
from csms.access.routing import Router
from csms.api.ports import ApiDeps, MoneyPort
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


class HourPriceOut(Out):
    """What a kWh costs in an hour, yuan."""

    start: AwareDatetime
    level: Level
    electricity: float
    service: float


class PricesOut(Out):
    """A local day by the hour. `constant`: the price never changes, as no tariff is set."""

    day: date
    constant: bool
    hours: list[HourPriceOut]


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
    routes = Router(tags=["sessions"])

    @routes.get("/prices", summary="What a kWh costs by the hour")
    @viewers
    async def prices(day: date | None = None) -> PricesOut:
        """Of a local day, today without one, as sessions are billed."""
        port = _money(deps)
        day = day or deps.clock.now().astimezone(deps.time_zone).date()
        hours = [
            HourPriceOut(start=at, level=one.level, electricity=float(one.elec), service=float(one.service))
            for at, one in port.hours(day)
        ]
        return PricesOut(day=day, constant=port.constant, hours=hours)

    @routes.get("/sessions/{session_id}/bill", summary="What a session comes to")
    @viewers
    async def bill(session_id: int) -> BillOut:
        """Energy and money by tariff period, at the prices of the settings; one that runs as of now."""
        row = await known_session(deps, session_id)
        details = await _money(deps).bill(row, running(deps, row))
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


def _money(deps: ApiDeps) -> MoneyPort:
    if deps.money is None:
        raise Refused(404, "no_prices", "this server knows no prices")
    return deps.money
