"""What the demo asks of the central system, by its public HTTP API like any other client."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx


class Central:
    """A client of one central system and of the receiving platform beside it."""

    def __init__(self, api_url: str, platform_url: str, token: str = "") -> None:
        self.api_url, self.token = api_url, token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._api = httpx.AsyncClient(base_url=api_url, trust_env=False, timeout=10.0, headers=headers)
        self._platform = httpx.AsyncClient(base_url=platform_url, trust_env=False, timeout=10.0)

    async def close(self) -> None:
        """Close the connections."""
        await self._api.aclose()
        await self._platform.aclose()

    async def overview(self) -> dict[str, Any]:
        """Everything that the live view shows. Raises httpx.HTTPError when the server does not answer."""
        answer: dict[str, Any] = (await self._api.get("/api/v1/overview")).raise_for_status().json()
        return answer

    async def push_limit(
        self, feeder_id: str, limit_id: str, power_w: int, valid_from: datetime, valid_to: datetime
    ) -> None:
        """Act as the grid operator. Raises httpx.HTTPStatusError when the limit is refused."""
        body = {
            "version": 1,
            "value_w": power_w,
            "valid_from": valid_from.isoformat(),
            "valid_to": valid_to.isoformat(),
            "reason": "demo",
        }
        path = f"/api/v1/feeders/{feeder_id}/limits/{limit_id}"
        (await self._api.put(path, json=body)).raise_for_status()

    async def province(self) -> list[dict[str, Any]]:
        """Delivery by partner."""
        answer = (await self._api.get("/api/v1/province")).raise_for_status().json()
        partners: list[dict[str, Any]] = answer["partners"]
        return partners

    async def received_by_platform(self) -> dict[str, Any]:
        """What the platform on the other side has accepted."""
        answer: dict[str, Any] = (await self._platform.get("/summary")).raise_for_status().json()
        return answer
