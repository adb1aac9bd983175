"""The API over HTTP, as the commands use it."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self
from urllib.parse import quote

import httpx

from csms.security.credentials import api_token

DEFAULT_URL = "http://127.0.0.1:8080"
URL_VARIABLE = "CSMS_URL"
CA_VARIABLE = "CSMS_CA_FILE"
"""Certificates of authorities that the server's one is checked against, besides those of the system."""

PREFIX = "/api/v1"
TIMEOUT = httpx.Timeout(75.0, connect=5.0)
PATIENCE = httpx.Timeout(135.0, connect=5.0)
"""For commands: a station may take 60 s to answer, and be busy with another command before; the server answers in
milliseconds otherwise."""
PIECE_BYTES = 256 * 1024


STREAM = httpx.Timeout(45.0, connect=5.0)
"""A stream says something every 15 s at the least."""


def path_segment(words: str) -> str:
    """One segment of a path, whatever was typed."""
    return quote(words, safe="")


class Unreachable(Exception):
    """No server answers at the address; `late`: it is there, but the answer did not come in time."""

    def __init__(self, url: str, reason: str, *, late: bool = False) -> None:
        super().__init__(f"{url}: {reason}")
        self.url, self.reason, self.late = url, reason, late


class Refused(Exception):
    """The server answered with a problem document (RFC 9457)."""

    def __init__(self, status: int, document: dict[str, Any]) -> None:
        self.status, self.document = status, document
        self.code = str(document.get("code", f"http_{status}"))
        super().__init__(f"{document.get('detail') or document.get('title') or status} ({self.code})")


class ApiClient:
    """One connection to the server; raises Unreachable and Refused.

    The token comes from the environment or a file. Raises TokenFileUnusable.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        token = api_token(os.environ)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(
            trust_env=False, timeout=TIMEOUT, follow_redirects=False, headers=headers, verify=_trust(url)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, tb: TracebackType | None) -> None:
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        """Read below `/api/v1`; parameters that are None are left out."""
        return self.request("GET", PREFIX + path, params=_given(params))

    def text(self, path: str) -> str:
        """Read what is no JSON below `/api/v1`."""
        try:
            answer = self._http.get(self._url + PREFIX + path)
        except (httpx.TransportError, httpx.InvalidURL) as fault:
            raise Unreachable(self._url, str(fault) or type(fault).__name__) from fault
        if answer.status_code >= 400:
            raise Refused(answer.status_code, _document(answer))
        return answer.text

    def events(self, path: str, **params: Any) -> Iterator[tuple[str, Any]]:
        """Server-sent events below `/api/v1`, name and decoded data, until the server or the caller ends it."""
        name = ""
        try:
            with self._http.stream("GET", self._url + PREFIX + path, params=params, timeout=STREAM) as answer:
                if answer.status_code >= 400:
                    answer.read()
                    raise Refused(answer.status_code, _document(answer))
                for line in answer.iter_lines():
                    field, _, rest = line.partition(":")
                    if field == "event":
                        name = rest.strip()
                    elif field == "data":
                        yield name, json.loads(rest)
        except (httpx.TransportError, httpx.InvalidURL, ValueError) as fault:
            raise Unreachable(self._url, str(fault) or type(fault).__name__) from fault

    def put(self, path: str, body: Any) -> Any:
        """Write below `/api/v1`."""
        return self.request("PUT", PREFIX + path, json=body)

    def post(self, path: str, body: Any) -> Any:
        """Ask below `/api/v1`."""
        return self.request("POST", PREFIX + path, json=body, timeout=PATIENCE)

    def delete(self, path: str, **params: Any) -> Any:
        """Cancel below `/api/v1`; parameters that are None are left out."""
        return self.request("DELETE", PREFIX + path, params=_given(params))

    def send_file(self, path: str, content: BinaryIO, size_bytes: int) -> Any:
        """Write a file below `/api/v1`, piece by piece."""
        headers = {"Content-Length": str(size_bytes), "Content-Type": "application/octet-stream"}
        return self.request("PUT", PREFIX + path, content=_pieces(content), headers=headers)

    def receive_file(self, path: str, place: Path) -> None:
        """Read a file below `/api/v1` into `place`, which is there only when it is whole."""
        partial = place.with_name(place.name + ".partial")
        try:
            with self._http.stream("GET", self._url + PREFIX + path) as answer:
                if answer.status_code >= 400:
                    answer.read()
                    raise Refused(answer.status_code, _document(answer))
                with partial.open("wb") as file:
                    for piece in answer.iter_bytes():
                        file.write(piece)
            partial.replace(place)
        except (httpx.TransportError, httpx.InvalidURL) as fault:
            raise Unreachable(self._url, str(fault) or type(fault).__name__) from fault
        finally:
            partial.unlink(missing_ok=True)

    def clock_time(self) -> str:
        """The server's clock, which may run faster than life."""
        return str(self.request("GET", "/healthz")["clock_time"])

    def request(self, method: str, path: str, **options: Any) -> Any:
        """Any path; the decoded body, None for an empty one."""
        try:
            answer = self._http.request(method, self._url + path, **options)
        except httpx.ReadTimeout as fault:
            raise Unreachable(self._url, "the answer takes too long", late=True) from fault
        except (httpx.TransportError, httpx.InvalidURL) as fault:
            raise Unreachable(self._url, str(fault) or type(fault).__name__) from fault
        if answer.status_code >= 400:
            raise Refused(answer.status_code, _document(answer))
        return _decoded(answer, self._url) if answer.content else None


def _trust(url: str) -> ssl.SSLContext | bool:
    """Whose certificates are trusted; plain http needs none, and reading them takes a while."""
    if not url.startswith("https://"):
        return False
    context = ssl.create_default_context()
    if file := os.environ.get(CA_VARIABLE, ""):
        try:
            context.load_verify_locations(file)
        except (OSError, ssl.SSLError) as fault:
            raise Unreachable(url, f"{CA_VARIABLE}: {fault}") from None
    return context


def _pieces(content: BinaryIO) -> Iterator[bytes]:
    while piece := content.read(PIECE_BYTES):
        yield piece


def _given(params: dict[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in params.items() if value is not None}


def _plain(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _decoded(answer: httpx.Response, url: str) -> Any:
    try:
        return answer.json()
    except ValueError as fault:
        raise Unreachable(url, "what answers there is not a csms server") from fault


def _document(answer: httpx.Response) -> dict[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        document = None
    return document if isinstance(document, dict) else {"detail": f"HTTP {answer.status_code}", "code": "not_csms"}
