"""An operator asks a platform for the signed heads of its log, with the access token that it pushes with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

import httpx

from csms.model.errors import CsmsError
from csms.province import strict_json
from csms.province.client import CallFailed, PlatformClient
from csms.province.keys import KeysMissing

PATH = "/evidence/heads"
ANSWER_BYTES_MAX = 1 << 22


class HeadsUnreachable(CsmsError):
    """The platform gave no heads."""

    code = "heads_unreachable"


class HeadClient(PlatformClient):
    """A client that also asks for heads."""

    async def heads(self, after: str) -> list[Mapping[str, Any]]:
        """The documents of the days after one (all, where it is empty), as many as the platform gives at once. Raises
        HeadsUnreachable."""
        url = urljoin(self._partner.base_url, PATH)
        try:
            token = await self._tokens.get()
            headers = {"Authorization": f"Bearer {token}"}
            async with self.connections().stream("GET", url, params={"after": after}, headers=headers) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise HeadsUnreachable(f"{url}: HTTP {answer.status_code}")
                raw = await _bounded(answer)
            found = strict_json.parse_object(raw, ANSWER_BYTES_MAX).get("heads")
        except (CallFailed, KeysMissing, httpx.HTTPError, strict_json.JsonRefused) as fault:
            raise HeadsUnreachable(f"{url}: {fault}") from None
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise HeadsUnreachable(f"{url}: these are no heads")
        return found


async def _bounded(answer: httpx.Response) -> bytes:
    raw = bytearray()
    async for part in answer.aiter_bytes():
        raw += part
        if len(raw) > ANSWER_BYTES_MAX:
            raise HeadsUnreachable("the answer is too long")
    return bytes(raw)
