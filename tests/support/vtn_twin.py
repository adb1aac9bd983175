"""A small OpenADR 3 VTN over real TLS on the loopback, that pages, ends tokens, and can be told to misbehave."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.certificates import self_signed

Json = dict[str, Any]
CLIENT, SECRET = "csms", "open sesame"
STAMP = "2026-01-01T00:00:00Z"


@dataclass(frozen=True)
class Bad:
    """An answer as it is sent; `wait_s` before it, `raw` instead of JSON."""

    status: int = 200
    raw: bytes = b"{}"
    headers: tuple[tuple[str, str], ...] = ()
    wait_s: float = 0.0


@dataclass
class VtnTwin:
    """`async with VtnTwin(folder) as vtn: ... vtn.url`. `bad`: answers that come first, by path."""

    folder: Path
    release: str = "3.1"
    token_lasts_s: int = 3600
    programs: dict[str, Json] = field(default_factory=lambda: {"p1": {"programName": "caps"}})
    events: dict[str, Json] = field(default_factory=dict)
    vens: dict[str, Json] = field(default_factory=dict)
    reports: dict[str, Json] = field(default_factory=dict)
    bad: dict[str, deque[Bad]] = field(default_factory=dict)
    always: dict[str, Bad] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    queries: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    notifiers: Json = field(default_factory=lambda: {"WEBHOOK": True})
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> VtnTwin:
        self.ca, key = self_signed(self.folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, key)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"https://127.0.0.1:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def event(self, id_: str, modified: str = STAMP, *, program: str = "p1", **rest: Any) -> Json:
        """Put an event up, or another version of it."""
        self.events[id_] = {
            "id": id_,
            "objectType": "EVENT",
            "createdDateTime": STAMP,
            "modificationDateTime": modified,
            "programID": program,
            **rest,
        }
        return self.events[id_]

    def limit(self, id_: str, kw: float, modified: str = STAMP, **rest: Any) -> Json:
        """A limit at once, until it is taken back."""
        payloads = [{"type": "IMPORT_CAPACITY_LIMIT", "values": [kw]}]
        body = {"intervalPeriod": {"start": "0001-01-01", "duration": "P9999Y"}} | rest
        return self.event(id_, modified, intervals=[{"id": 0, "payloads": payloads}], **body)

    def states(self) -> list[Json]:
        """LIMIT_STATE by event and feeder, as they were reported."""
        return [
            {"event": report["eventID"], resource["resourceName"]: resource["intervals"][0]["payloads"][0]["values"][0]}
            for report in self.reports.values()
            if report["reportName"] == "limit-state"
            for resource in report["resources"]
        ]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                method, target, _ = lines[0].split(" ")
                headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                answer = self._answer(method, target, headers, body)
                await asyncio.sleep(answer.wait_s)
                given = [("Content-Length", str(len(answer.raw))), *answer.headers]
                said = "".join(f"{name}: {value}\r\n" for name, value in given)
                writer.write(f"HTTP/1.1 {answer.status} X\r\n{said}\r\n".encode() + answer.raw)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Bad:
        split = urlsplit(target)
        self.asked[f"{method} {split.path}"] += 1
        self.queries.append(target)
        if self.bad.get(split.path):
            return self.bad[split.path].popleft()
        if split.path in self.always:
            return self.always[split.path]
        if split.path == "/auth/token":
            return self._token(parse_qs(body.decode()))
        if split.path == "/auth/server":
            return _json({"tokenURL": f"{self.url}/auth/token"})
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return Bad(401)
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        return self._object(method, split.path.strip("/").split("/"), query, json.loads(body or b"null"))

    def _token(self, form: dict[str, list[str]]) -> Bad:
        if form != {"grant_type": ["client_credentials"], "client_id": [CLIENT], "client_secret": [SECRET]}:
            return Bad(401, b'{"error": "invalid_client"}')
        token = f"token-{self.asked['POST /auth/token']}"
        self.tokens.add(token)
        return _json({"access_token": token, "token_type": "Bearer", "expires_in": self.token_lasts_s})

    def _object(self, method: str, path: list[str], query: dict[str, str], body: Any) -> Bad:
        if path[0] == "notifiers":
            topics = {name: f"events/{name.lower()}" for name in ("CREATE", "UPDATE", "DELETE")}
            return _json(self.notifiers if path == ["notifiers"] else {"topics": topics})
        table: dict[str, Json] = getattr(self, path[0])
        if method == "GET":
            return _json(self._page(table, query))
        id_ = path[1] if len(path) > 1 else f"{path[0]}-{len(table)}"
        if method == "PUT" and id_ not in table:
            return Bad(404)
        table[id_] = {**body, "id": id_}
        return _json(table[id_], 201 if method == "POST" else 200)

    @staticmethod
    def _page(table: dict[str, Json], query: dict[str, str]) -> list[Json]:
        fits: Callable[[Json], bool] = lambda one: all(  # noqa: E731
            one.get(name) == query[name] for name in ("programID", "venName") if name in query
        )
        listed = [one for id_, one in ((id_, {"id": id_, **one}) for id_, one in table.items()) if fits(one)]
        skip = int(query.get("skip", 0))
        return listed[skip : skip + int(query.get("limit", 50))]


def _json(value: Any, status: int = 200) -> Bad:
    return Bad(status, json.dumps(value).encode(), (("Content-Type", "application/json"),))
