"""What console commands ask for, carried to the API of a central system that runs in the loop of the test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from csms.console.client import PREFIX, Refused
from tests.support.scripted import Central


class LoopApi:
    """Fits `csms.console.client.ApiClient`; used from another thread than the loop's, see `in_thread`."""

    def __init__(self, csms: Central) -> None:
        self._csms, self._loop = csms, asyncio.get_running_loop()

    def get(self, path: str, **params: Any) -> Any:
        return self._request("GET", path, None)

    def post(self, path: str, body: Any) -> Any:
        return self._request("POST", path, body)

    def clock_time(self) -> str:
        return self._csms.clock.now().isoformat()

    def _request(self, method: str, path: str, body: Any) -> Any:
        asked = asyncio.run_coroutine_threadsafe(self._csms.api(method, PREFIX + path, body), self._loop)
        answer = asked.result()
        document = answer.json() if answer.content else None
        if answer.status_code >= 400:
            raise Refused(answer.status_code, document)
        return document


async def in_thread(csms: Central, work: Callable[[Any], Any]) -> Any:
    """What `work` makes of the API."""
    api = LoopApi(csms)
    return await asyncio.to_thread(work, api)
