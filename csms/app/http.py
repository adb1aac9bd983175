"""The HTTP server beside the OCPP listener, in the same loop; signals stay with the supervisor of the process."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Iterator, Sequence
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, cast

from fastapi import FastAPI
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from csms.access.guard import CERTIFIED
from csms.security.addresses import network_of

CONNECTIONS_MAX, OF_ADDRESS_MAX = 2048, 256
"""Connections of the HTTP port, and those of them that one address may have (a trusted proxy may have all)."""
HEAD_S = 10.0
"""Of the wall: how long line and headers of a request may take, from the connection or their first byte on."""


class _Impatient(H11Protocol):
    """uvicorn's connection, which by itself waits for a request for ever and has as many as somebody opens."""

    def __init__(self, proxies: Sequence[IPv4Network | IPv6Network], **given: Any) -> None:
        super().__init__(**given)
        self._proxies = proxies
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if name := _certified(transport.get_extra_info("ssl_object")):
            self.app_state = {**self.app_state, CERTIFIED: name}
        self._wait()
        if self._of_address() > OF_ADDRESS_MAX:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._calm()

    def _of_address(self) -> int:
        if self.client is None or any(ip_address(self.client[0]) in proxy for proxy in self._proxies):
            return 0
        clients = (one.client for one in self.connections if isinstance(one, H11Protocol) and one.client)
        return [network_of(client[0]) for client in clients].count(network_of(self.client[0]))

    def _wait(self) -> None:
        """The clock runs while a request is to come, and not while one is answered."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._calm()
        elif self._late is None:
            self._late = self.loop.call_later(HEAD_S, self.transport.abort)

    def _calm(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def _certified(tls: ssl.SSLObject | None) -> str:
    """The common name in the certificate that a client showed, and that was verified; empty without one."""
    shown: Any = (tls.getpeercert() if tls is not None else None) or {}
    names = [value for part in shown.get("subject", ()) for kind, value in part if kind == "commonName"]
    return str(names[0]) if len(names) == 1 else ""


class _QuietServer(Server):
    """uvicorn without its own signal handling: `csms serve` decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """Serves `app` on `host:port`; port 0 takes a free one. `tls`: https instead of http.

    `trusted_proxies`: addresses that may say whom they speak for (X-Forwarded-For); nobody else is believed.
    """

    def __init__(
        self,
        app: FastAPI,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        trusted_proxies: Sequence[str] = (),
    ) -> None:
        config = Config(
            app,
            host=host,
            port=port,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(trusted_proxies),
            forwarded_allow_ips=list(trusted_proxies),
            http=cast("type[asyncio.Protocol]", partial(_Impatient, [ip_network(one) for one in trusted_proxies])),
            limit_concurrency=CONNECTIONS_MAX,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=3,
        )
        config.load()
        config.ssl = tls
        self._server = _QuietServer(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Listen; returns the port. Raises OSError when the port is taken."""
        self._task = asyncio.create_task(self._serve(), name="http")
        while not self._server.started:
            if self._task.done():
                await self._task
                raise OSError("the HTTP server did not start")
            await asyncio.sleep(0.005)
        return int(self._server.servers[0].sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Finish running requests (3 s at the most) and close."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task

    async def _serve(self) -> None:
        try:
            await self._server.serve()
        except SystemExit as fault:
            raise OSError("the HTTP port cannot be opened; is another server running on it?") from fault
