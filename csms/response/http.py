"""Routes of demand response. Bodies are read raw; the service judges them, and every word stands in the audit log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import JSONResponse

from csms.access.needs import Audited, feeder_operators, feeder_viewers, technicians
from csms.access.routing import Router, caller_of
from csms.model.access import Caller, Role
from csms.model.errors import StoreUnavailable
from csms.model.response import Method
from csms.response.rules import Party
from csms.response.service import ResponseService
from csms.response.statements import Statements
from csms.response.views import appeal_view, baseline_view, evaluation_view, event_of, event_view, offer_view, row_view
from csms.response.words import BODY_BYTES_MAX, Refused
from csms.store.response_tables import ResponseRow

EVENT = "/response-events/{event_id}"

_STATUS = {
    "unknown_event": 404,
    "unknown_feeder": 404,
    "unknown_appeal": 404,
    "no_offer": 404,
    "not_authorised": 403,
    "malformed": 422,
    "not_on_quarter_hour": 422,
    "window_order": 422,
    "window_past": 422,
    "beyond_horizon": 422,
    "above_invited": 422,
    "above_bid": 422,
}
"""The status of a refusal by its code; of others 409: the event stands otherwise."""

operating = feeder_operators.but(audited=Audited.ITSELF)
bidding = technicians.but(audited=Audited.ITSELF)


def party_of(caller: Caller) -> Party:
    """A caller as a party: a grid operator is bound to its feeders, the house to none in particular."""
    bound = frozenset(caller.bound_to) if caller.role is Role.GRID_OPERATOR else None
    return Party(caller.source, "http", caller.name, caller.address, bound, caller.role is Role.ADMINISTRATOR)


def router(service: ResponseService, statements: Statements) -> Router:
    """The routes over `service` and what months come to."""
    routes = Router(prefix="/api/v1", tags=["demand response"])
    for add in (_add_operating, _add_bidding, _add_looking, _add_settling, _add_appeals):
        add(routes, service)
    _add_statements(routes, statements)
    return routes


def _add_operating(routes: Router, service: ResponseService) -> None:
    @routes.put(EVENT, summary="Invite to a response", status_code=202, openapi_extra=body_of("feeder"))
    @operating
    async def invite(event_id: str, request: Request) -> JSONResponse:
        """Ask for less load (`shave`) or more (`fill`) of a feeder. 202 means durable; the same again changes nothing.
        With automatic bids the answer has the bid.
        """
        return await _taken(request, service, lambda raw, party: service.invite(raw, party, event_id))

    @routes.put(EVENT + "/clearing", summary="Tell the result of a bid", status_code=202, openapi_extra=body_of())
    @operating
    async def clear(event_id: str, request: Request) -> JSONResponse:
        """`accepted`, and of the bid `power_kw` and `price` as cleared. What is accepted is carried out: the answer has
        the limit that it became, and by how much it cannot be reached.
        """
        return await _taken(request, service, lambda raw, party: service.clear(raw, party, event_id))

    @routes.delete(EVENT, summary="Cancel an event", status_code=202)
    @operating
    async def cancel(event_id: str, request: Request) -> JSONResponse:
        """Its limit ends, too."""
        return await _taken(request, service, lambda raw, party: service.cancel(party, event_id))


def _add_bidding(routes: Router, service: ResponseService) -> None:
    @routes.put(EVENT + "/bid", summary="Bid on an event", status_code=202, openapi_extra=body_of())
    @bidding
    async def bid(event_id: str, request: Request) -> JSONResponse:
        """`power_kw` and `price`, or `automatic`. Until `reply_by` a bid may be replaced."""
        return await _taken(request, service, lambda raw, party: service.bid(raw, party, event_id))

    @routes.delete(EVENT + "/bid", summary="Take a bid back", status_code=202)
    @bidding
    async def withdraw(event_id: str, request: Request) -> JSONResponse:
        """Until `reply_by`, while nothing is cleared."""
        return await _taken(request, service, lambda raw, party: service.withdraw(party, event_id))

    @routes.get(EVENT + "/offer", summary="What an automatic bid would be")
    @technicians
    async def offer(event_id: str, request: Request) -> JSONResponse:
        """From what is usually drawn and from the cars that are there; nothing is sent."""

        async def look(party: Party) -> Any:
            return offer_view(await service.offer(party, event_id))

        return await looked(request, look)


def _add_looking(routes: Router, service: ResponseService) -> None:
    @routes.get("/response-events", summary="List events")
    @feeder_viewers
    async def list_events(request: Request, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> JSONResponse:
        """By their beginning, the latest first; a grid operator sees those of its feeders."""

        async def look(party: Party) -> Any:
            rows = await service.book.listed(party, limit)
            return {"clock_time": service.now().isoformat(), "events": [event_view(row, service.now()) for row in rows]}

        return await looked(request, look)

    @routes.get(EVENT, summary="Show an event")
    @feeder_viewers
    async def show(event_id: str, request: Request) -> JSONResponse:
        """With its evaluations and appeals."""

        async def look(party: Party) -> Any:
            shown = event_view(await service.book.known(event_id, party), service.now())
            shown["evaluations"] = [evaluation_view(row) for row in await service.book.evaluations(event_id)]
            shown["appeals"] = [appeal_view(row) for row in await service.book.appeals(event_id)]
            return shown | {"clock_time": service.now().isoformat()}

        return await looked(request, look)

    @routes.get(EVENT + "/baseline", summary="The baseline of an event")
    @feeder_viewers
    async def baseline(event_id: str, request: Request, method: Method | None = None) -> JSONResponse:
        """By the method agreed, or another one to compare; days that it lacks are told."""

        async def look(party: Party) -> Any:
            start = event_of(await service.book.known(event_id, party)).invitation.start
            return baseline_view(await service.baseline(party, event_id, method), start)

        return await looked(request, look)

    @routes.get(EVENT + "/report", summary="Report of an event by quarter-hour")
    @feeder_viewers
    async def report(event_id: str, request: Request) -> JSONResponse:
        """Baseline, plan, actual load and adjustment; null where it is not known (yet)."""

        async def look(party: Party) -> Any:
            row = await service.book.known(event_id, party)
            rows = [row_view(one) for one in await service.report(party, event_id)]
            return event_view(row, service.now()) | {"clock_time": service.now().isoformat(), "rows": rows}

        return await looked(request, look)


def _add_settling(routes: Router, service: ResponseService) -> None:
    @routes.post(EVENT + "/evaluations", summary="Evaluate an event", status_code=201)
    @bidding
    async def evaluate(event_id: str, request: Request, method: Method | None = None) -> JSONResponse:
        """What it came to, from all that is known now; earlier evaluations stay. It is done by itself when an event is
        over.
        """

        async def go(party: Party) -> Any:
            return evaluation_view(await service.settling.evaluate(party, event_id, method=method))

        return await looked(request, go, 201)


def _add_appeals(routes: Router, service: ResponseService) -> None:
    @routes.post(EVENT + "/appeals", summary="Appeal against an evaluation", status_code=201, openapi_extra=body_of())
    @bidding
    async def appeal(event_id: str, request: Request) -> JSONResponse:
        """`reason`: 1 the baseline's maximum, 2 its mean, 3 the effect."""
        raw = await request.body()

        async def go(party: Party) -> Any:
            return appeal_view(await service.settling.appeal(raw, party, event_id))

        return await looked(request, go, 201)

    @routes.put(EVENT + "/appeals/{number}", summary="Answer an appeal", openapi_extra=body_of())
    @operating
    async def answer(event_id: str, number: int, request: Request) -> JSONResponse:
        """`upheld`; then the event is computed again, by another `method` if one is named."""
        raw = await request.body()

        async def go(party: Party) -> Any:
            return appeal_view(await service.settling.answer(raw, party, event_id, number))

        return await looked(request, go)


def _add_statements(routes: Router, statements: Statements) -> None:
    @routes.get("/response-settlements/{month}", summary="What a month comes to")
    @feeder_viewers
    async def settlement(month: str, request: Request) -> JSONResponse:
        """`month` like 2026-07, of the site's calendar: by operator and feeder the pay for each event that was taken
        and for standing by, in yuan; to the house also what drivers get (`drivers`). `final` when the month is over,
        all is evaluated and no appeal is open.
        """
        return await looked(request, lambda party: statements.of(party, month))


async def _taken(
    request: Request, service: ResponseService, go: Callable[[bytes, Party], Awaitable[ResponseRow]]
) -> JSONResponse:
    raw = await request.body()
    if len(raw) > BODY_BYTES_MAX:
        return problem(413, "body_too_large", f"a request body has at most {BODY_BYTES_MAX} bytes")

    async def act(party: Party) -> Any:
        return event_view(await go(raw, party), service.now())

    return await looked(request, act, 202)


async def looked(request: Request, go: Callable[[Party], Awaitable[Any]], status: int = 200) -> JSONResponse:
    """The answer of `go`, or the problem that it ran into."""
    try:
        return JSONResponse(await go(party_of(caller_of(request))), status_code=status)
    except Refused as fault:
        return problem(_STATUS.get(fault.code, 409), fault.code, str(fault))
    except StoreUnavailable:
        return problem(503, StoreUnavailable.code, "the database is away; try again")


def problem(status: int, code: str, detail: str) -> JSONResponse:
    """An RFC 9457 problem document with our stable code."""
    title = HTTPStatus(status).phrase
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}
    return JSONResponse(content, status_code=status, media_type="application/problem+json")


def body_of(*required: str) -> dict[str, Any]:
    """Any object; its fields are told in the description and in the how-to."""
    schema: dict[str, Any] = {"type": "object"} | ({"required": list(required)} if required else {})
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
