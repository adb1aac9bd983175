"""The real `csms` command in its own process against the real application on a free port."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from csms.api.app import create_api
from csms.api.ports import ApiDeps
from csms.app.http import HttpServer
from csms.charging.feeder import Feeder, FeederTree
from csms.grid.http import router as limit_router
from csms.grid.service import LimitService
from tests.support import forks
from tests.support.access import token_for
from tests.support.limits import limits_over
from tests.support.operations import Operations, TwinFeeders, operations, scene

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


async def run(*arguments: str, cwd: Path, typed: str = "", **environ: str) -> Done:
    """A command to its end."""
    plain = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    plain |= {"LANG": "C.UTF-8", "TZ": "UTC", "PYTHONWARNINGS": "error", "TERM": "dumb"} | environ
    done = await asyncio.to_thread(forks.run, arguments, plain, cwd, typed)
    return Done(done.returncode, done.stdout, done.stderr)


@dataclass
class Served:
    """A server with the usual scene; `csms(...)` runs a command against it."""

    at: Operations
    limits: LimitService
    url: str
    cwd: Path
    token: str

    async def csms(self, *arguments: str, typed: str = "", **environ: str) -> Done:
        known = {"CSMS_URL": self.url, "CSMS_TOKEN": self.token}
        return await run(*arguments, cwd=self.cwd, typed=typed, **(known | environ))


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with operations(tmp_path) as at:
        await scene(at)
        tree = FeederTree([Feeder("site", 200_000, "", (60_000,), 5000), Feeder("north", 80_000, "site")])
        limits = limits_over(at.clock, at.store, tree, at.service.bus, audit=at.guard.audit)
        routers = [limit_router(limits, at.store.reader)]
        deps = ApiDeps(
            at.clock, at.service, at.store.reader, TwinFeeders(), at.province, routers=lambda: routers, guard=at.guard
        )
        token = await token_for(at.guard, name="console")
        server = HttpServer(create_api(deps), "127.0.0.1", 0)
        port = await server.start()
        yield Served(at, limits, f"http://127.0.0.1:{port}", tmp_path, token)
        await server.stop()
