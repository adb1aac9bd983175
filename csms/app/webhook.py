"""Alerts told to whoever else wants to know: each one posted as JSON, several times if need be, never holding us up."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httpx

from csms.station.alerts import Alerts
from csms.store.security_tables import Alert

TIMEOUT_S = 10.0
TRIES_AFTER_S = (0.0, 2.0, 20.0)
"""Of the wall."""

log = logging.getLogger(__name__)


class Webhook:
    """Background work over `alerts`; `token` goes along as bearer when there is one."""

    def __init__(self, url: str, token: str, alerts: Alerts) -> None:
        self._url, self._alerts = url, alerts
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def run(self) -> None:
        """Until cancelled."""
        with self._alerts.listen() as queue:
            async with httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_S, follow_redirects=False) as client:
                while True:
                    await self._tell(client, await queue.get())

    async def _tell(self, client: httpx.AsyncClient, alert: Alert) -> None:
        fault = ""
        for after_s in TRIES_AFTER_S:
            await asyncio.sleep(after_s)
            try:
                answer = await client.post(self._url, json=_document(alert), headers=self._headers)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                fault = type(error).__name__
                continue
            if answer.is_success:
                return
            fault = f"HTTP {answer.status_code}"
        log.error("alert_not_posted", extra={"alert": alert.id, "kind": alert.kind, "fault": fault})


def _document(alert: Alert) -> dict[str, Any]:
    return {
        "alert_id": alert.id,
        "kind": alert.kind,
        "station_id": alert.station_id,
        "info": alert.info,
        "count": alert.count,
        "opened_at": alert.opened_at.isoformat(),
        "last_at": alert.last_at.isoformat(),
    }
