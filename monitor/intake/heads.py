"""The signed head of each day given to its operator, so that nobody can write the log anew unnoticed: as a file, by the
operator's webhook, by mail; and on request (`monitor.intake.head_routes`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from csms.model.clock import Clock
from csms.model.errors import CsmsError
from csms.province import strict_json
from csms.security.files import write_whole
from monitor.evidence.service import Evidence
from monitor.intake.settings import Operator
from monitor.quality.channels import MailChannel, posted
from monitor.store.days import following, local_day

log = logging.getLogger(__name__)
HEADS = "heads"
PRIVATE = 0o600
SENT_WITHIN = timedelta(days=7)
"""Whoever is named for the first time is not sent what is history; he may ask for it."""
AT_ONCE = 100
"""Of a platform that has years of heads, so that a round does not last."""
Give = Callable[[str, Mapping[str, Any]], Awaitable[bool]]


class HeadsNotGiven(CsmsError):
    """Some operators could not be given their heads; they are tried again with the next round."""

    code = "heads_not_given"


@dataclass(frozen=True, slots=True)
class HeadPost:
    """Gives out heads, each once by each way."""

    evidence: Evidence
    clock: Clock
    operators: Mapping[str, Operator]
    folder: Path
    mail: MailChannel | None = None

    async def round(self) -> None:
        """Give what was not given yet. Raises HeadsNotGiven after all were tried."""
        failed = await asyncio.gather(*map(self._give_to, self.operators.values()))
        if any(failed):
            raise HeadsNotGiven(", ".join(filter(None, failed)))

    async def _give_to(self, operator: Operator) -> str:
        """By which ways it could not be given to an operator."""
        given, failed = await self.evidence.store.given(operator.operator_id), []
        for way, first, give in self._ways(operator):
            last = given.get(way)
            try:
                took = await self._give(operator.operator_id, way, max(following(last) if last else "", first), give)
            except Exception:
                log.exception("head_not_given", extra={"operator": operator.operator_id, "way": way})
                took = False
            failed += [] if took else [f"{operator.operator_id} by {way}"]
        return ", ".join(failed)

    async def _give(self, operator_id: str, way: str, first: str, give: Give) -> bool:
        """Those of `first` and later, in their order, some in a round; one that was not taken holds back the later."""
        for signed in await self.evidence.store.heads(operator_id, first, count=AT_ONCE):
            day = signed.head.day
            if not await give(day, await self.evidence.prove_head(operator_id, day)):
                return False
            await self.evidence.store.note_given(operator_id, way, day)
        return True

    def _ways(self, operator: Operator) -> Iterator[tuple[str, str, Give]]:
        """The name of a way, the first day that is given by it, and how."""
        name, since = operator.operator_id, local_day(self.clock.now() - SENT_WITHIN)
        yield "file", "", lambda day, document: self._write(name, day, document)
        if operator.webhook:
            yield "webhook", since, lambda day, document: posted(operator.webhook, document)
        mail = self.mail
        if mail is not None and operator.email:
            yield "mail", since, lambda day, document: mail.head(name, day, strict_json.write(document))

    async def _write(self, operator_id: str, day: str, document: Mapping[str, Any]) -> bool:
        path = self.folder / HEADS / operator_id / f"{day}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(write_whole, path, strict_json.write(document) + b"\n", PRIVATE)
        return True
