"""The platform asks its operators (section 16): all stations at on-boarding and weekly, changed ones between, states.

Answers are judged like pushes. A station that is right is taken as if it had been pushed; a state that differs from the
pushed one is noted in the log of calls, because the pushes are what counts. An operator that does not answer holds up
nobody but itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from csms.model.clock import Clock
from csms.province.client import Partner, PlatformClient
from csms.province.crypto import Secrets
from csms.province.envelope import BUSINESS_INVALID, HTTP_OK, OK, Response
from csms.province.keys import Direction, KeyRing
from csms.province.messages import check
from csms.province.outbox import Verdict
from csms.province.profile import Kind
from monitor.evidence.documents import record_bytes
from monitor.intake.checks import judge_message
from monitor.intake.keys import OperatorKeys
from monitor.intake.settings import Operator, PlatformSettings
from monitor.store.intake import IntakeStore
from monitor.store.messages import Call, Message, Standing

log = logging.getLogger(__name__)
FULL_EVERY = timedelta(days=7)
CHANGED_EVERY = timedelta(hours=1)
STATES_EVERY = timedelta(hours=1)
STATIONS_AT_ONCE = 50
"""StationIDs in one query (section 11.1)."""
PAGES_MAX = 1000
DIFFERS = "PULL_DIFFERS"


class PullFailed(Exception):
    """The operator did not answer, or not what was asked."""


class PullClient(PlatformClient):
    """A client that keeps what was answered; it is used for one call after the other."""

    answer: Mapping[str, Any] = {}

    async def _call(
        self, kind: Kind, body: Callable[[Secrets], bytes], token: str | None
    ) -> tuple[Response, dict[str, Any]]:
        response, answer = await super()._call(kind, body, token)
        self.answer = answer
        return response, answer


class Puller:
    """Asks one operator."""

    def __init__(self, operator: Operator, client: PlatformClient, clock: Clock, store: IntakeStore) -> None:
        self._operator = operator
        self._client = client
        self._clock = clock
        self._store = store

    @property
    def operator_id(self) -> str:
        """Whom it asks."""
        return self._operator.operator_id

    async def round(self) -> None:
        """Ask for what is due; a failure is in the log of calls and comes again with the next round."""
        try:
            await self._round(self._clock.now())
        except PullFailed as fault:
            log.warning("pull_failed", extra={"operator": self._operator.operator_id, "why": str(fault)})

    async def _round(self, now: datetime) -> None:
        name = self._operator.operator_id
        last = await self._store.pulled(name)
        full_at, changed_at, states_at = last["full_at"], last["changed_at"], last["states_at"]
        if full_at is None or now - full_at >= FULL_EVERY:
            await self.stations(None)
            await self._store.note_pull(name, full_at=now, changed_at=now)
        elif changed_at is None or now - changed_at >= CHANGED_EVERY:
            await self.stations(changed_at or full_at)
            await self._store.note_pull(name, changed_at=now)
        if states_at is None or now - states_at >= STATES_EVERY:
            await self.states()
            await self._store.note_pull(name, states_at=now)

    async def stations(self, since: datetime | None) -> int:
        """Take all stations, or those changed since; how many were right. Raises PullFailed."""
        profile = self._operator.profile
        when = since.astimezone(profile.zone).strftime("%Y-%m-%d %H:%M:%S") if since else ""
        taken, page, pages = 0, 1, 1
        while page <= min(pages, PAGES_MAX):
            query = {
                "LastQueryTime": when,
                "PageNo": page,
                "PageSize": profile.interfaces[Kind.QUERY_STATIONS].page_size,
            }
            answer = await self._ask(Kind.QUERY_STATIONS, query)
            pages = answer.get("PageCount", 0) if type(answer.get("PageCount")) is int else 0
            for row in _rows(answer, "StationInfos"):
                taken += await self._take_station(row)
            page += 1
        return taken

    async def _take_station(self, row: Mapping[str, Any]) -> bool:
        profile, name, kind = self._operator.profile, self._operator.operator_id, Kind.STATION_INFO
        interface = profile.interfaces[kind]
        body = {interface.root: row} if interface.root else row
        judged = judge_message(profile, kind, body, name)
        wire = f"{profile.interfaces[Kind.QUERY_STATIONS].wire}/station"
        now, business_id = self._clock.now(), judged.business_id[:64]
        call = Call(
            now, wire, HTTP_OK, judged.ret, name, business_id, pulled=True, defects=tuple(map(str, judged.defects))
        )
        if judged.ret != OK:
            await self._store.log(call)
            return False
        record = record_bytes(name, kind, business_id, now, body)
        await self._store.accept(dict.fromkeys(Standing, call), Message(kind, judged.fields, judged.digest, record))
        return True

    async def states(self) -> list[str]:
        """Compare the states told now with those pushed last; the connectors that differ. Raises PullFailed."""
        name, differ = self._operator.operator_id, list[str]()
        known, pushed = await self._store.stations(name), await self._store.states(name)
        for start in range(0, len(known), STATIONS_AT_ONCE):
            answer = await self._ask(Kind.QUERY_STATUS, {"StationIDs": known[start : start + STATIONS_AT_ONCE]})
            for station in _rows(answer, "StationStatusInfos"):
                for told in _rows(station, "ConnectorStatusInfos"):
                    connector = told.get("ConnectorID")
                    if isinstance(connector, str) and told.get("Status") != pushed.get(connector, told.get("Status")):
                        differ.append(connector)
        if differ:
            wire = self._operator.profile.interfaces[Kind.QUERY_STATUS].wire
            texts = tuple(f"{DIFFERS} {connector}" for connector in differ[:100])
            await self._store.log(Call(self._clock.now(), wire, HTTP_OK, OK, name, pulled=True, defects=texts))
        return differ

    async def _ask(self, kind: Kind, query: Mapping[str, Any]) -> Mapping[str, Any]:
        """One call, in the log of calls; the checked answer by wire names. Raises PullFailed."""
        profile = self._operator.profile
        began_s = self._clock.monotonic_s()
        outcome = await self._client.push(kind, query)
        answer = getattr(self._client, "answer", {}) if outcome.verdict is Verdict.ACKED else {}
        defects = list(check(profile, profile.interfaces[kind].reply, answer, "")) if answer else []
        envelope = [d for d in defects if "[" not in d.field]
        ret = BUSINESS_INVALID if envelope else outcome.code
        call = Call(
            self._clock.now(),
            profile.interfaces[kind].wire,
            HTTP_OK,
            None if outcome.unreachable else ret,
            self._operator.operator_id,
            reason=outcome.text[:200],
            latency_us=int((self._clock.monotonic_s() - began_s) * 1e6),
            pulled=True,
            defects=tuple(map(str, defects[:100])),
        )
        await self._store.log(call)
        if outcome.verdict is not Verdict.ACKED or envelope:
            raise PullFailed(f"{profile.interfaces[kind].wire}: {outcome.code} {outcome.text} {envelope[:3]}")
        return answer


def _rows(answer: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The rows of a list that are rows; what else an operator sends there is among the defects of its answer."""
    found = answer.get(name)
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []


def pullers_of(settings: PlatformSettings, clock: Clock, store: IntakeStore, keys: OperatorKeys) -> Sequence[Puller]:
    """One for each operator that has an address and the interfaces; none while we have no OperatorID to ask with."""
    asked = [o for o in settings.operators.values() if o.pull_url and settings.platform_id]
    return [
        Puller(
            o,
            PullClient(_partner(o, settings.platform_id, keys.ring(o.operator_id, Direction.OUTBOUND)), clock),
            clock,
            store,
        )
        for o in asked
    ]


def _partner(operator: Operator, platform_id: str, ring: KeyRing) -> Partner:
    return Partner(operator.operator_id, operator.profile, operator.pull_url, platform_id, ring=ring)
