"""`csms serve`: builds every room, starts them from the bottom up, stops them from the top down."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

import firmware_profiles
from csms.app.folder import FolderLock
from csms.app.http import HttpServer
from csms.app.logs import set_up_logs
from csms.app.process import calm_garbage_collector, raise_file_limit
from csms.app.rooms import Rooms, build_rooms
from csms.app.settings import Settings, SettingsInvalid
from csms.app.supervisor import Supervisor
from csms.model.authentication import SecurityProfile
from csms.model.clock import Clock
from csms.security.server_certificate import ROOT_FILE

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "::1", "localhost")
READY_FILE = "serve.json"
"""In the data folder while the server runs: process id and ports, for scripts that started it with port 0; `ocpp_port`
is that of the lowest security profile.
"""


class CentralSystem:
    """One running central system."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._supervisor = Supervisor(clock)
        self._lock = FolderLock(settings.data_dir)
        self._rooms: Rooms | None = None
        self._http: HttpServer | None = None
        self.ocpp_port = 0
        self.ocpp_ports: dict[int, int] = {}
        self.http_port = 0

    async def start(self) -> None:
        """Raises CsmsError (settings, store) or OSError (a port is taken); then nothing is left running."""
        self._lock.take()
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        _use_profiles(self._settings.own_profiles)
        rooms = self._rooms = await build_rooms(self._settings, self._clock)
        if rooms.traces is not None:
            rooms.traces.start()
        for name, work in rooms.background:
            self._supervisor.start(name, work)
        if self._settings.http_host not in LOOPBACK:
            log.warning("api_open_without_login", extra={"http_host": self._settings.http_host})
        self._http = HttpServer(rooms.api, self._settings.http_host, self._settings.http_port)
        self.http_port = await self._http.start()
        rooms.files.public_url = rooms.files.public_url or _web_address(self._settings.http_host, self.http_port)
        self.ocpp_port = await rooms.gateway.start()
        self.ocpp_ports = {int(profile): port for profile, port in rooms.gateway.ports.items()}
        self._write_ready_file()
        log.info("started", extra={"ocpp_ports": self.ocpp_ports, "http_port": self.http_port})
        self._warn()

    def _warn(self) -> None:
        """Whoever reads the log should know how open the doors are."""
        for profile in self.ocpp_ports:
            if not SecurityProfile(profile).has_tls and self._settings.ocpp_host not in LOOPBACK:
                log.warning(
                    "stations_without_tls", extra={"security_profile": profile, "host": self._settings.ocpp_host}
                )

    def renew_certificates(self) -> None:
        """Read certificates, keys, roots and revocation lists again, soon."""
        if self._rooms is not None:
            self._rooms.tls.due.set()

    @property
    def own_root(self) -> Path | None:
        """The root that stations need when this server made its certificates itself."""
        made = self._rooms is not None and self._rooms.tls.profiles and not self._settings.tls_certificate
        return self._settings.data_dir / "pki" / ROOT_FILE if made else None

    async def stop(self) -> None:
        """Take no more, tell the stations (close code 1001), finish what was accepted, close the store."""
        (self._settings.data_dir / READY_FILE).unlink(missing_ok=True)
        if self._rooms is not None:
            await self._rooms.gateway.stop("the central system is restarting")
            if self._rooms.traces is not None:
                self._rooms.traces.hang_up()
        if self._http is not None:
            await self._http.stop()
        await self._supervisor.stop()
        if self._rooms is not None:
            await self._rooms.close()
        self._lock.release()
        log.info("stopped")

    def _write_ready_file(self) -> None:
        ports = {str(profile): port for profile, port in self.ocpp_ports.items()}
        facts = {"pid": os.getpid(), "ocpp_port": self.ocpp_port, "ocpp_ports": ports, "http_port": self.http_port}
        path = self._settings.data_dir / READY_FILE
        draft = path.with_suffix(".tmp")
        draft.write_text(json.dumps(facts), encoding="utf-8")
        draft.replace(path)


def _web_address(host: str, port: int) -> str:
    """As a URL writes it: IPv6 in brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _use_profiles(own: Path) -> None:
    """From now on stations are known by these firmware profiles. Raises SettingsInvalid."""
    try:
        firmware_profiles.use(firmware_profiles.book(own))
    except firmware_profiles.ProfileInvalid as fault:
        raise SettingsInvalid(f"{own}: {fault}") from None


async def serve(
    settings: Settings,
    clock: Clock,
    started: Callable[[CentralSystem], None] | None = None,
) -> None:
    """Run until SIGINT or SIGTERM; `started` is told once everything listens."""
    set_up_logs(settings.log_level)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    raise_file_limit()
    system = CentralSystem(settings, clock)
    await system.start()
    loop.add_signal_handler(signal.SIGHUP, system.renew_certificates)
    calm_garbage_collector()
    try:
        if started is not None:
            started(system)
        await stop.wait()
    finally:
        await system.stop()
