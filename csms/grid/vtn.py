"""Talks to an OpenADR 3 VTN over HTTPS: token, pages, bounded answers, one deadline for each exchange."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from csms.model.errors import CsmsError
from csms.wire.strict_json import Bounds, JsonRefused, read

CONNECT_S, READ_S, WHOLE_S = 5.0, 10.0, 20.0
"""Of the wall: the network does not run faster when the clock does."""
ANSWER_BYTES_MAX = 2 * 1024 * 1024
BOUNDS = Bounds(ANSWER_BYTES_MAX, depth_max=12, integer_digits_max=18, nul=False)
PAGE = 50
"""The most that a VTN gives at once (limit)."""
PAGES_MAX = 40
TOKEN_SPARE_S = 60.0
TOKEN_LASTS_S = 3600.0
"""Where the VTN does not say."""
WAIT_MAX_S = 300.0
"""Retry-After beyond this is not followed: a limit could come meanwhile."""


class VtnUnavailable(CsmsError):
    """The VTN does not answer as agreed; the text says how. `status`: of HTTP, 0 for none."""

    code = "vtn_unavailable"

    def __init__(self, text: str, status: int = 0, wait_s: float = 0.0) -> None:
        super().__init__(text)
        self.status, self.wait_s = status, wait_s


@dataclass(frozen=True, slots=True)
class VtnAddress:
    """Where a VTN is and who we are there. `ca`: whom its certificate comes from, else who the system trusts.

    `token_url` empty: where the VTN says (3.1), else its own `/auth/token`.
    """

    url: str
    client_id: str
    client_secret: str
    token_url: str = ""
    scope: str = ""
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


class Vtn:
    """One VTN. Everything raises VtnUnavailable, nothing else."""

    def __init__(self, address: VtnAddress) -> None:
        """Raises OSError for files of certificates that cannot be read (ssl.SSLError among them)."""
        self._address = address
        self._base = address.url.rstrip("/")
        self.tls = _context(address)
        self._http = httpx.AsyncClient(
            verify=self.tls,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(READ_S, connect=CONNECT_S),
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )
        self._token, self._token_until_s = "", 0.0
        self._token_url = address.token_url

    async def close(self) -> None:
        """End the connections."""
        await self._http.aclose()

    @property
    def token(self) -> str:
        """The token as it is now, for a broker of the same VTN."""
        return self._token

    @property
    def client_id(self) -> str:
        """As whom we come."""
        return self._address.client_id

    async def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """What stands at a path."""
        return await self._ask("GET", path, params=params)

    async def send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """POST or PUT an object."""
        return await self._ask(method, path, json=body)

    async def every(self, path: str, params: Mapping[str, Any] | None = None) -> list[Any]:
        """All objects of a list, page by page. What moves while we turn pages may be missing: ask for it by its id."""
        found: list[Any] = []
        seen: set[str] = set()
        for page in range(PAGES_MAX):
            asked = {**(params or {}), "skip": page * PAGE, "limit": PAGE}
            listed = await self.get(path, asked)
            if not isinstance(listed, list):
                raise VtnUnavailable(f"{path}: not a list")
            new = [one for one in listed if _id(one) not in seen]
            seen |= {_id(one) for one in new if _id(one)}
            found += new
            if len(listed) < PAGE or not new:
                return found
        raise VtnUnavailable(f"{path}: more than {PAGE * PAGES_MAX} objects")

    async def _ask(self, method: str, path: str, **what: Any) -> Any:
        """With a token; a refused one is exchanged once."""
        for fresh in (False, True):
            headers = {"Authorization": f"Bearer {await self._authorize(fresh)}"}
            try:
                return await self._exchange(method, self._base + path, headers=headers, **what)
            except VtnUnavailable as fault:
                if fault.status != 401 or fresh:
                    raise
        raise AssertionError("unreachable")

    async def _authorize(self, fresh: bool) -> str:
        now_s = asyncio.get_running_loop().time()
        if fresh or not self._token or now_s >= self._token_until_s:
            self._token = ""
            said = await self._fetch_token()
            lasts_s = said.get("expires_in")
            if not isinstance(lasts_s, int | float) or isinstance(lasts_s, bool):
                lasts_s = TOKEN_LASTS_S
            self._token_until_s = now_s + lasts_s - TOKEN_SPARE_S
            self._token = said["access_token"]
        return self._token

    async def _fetch_token(self) -> dict[str, Any]:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._address.client_id,
            "client_secret": self._address.client_secret,
        }
        form |= {"scope": self._address.scope} if self._address.scope else {}
        said = await self._exchange("POST", await self._where_tokens_are(), data=form)
        token = said.get("access_token") if isinstance(said, dict) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not 0 < len(token) <= 8192:
            raise VtnUnavailable("no token in the answer to our credentials")
        return dict(said)

    async def _where_tokens_are(self) -> str:
        if not self._token_url:
            try:
                said = await self._exchange("GET", self._base + "/auth/server")
            except VtnUnavailable as fault:
                if fault.status not in (401, 403, 404, 405, 501):
                    raise
                said = {}
            named = said.get("tokenURL") if isinstance(said, dict) else None
            self._token_url = named if isinstance(named, str) else self._base + "/auth/token"
        if not self._token_url.startswith("https://"):
            self._token_url, told = "", self._token_url
            raise VtnUnavailable(f"no secret goes to {told[:80]}: that is not https")
        return self._token_url

    async def _exchange(self, method: str, url: str, **what: Any) -> Any:
        try:
            async with asyncio.timeout(WHOLE_S), self._http.stream(method, url, **what) as answer:
                if not answer.is_success:
                    raise _refused(answer, method, url)
                return _read(await _body(answer))
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError, OSError) as fault:
            raise VtnUnavailable(f"{method} {url}: {type(fault).__name__} {fault}"[:300]) from None
        except JsonRefused as fault:
            raise VtnUnavailable(f"{method} {url}: {fault}") from None


def _context(address: VtnAddress) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=address.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if address.certificate is not None:
        context.load_cert_chain(address.certificate, address.key)
    return context


async def _body(answer: httpx.Response) -> bytes:
    """Bounded also where it unpacks to more than came."""
    raw = bytearray()
    async for part in answer.aiter_bytes():
        raw += part
        if len(raw) > ANSWER_BYTES_MAX:
            raise JsonRefused(f"more than {ANSWER_BYTES_MAX} bytes")
    return bytes(raw)


def _read(raw: bytes) -> Any:
    return read(raw, BOUNDS) if raw.strip() else None


def _refused(answer: httpx.Response, method: str, url: str) -> VtnUnavailable:
    """A redirect is refused, too: what we say goes only where the settings send it."""
    wait_s = _wait_s(answer.headers.get("Retry-After", ""))
    return VtnUnavailable(f"{method} {url}: HTTP {answer.status_code}", answer.status_code, wait_s)


def _wait_s(retry_after: str) -> float:
    """Only seconds are followed, not dates: they would compare two clocks."""
    plain = retry_after.strip()
    return min(float(plain), WAIT_MAX_S) if plain.isascii() and plain.isdigit() else 0.0


def _id(one: Any) -> str:
    found = one.get("id") if isinstance(one, dict) else None
    return found if isinstance(found, str) else ""
