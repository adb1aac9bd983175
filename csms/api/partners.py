"""Routes about partners of the provincial interface: what waits, replay, secrets, a try of the link, names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import Field

from csms.access.needs import administrators, technicians, viewers
from csms.access.routing import Router
from csms.api.ports import ApiDeps, ProvincePort
from csms.api.problems import Refused
from csms.api.schemas import Body, Out
from csms.model.errors import CsmsError

DIRECTIONS = frozenset({"outbound", "inbound"})
Direction = Literal["outbound", "inbound"]
UNUSABLE = (
    "partner_secret_invalid",
    "subsidy_rule_invalid",
    "subsidy_claim_unreadable",
    "subsidy_claim_impossible",
)
PartnerId = Annotated[str, Path(max_length=64)]
EndOlder = Annotated[bool, Query(description="Older secrets count no more, as one of them leaked")]
Secret = Annotated[str, Field(min_length=1, max_length=128)]


class MessageOut(Out):
    """A message of the outbox, without its content."""

    id: int
    interface: str
    business_key: str
    state: str
    attempts: int
    created_at: datetime
    next_at: datetime
    last_code: int | None
    last_error: str


class MessagesOut(Out):
    """Messages of a partner, oldest first."""

    clock_time: datetime
    partner: str
    messages: list[MessageOut]


class ReplayBody(Body):
    """`ids`: of messages; none: everything that was given up. `as_sent`: as the platform refused them, also where they
    could be made anew."""

    ids: list[int] = Field(default=[], max_length=1000)
    as_sent: bool = False


class ReplayOut(Out):
    """How many messages will be sent again: `renewed` made anew from what is stored now, `as_sent` as they were.

    `defective` ones were made anew and stay given up, because the profile still finds something wrong with them.
    """

    replayed: int
    renewed: int
    as_sent: int
    defective: int


class KeyOut(Out):
    """A set of secrets. Equal fingerprints are equal secrets; number 0 stands in the settings.

    `used_at`: when the other side proved it first; from `retired_at` on it counts no more.
    """

    partner: str
    direction: Direction
    number: int
    fingerprint: str
    made_at: datetime
    used_at: datetime | None
    retired_at: datetime | None


class KeysOut(Out):
    """All sets, the newest of each partner and direction first."""

    clock_time: datetime
    keys: list[KeyOut]


class SecretsBody(Body):
    """The four secrets that a partner gave us."""

    operator_secret: Secret
    data_secret: Secret
    data_secret_iv: Secret
    sig_secret: Secret


class NewKeyOut(KeyOut):
    """A new set; `secrets` are told this once when they were made here, and kept sealed."""

    secrets: dict[str, str]


class LinkOut(Out):
    """What came of asking a partner for a token."""

    ok: bool
    url: str
    text: str
    latency_s: float
    clock_off_s: float | None
    token_life_s: float | None


class NameOut(Out):
    """A thing of ours and its identifier at a partner, with what the partner would find wrong."""

    kind: Literal["site", "connector"]
    local: str
    external: str
    defects: list[str]


class NamesOut(Out):
    """Everything that a partner is told of."""

    partner: str
    names: list[NameOut]


class ClaimBody(Body):
    """What to claim: a rule that comes with the program by its id or one's own as a table, a span of days, the
    platform's scores as it publishes them, and the grade where the authority gives one of its own.

    `send`: the amounts go to the partner by the interface of its profile.
    """

    rule: str | dict[str, Any]
    first_day: date
    last_day: date
    grade: Literal["", "A", "B", "C", "D"] = ""
    scores: list[dict[str, Any]] = Field(default=[], max_length=400)
    send: bool = False


class ClaimOut(Out):
    """The claim as a document that can be computed again from itself; `sent`: how many messages it became."""

    claim: dict[str, Any]
    sent: int


def router(deps: ApiDeps) -> Router:
    """The routes over `deps`."""
    routes = Router(prefix="/province", tags=["province"])
    _add_messages(routes, deps)
    _add_keys(routes, deps)
    _add_checks(routes, deps)
    _add_claims(routes, deps)
    return routes


def _add_messages(routes: Router, deps: ApiDeps) -> None:
    @routes.get("/{partner}/messages", summary="List messages that wait or were given up")
    @viewers
    async def list_messages(
        partner: PartnerId, dead: bool = False, limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> MessagesOut:
        """Oldest first, without their content."""
        with _refusals():
            rows = await _province(deps).waiting(partner, dead=dead, limit=limit)
        found = [MessageOut.model_validate(row, from_attributes=True) for row in rows]
        return MessagesOut(clock_time=deps.clock.now(), partner=partner, messages=found)

    @routes.post("/{partner}/replay", summary="Send messages again")
    @technicians
    async def replay(partner: PartnerId, body: ReplayBody) -> ReplayOut:
        """What was given up, after a correction; also ends the pause after a refused signature."""
        with _refusals():
            done = await _province(deps).replay(partner, body.ids, as_sent=body.as_sent)
        return ReplayOut(
            replayed=done.renewed + done.as_sent,
            renewed=done.renewed,
            as_sent=done.as_sent,
            defective=done.defective,
        )


def _add_keys(routes: Router, deps: ApiDeps) -> None:
    @routes.get("/keys", summary="List secrets of partners")
    @administrators
    async def list_keys() -> KeysOut:
        """Which sets count, and since when; no secret is told."""
        found = [KeyOut.model_validate(row, from_attributes=True) for row in _province(deps).key_sets()]
        return KeysOut(clock_time=deps.clock.now(), keys=found)

    @routes.post("/{partner}/keys/{direction}", summary="Make new secrets")
    @administrators.but(silent=("direction", DIRECTIONS))
    async def make_keys(partner: PartnerId, direction: Direction, end_older: EndOlder = False) -> NewKeyOut:
        """They count at once; the older ones until these were used. Hand them to the partner."""
        return await _renewed(partner, direction, {}, end_older)

    @routes.put("/{partner}/keys/{direction}", summary="Enter secrets that a partner gave")
    @administrators.but(silent=("direction", DIRECTIONS))
    async def put_keys(
        partner: PartnerId, direction: Direction, body: SecretsBody, end_older: EndOlder = False
    ) -> NewKeyOut:
        """They count at once; the older ones until these were used."""
        return await _renewed(partner, direction, body.model_dump(), end_older)

    async def _renewed(partner: str, direction: Direction, given: dict[str, str], end_older: bool) -> NewKeyOut:
        with _refusals():
            province = _province(deps)
            record, secrets = await province.renew_keys(partner, direction, given, end_older=end_older)
        told = KeyOut.model_validate(record, from_attributes=True)
        return NewKeyOut(**told.model_dump(), secrets=secrets)


def _add_checks(routes: Router, deps: ApiDeps) -> None:
    @routes.post("/{partner}/test", summary="Try the link to a partner")
    @technicians
    async def test(partner: PartnerId) -> LinkOut:
        """Asks for a token: address, TLS, secrets, clock and return codes in one go."""
        with _refusals():
            return LinkOut.model_validate(await _province(deps).test(partner), from_attributes=True)

    @routes.get("/{partner}/names", summary="Check what a partner is told of")
    @viewers
    async def check_names(partner: PartnerId) -> NamesOut:
        """Sites and connectors with their identifiers there, and what the partner would find wrong."""
        with _refusals():
            rows = _province(deps).check_names(partner)
        found = [NameOut.model_validate(row, from_attributes=True) for row in rows]
        return NamesOut(partner=partner, names=found)


def _add_claims(routes: Router, deps: ApiDeps) -> None:
    @routes.post("/{partner}/subsidy", summary="Compute a subsidy")
    @administrators
    async def claim(partner: PartnerId, body: ClaimBody) -> ClaimOut:
        """By a rule, from the orders that the partner has taken and its scores; every order with what became of it."""
        wish = body.model_dump(exclude={"send"})
        with _refusals():
            document, sent = await _province(deps).claim(partner, wish, send=body.send)
        return ClaimOut(claim=document, sent=sent)


def _province(deps: ApiDeps) -> ProvincePort:
    if deps.province is None:
        raise Refused(404, "unknown_partner", "no partner is configured")
    return deps.province


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except CsmsError as fault:
        statuses = {"unknown_partner": 404, **dict.fromkeys(UNUSABLE, 422)}
        if fault.code not in statuses:
            raise
        raise Refused(statuses[fault.code], fault.code, str(fault)) from None
