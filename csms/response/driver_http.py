"""Routes for drivers' apps: what an event offers the driver of a running session, and the answer."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from csms.access.needs import Audited, drivers, technicians
from csms.access.routing import Router, caller_of
from csms.model.access import Caller, Role
from csms.response.http import EVENT, body_of, looked
from csms.response.rules import Party
from csms.response.service import ResponseService
from csms.response.words import BODY_BYTES_MAX, Refused

CARD = "/driver-offers/{id_token}"
CARD_LENGTH_MAX = 36
EVERY_CARD = "*"


def router(service: ResponseService) -> Router:
    """The routes over `service`."""
    routes, desk = Router(prefix="/api/v1", tags=["demand response"]), service.drivers

    @routes.get(CARD, summary="Offers to a driver")
    @drivers
    async def offers(id_token: str, request: Request) -> JSONResponse:
        """For the sessions that run with this card: the incentive for each kWh moved, and what the car gets in any
        case. A driver's token sees those of the cards that it is bound to.
        """

        async def look(party: Party) -> Any:
            found = await desk.of_card(_card(caller_of(request), id_token))
            return {"clock_time": service.now().isoformat(), "offers": found}

        return await looked(request, look)

    @routes.put(CARD + "/{event_id}", summary="Answer an offer", status_code=202, openapi_extra=body_of("accepted"))
    @drivers.but(audited=Audited.ITSELF)
    async def answer(id_token: str, event_id: str, request: Request) -> JSONResponse:
        """`accepted`: true or false, until the event begins; 202 means durable. Whoever accepted is counted on from
        the moment that the event is cleared.
        """
        raw = await request.body()

        async def go(party: Party) -> Any:
            if len(raw) > BODY_BYTES_MAX:
                raise Refused("malformed", f"a request body has at most {BODY_BYTES_MAX} bytes")
            card = _card(caller_of(request), id_token)
            return {"offers": await desk.answer(raw, party, card, event_id)}

        return await looked(request, go, 202)

    @routes.get(EVENT + "/drivers", summary="How drivers answered an event")
    @technicians
    async def tally(event_id: str, request: Request) -> JSONResponse:
        """The design of the incentive with what it is expected to bring, the answers, and what drivers are paid."""

        async def look(party: Party) -> Any:
            return await desk.tally(event_id)

        return await looked(request, look)

    return routes


def _card(caller: Caller, id_token: str) -> str:
    """Raises Refused: not_authorised, for a card that a driver's token is not bound to. One bound to `*` is that of a
    house's app, which knows its drivers itself.
    """
    bound = {one.casefold() for one in caller.bound_to}
    if caller.role is Role.DRIVER and not bound & {EVERY_CARD, id_token.casefold()}:
        raise Refused("not_authorised", "the token is not bound to this card")
    return id_token[:CARD_LENGTH_MAX]
