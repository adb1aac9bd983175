"""Our end node at an OpenADR 2.0b VTN, with openleadr (`pip install 'csms[openadr2]'`).

The VTN hears optIn only after every limit of an event is durable. An event ends with its time or by being cancelled;
that a VTN does not repeat it means nothing. A poll that is answered is a heartbeat; after a silence the VTN is asked
for all its events first.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import ssl
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from csms.grid.listed import Listed
from csms.grid.openadr2_events import CANCELLED, PREFIX, TEST, group_of_event, read_event
from csms.grid.openadr3 import Agreed, Reading, group_of
from csms.grid.peer import Peer
from csms.grid.plug import LimitDesk
from csms.model.clock import Clock
from csms.model.errors import StoreUnavailable
from csms.model.limit import Limit

log = logging.getLogger(__name__)

CONNECT_S, READ_S, WHOLE_S = 5.0, 10.0, 20.0
POLL_MIN_S, POLL_MAX_S, FIRST_POLL_S = 5.0, 300.0, 10.0
EVENTS_MAX = 1000
OPT_IN, OPT_OUT = "optIn", "optOut"


@dataclass(frozen=True, slots=True)
class Ven2Rule:
    """`fingerprint`: of the VTN's certificate, where its messages are signed; `poll_s`: 0 as the VTN asks for."""

    agreed: Agreed
    url: str
    ven_id: str = ""
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    fingerprint: str = ""
    poll_s: float = 0.0


def installed() -> bool:
    """Whether openleadr is there."""
    try:
        importlib.import_module("openleadr")
    except ImportError:
        return False
    return True


class Ven2:
    """One VTN. Fits csms.grid.plug.LimitPlug."""

    def __init__(self, rule: Ven2Rule, peer: Peer, clock: Clock) -> None:
        """Raises OSError for files of certificates that cannot be read (ssl.SSLError among them)."""
        self._rule, self._clock, self._name = rule, clock, peer.name
        self._tls = _context(rule)
        self._list = Listed(peer, lambda limit_id: limit_id.startswith(PREFIX))
        self._events: dict[str, Any] = {}
        self._opts: dict[str, str] = {}
        self._answered = False
        self._behind = True
        self._fault = ""
        self.counts: Counter[str] = Counter()
        self.polled_at: datetime | None = None

    async def run(self, desk: LimitDesk) -> None:
        """Until cancelled."""
        client = self.client(desk)
        try:
            while True:
                await self.turn(client, desk)
                await asyncio.sleep(self._clock.wall_s(self._poll_s(client)))
        finally:
            await client.client_session.close()

    def client(self, desk: LimitDesk) -> Any:
        """An openleadr client with a session of ours: bounded in time, sent nowhere else, its own trust."""
        rule = self._rule
        made = importlib.import_module("openleadr").OpenADRClient(
            ven_name=rule.agreed.ven_name,
            vtn_url=rule.url,
            cert=str(rule.certificate) if rule.certificate else None,
            key=str(rule.key) if rule.key else None,
            ca_file=str(rule.ca) if rule.ca else None,
            vtn_fingerprint=rule.fingerprint or None,
            show_fingerprint=False,
            ven_id=rule.ven_id or None,
        )
        made.client_session = _session(self._tls)

        async def take(event: Any) -> str:
            return await self._take(event, made, desk)

        made.add_handler("on_event", take)
        made.add_handler("on_update_event", take)
        made.add_hook("after_parse_xml", self._heard)
        return made

    async def turn(self, client: Any, desk: LimitDesk) -> None:
        """One poll, and what comes of it. Whatever the library or the VTN does wrong is a poll that failed."""
        self._answered, fault = False, "it does not answer"
        try:
            if client.registration_id is None:
                await client.create_party_registration(ven_id=client.ven_id)
            if client.registration_id is not None:
                await self._ask(client)
        except Exception as error:
            self._answered, fault = False, f"{type(error).__name__} {error}"
        if not self._answered or client.registration_id is None:
            self._behind = True
            self.counts["polls_unavailable"] += 1
            self._note(fault if client.registration_id else "not registered")
            return
        self._behind = False
        self.counts["polls_ok"] += 1
        self.polled_at = desk.now()
        readings = self._readings(client, desk)
        await self._again(client, desk, readings)
        clear = all(
            self._opts.get(event_id) == OPT_IN for event_id, one in readings.items() if one.wishes or one.unreadable
        )
        await self._list.beat(desk, self._ours(desk) if clear else None)
        self._note("")

    async def _ask(self, client: Any) -> None:
        if self._behind:
            await client.sync_events()
            if not self._answered:
                return
            self._answered = False
        await client._poll()

    def _heard(self, kind: str, payload: Any) -> None:
        code = payload.get("response", {}).get("response_code", 200) if isinstance(payload, dict) else 0
        self._answered = str(code) == "200"

    async def _take(self, event: Any, client: Any, desk: LimitDesk) -> str:
        """What we answer to an event. One that is older than what is known changes nothing."""
        event_id, number = _identity(event)
        known = self._events.get(event_id)
        if not event_id or (known is not None and number < _identity(known)[1]) or len(self._events) >= EVENTS_MAX:
            log.warning("event_not_taken", extra={"vtn": self._name, "event": event_id, "why": "stale_version"})
            return OPT_OUT
        self._events[event_id] = event
        return (await self._bring(client, desk)).get(event_id, OPT_OUT)

    async def _bring(self, client: Any, desk: LimitDesk) -> dict[str, str]:
        """Bring limits in line with all events that are known, and say how each of them stands."""
        readings = self._readings(client, desk)
        groups = {group_of_event(event_id): reading for event_id, reading in readings.items()}
        wishes = [wish for reading in readings.values() for wish in reading.wishes]
        kept = [one for one in self._list.missing(desk, wishes) if _unsaid(one, groups)]
        try:
            outcome = await self._list.bring(desk, wishes, self._clock.monotonic_s(), kept)
        except StoreUnavailable as fault:
            log.error("limit_not_stored", extra={"vtn": self._name, "code": fault.code})
            return {event_id: self._opts.get(event_id, OPT_OUT) for event_id in readings}
        refused = {wish.group for wish, _ in outcome.refused}
        self._opts = {event_id: _opt(reading, refused) for event_id, reading in readings.items()}
        self._forget(readings)
        return {event_id: _opt(reading, refused) for event_id, reading in readings.items()}

    async def _again(self, client: Any, desk: LimitDesk, readings: dict[str, Reading]) -> None:
        """What could not be stored when it came may be stored now; the VTN is told."""
        before = dict(self._opts)
        now = await self._bring(client, desk)
        for event_id, opt in now.items():
            if opt == OPT_IN and before.get(event_id, OPT_OUT) != OPT_IN and event_id in self._events:
                number = _identity(self._events[event_id])[1]
                client.responded_events[event_id] = opt
                await client.created_event(uuid4().hex, event_id, opt, number)

    def _readings(self, client: Any, desk: LimitDesk) -> dict[str, Reading]:
        agreed, ven_id, now = self._rule.agreed, str(client.ven_id or ""), desk.now()
        return {event_id: read_event(event, agreed, ven_id, now) for event_id, event in self._events.items()}

    def _forget(self, readings: dict[str, Reading]) -> None:
        """What is over or cancelled is done with."""
        for event_id, reading in readings.items():
            if not reading.wishes and not reading.unreadable:
                del self._events[event_id]

    def _ours(self, desk: LimitDesk) -> Sequence[Limit]:
        return self._list.missing(desk, ())

    def _poll_s(self, client: Any) -> float:
        asked = client.poll_frequency
        wanted_s = asked.total_seconds() if isinstance(asked, timedelta) else FIRST_POLL_S
        return self._rule.poll_s or min(max(wanted_s, POLL_MIN_S), POLL_MAX_S)

    def _note(self, fault: str) -> None:
        """The log has a line when a trouble begins, and when it is over."""
        if fault and not self._fault:
            log.warning("vtn_unavailable", extra={"vtn": self._name, "fault": fault})
        elif self._fault and not fault:
            log.info("vtn_answers", extra={"vtn": self._name})
        self._fault = fault


def _opt(reading: Reading, refused: set[str]) -> str:
    """A test is taken, a cancellation too; an event that limits nothing here is not ours."""
    if reading.remarks in ((CANCELLED,), (TEST,)):
        return OPT_IN
    return OPT_IN if reading.wishes and group_of_event(reading.event_id) not in refused else OPT_OUT


def _unsaid(limit: Limit, groups: dict[str, Reading]) -> bool:
    reading = groups.get(group_of(limit.limit_id))
    return reading is None or reading.unreadable


def _identity(event: Any) -> tuple[str, int]:
    try:
        descriptor = event["event_descriptor"]
        return str(descriptor["event_id"]), int(descriptor["modification_number"])
    except (LookupError, TypeError, ValueError):
        return "", 0


def _context(rule: Ven2Rule) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=rule.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if rule.certificate is not None:
        context.load_cert_chain(rule.certificate, rule.key)
    return context


def _session(tls: ssl.SSLContext) -> Any:
    aiohttp = importlib.import_module("aiohttp")

    async def refuse(session: Any, context: Any, params: Any) -> None:
        raise OSError("a redirect is not followed")

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(refuse)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls),
        headers={"content-type": "application/xml"},
        timeout=aiohttp.ClientTimeout(total=WHOLE_S, sock_connect=CONNECT_S, sock_read=READ_S),
        trace_configs=[trace],
    )
