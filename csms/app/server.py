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
from csms.access.first import LocalDesk
from csms.app.dashboard import Dashboard
from csms.app.http import HttpServer
from csms.app.logs import set_up_logs
from csms.app.process import calm_garbage_collector, raise_file_limit
from csms.app.reports import DailyReports
from csms.app.rooms import Rooms, build_rooms
from csms.app.rounds import Round
from csms.app.section import SettingsInvalid
from csms.app.settings import Settings
from csms.app.supervisor import Supervisor
from csms.model.authentication import SecurityProfile
from csms.model.clock import Clock
from csms.security.credentials import write_token
from csms.security.folder import FolderLock
from csms.security.server_certificate import ROOT_FILE
from csms.security.tls import ClientTrust, KeyPair, server_context

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "::1", "localhost")
READY_FILE = "serve.json"
"""In the data folder while the server runs: process id and ports, for scripts that started it with port 0; `ocpp_port`
is that of the lowest security profile.
"""


FIRST_TOKEN_FILE = "admin.token"
"""In the data folder, 0600: the first administrator's token, where there was no terminal to tell it to."""


class CentralSystem:
    """One running central system. `tell_token` is told the first administrator's token; None: it goes to a file."""

    def __init__(self, settings: Settings, clock: Clock, tell_token: Callable[[str], None] | None = None) -> None:
        self._settings = settings
        self._tell_token = tell_token or self._keep_token
        self._clock = clock
        self._supervisor = Supervisor(clock)
        self._lock = FolderLock(settings.data_dir)
        self._rooms: Rooms | None = None
        self._http: HttpServer | None = None
        self.ocpp_port = 0
        self.ocpp_ports: dict[int, int] = {}
        self.http_port = 0
        self.dashboard_port: int | None = None

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
        for settings in self._settings.rounds:
            own = self._settings
            one = Round(settings, self._clock, own.data_dir, own.database_url, time_zone=own.time_zone)
            self._supervisor.start(f"round {one.name}", one.run)
        if self._settings.reports.at:
            own = self._settings
            daily = DailyReports(own.reports, self._clock, own.data_dir, own.database_url, own.time_zone)
            self._supervisor.start("reports", daily.run)
        await LocalDesk(rooms.guard.tokens, rooms.guard.audit, "csms serve").first(self._tell_token)
        self._http = self._http_server(rooms)
        self.http_port = await self._http.start()
        rooms.files.public_url = rooms.files.public_url or self.web_address
        self.ocpp_port = await rooms.gateway.start()
        self.ocpp_ports = {int(profile): port for profile, port in rooms.gateway.ports.items()}
        if self._settings.dashboard.enabled:
            self._supervisor.start("dashboard", self._dashboard().run)
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

    @property
    def web_address(self) -> str:
        """Where the API is, as a URL writes it: IPv6 in brackets."""
        host = self._settings.http_host
        scheme = "http" if self._settings.api.tls_certificate is None else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.http_port}"

    def _dashboard(self) -> Dashboard:
        """It asks this machine, unless the certificate is made out to another name: then the public one."""
        section, host = self._settings.api, self._settings.http_host
        pair = section.tls_certificate, section.tls_key
        tls = (pair[0], pair[1]) if pair[0] is not None and pair[1] is not None else None
        loopback = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
        url = (self._settings.public_url or self.web_address) if tls else f"http://{loopback}:{self.http_port}"

        def told(_: str, port: int) -> None:
            self.dashboard_port = port
            self._write_ready_file()

        own = self._settings
        return Dashboard(
            own.dashboard,
            url,
            host,
            tls=tls,
            data_dir=own.data_dir,
            database_url=own.database_url,
            drivers=own.drivers,
            time_zone=own.time_zone,
            told=told,
        )

    @property
    def dashboard_address(self) -> str:
        """Where the dashboard comes up; empty when it is switched off or takes any free port."""
        settings, tls = self._settings.dashboard, self._settings.api.tls_certificate is not None
        if not settings.enabled or not settings.port:
            return ""
        host = self._settings.http_host
        return f"http{'s' if tls else ''}://{f'[{host}]' if ':' in host else host}:{settings.port}"

    def _http_server(self, rooms: Rooms) -> HttpServer:
        section, host = self._settings.api, self._settings.http_host
        tls = None
        if section.tls_certificate is not None and section.tls_key is not None:
            roots, revoked = section.client_roots, section.client_revoked
            clients = ClientTrust(roots, revoked, optional=True) if roots else None
            tls = server_context([KeyPair(section.tls_certificate, section.tls_key)], clients)
        elif host not in LOOPBACK and not section.trusted_proxies:
            log.warning("api_without_tls", extra={"http_host": host})
        proxies = section.trusted_proxies
        return HttpServer(rooms.api, host, self._settings.http_port, tls=tls, trusted_proxies=proxies)

    def _keep_token(self, token: str) -> None:
        path = self._settings.data_dir / FIRST_TOKEN_FILE
        write_token(path, token)
        log.warning("first_token_written", extra={"file": str(path)})

    async def stop(self) -> None:
        """Take no more, tell the stations (close code 1001), finish what was accepted, close the store."""
        (self._settings.data_dir / READY_FILE).unlink(missing_ok=True)
        if self._rooms is not None:
            await self._rooms.gateway.stop("the central system is restarting")
            self._rooms.api_deps.changes.hang_up()
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
        if self.dashboard_port is not None:
            facts["dashboard_port"] = self.dashboard_port
        path = self._settings.data_dir / READY_FILE
        draft = path.with_suffix(".tmp")
        draft.write_text(json.dumps(facts), encoding="utf-8")
        draft.replace(path)


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
    tell_token: Callable[[str], None] | None = None,
) -> None:
    """Run until SIGINT or SIGTERM; `started` is told once everything listens, `tell_token` see `CentralSystem`."""
    set_up_logs(settings.log_level)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    raise_file_limit()
    system = CentralSystem(settings, clock, tell_token)
    await system.start()
    loop.add_signal_handler(signal.SIGHUP, system.renew_certificates)
    calm_garbage_collector()
    try:
        if started is not None:
            started(system)
        await stop.wait()
    finally:
        await system.stop()
