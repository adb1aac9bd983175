"""The real `csms` command in its own process against the real application on a free port."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, Request

from csms.api.app import create_api
from csms.api.ports import ApiDeps
from csms.api.problems import Refused
from csms.app.http import HttpServer
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


async def run(*arguments: str, cwd: Path, **environ: str) -> Done:
    plain = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    plain |= {"LANG": "C.UTF-8", "TZ": "UTC", "PYTHONWARNINGS": "error", "TERM": "dumb"} | environ
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "cli.py"), *arguments, env=plain, cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    return Done(process.returncode or 0, out.decode(), err.decode())


@dataclass
class Limits:
    """A grid interface that keeps what it is told, and refuses caps under 5 kW as a contract would."""

    told: dict[tuple[str, str], Any] = field(default_factory=dict)

    def router(self) -> APIRouter:
        routes = APIRouter(prefix="/api/v1/feeders")

        @routes.put("/{feeder_id}/limits/{limit_id}", status_code=202, summary="Set")
        async def put(feeder_id: str, limit_id: str, request: Request) -> dict[str, Any]:
            document = await request.json()
            if document["value_w"] < 5000:
                raise Refused(422, "below_floor", "the cap is under the contractual minimum")
            self.told[feeder_id, limit_id] = document
            return {"id": limit_id, "version": document["version"], "accepted": True}

        @routes.get("/{feeder_id}/limits", summary="List")
        async def listed(feeder_id: str) -> list[dict[str, Any]]:
            return [_row(*key, document) for key, document in self.told.items() if key[0] == feeder_id]

        @routes.delete("/{feeder_id}/limits/{limit_id}", status_code=202, summary="Cancel")
        async def delete(feeder_id: str, limit_id: str) -> dict[str, Any]:
            del self.told[feeder_id, limit_id]
            return {"id": limit_id, "cancelled": True}

        return routes


def _row(feeder_id: str, limit_id: str, document: dict[str, Any]) -> dict[str, Any]:
    """As the interface of the grid room tells it: the columns of table `grid_limit`."""
    names = {"feeder_id": feeder_id, "limit_id": limit_id, "source": "http", "cancelled": False}
    window = {name: document[name] for name in ("version", "valid_from", "valid_to")}
    return names | window | {"power_w": document["value_w"]}


@dataclass
class Served:
    """A server with the usual scene; `csms(...)` runs a command against it."""

    at: Operations
    limits: Limits
    url: str
    cwd: Path

    async def csms(self, *arguments: str, **environ: str) -> Done:
        return await run(*arguments, cwd=self.cwd, **({"CSMS_URL": self.url} | environ))


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with operations(tmp_path) as at:
        await scene(at)
        limits = Limits()
        routers = [limits.router()]
        deps = ApiDeps(at.clock, at.service, at.store.reader, TwinFeeders(), at.province, routers=routers)
        server = HttpServer(create_api(deps), "127.0.0.1", 0)
        port = await server.start()
        yield Served(at, limits, f"http://127.0.0.1:{port}", tmp_path)
        await server.stop()
