"""A real server and a platform that call each other over HTTP, and a person at the commands."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import httpx
import pytest

from csms.model.clock import system_clock
from csms.province import strict_json
from csms.province.crypto import AES_MD5, Secrets
from csms.province.envelope import Codec, SeqAllocator, open_response, seal_request
from csms.province.keys import FIELDS
from csms.province.profile import Kind, load_profile
from tests.support.running import SETTINGS, Server, csms
from tests.unit.province.test_province_end_to_end import KEY, OPERATOR, Platform

PLATFORM = "987654321"
PROFILE = load_profile("tcec102-2016")
PARTNER = """
[site]
id = "1"
name = "日照站"
address = "示范路1号"
area_code = "371102"
phone = "0633-1"

[[partners]]
id = "prov"
base_url = "http://127.0.0.1:{port}"
operator_id = "{operator}"
platform_id = "{platform}"
operator_secret = "{key}"
data_secret = "{key}"
data_secret_iv = "{key}"
sig_secret = "{key}"
may_charge = true
"""


class Caller:
    """The platform's side of calls to the operator."""

    def __init__(self, server: Server, secrets: Secrets) -> None:
        self._url = server.api_url
        self._codec, self._stamps, self._token = Codec(AES_MD5, secrets), SeqAllocator(system_clock()), ""
        self._secrets = secrets

    async def ask(self, kind: Kind, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        raw = seal_request(self._codec, PLATFORM, strict_json.write(body), self._stamps.next()).to_wire()
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        async with httpx.AsyncClient(base_url=self._url, trust_env=False) as http:
            answer = await http.post(PROFILE.path(kind), content=raw, headers=headers)
        assert answer.status_code == 200, answer.text
        response, told = open_response(self._codec, answer.content, PLATFORM)
        return response.ret, told

    async def log_in(self) -> None:
        secret = {"OperatorID": PLATFORM, "OperatorSecret": self._secrets.operator_secret}
        self._token = (await self.ask(Kind.QUERY_TOKEN, secret))[1]["AccessToken"]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    platform = Platform(system_clock(), tmp_path / "platform", PROFILE.id)  # type: ignore[arg-type]
    async with platform.up():
        partner = PARTNER.format(port=platform.port, operator=OPERATOR, platform=PLATFORM, key=KEY)
        # Tables of one name stand after the values of the head.
        made = Server(tmp_path / "operator", stations=("CP-1",), settings=SETTINGS + partner)
        await asyncio.to_thread(made.start)
        yield made
        await asyncio.to_thread(made.stop)


async def command(server: Server, *words: str) -> CompletedProcess[str]:
    return await asyncio.to_thread(csms, "province", *words, "--url", server.api_url)


async def rotated(server: Server, file: Path) -> Secrets:
    done = await command(server, "keys", "rotate", "prov", "inbound", "--save", str(file))
    assert done.returncode == 0, done.stderr
    texts = tomllib.loads(await asyncio.to_thread(file.read_text))
    assert not any(texts[name] in done.stdout for name in FIELDS)
    return Secrets.of(*(texts[name] for name in FIELDS))


async def test_both_sides_call_and_secrets_change_without_a_gap(server: Server, tmp_path: Path) -> None:
    first = Caller(server, old := await rotated(server, tmp_path / "first.toml"))
    await first.log_in()
    ret, told = await first.ask(Kind.QUERY_STATIONS, {})
    assert (ret, told["StationInfos"][0]["StationName"]) == (0, "日照站")
    second = Caller(server, new := await rotated(server, tmp_path / "second.toml"))
    assert (await first.ask(Kind.QUERY_STATIONS, {}))[0] == 0
    await second.log_in()
    assert (await second.ask(Kind.QUERY_STATIONS, {}))[0] == 0
    shown = await command(server, "keys", "list", "--json")
    assert shown.returncode == 0
    for secrets in (old, new):
        texts = [secrets.operator_secret, secrets.data_secret.decode(), secrets.sig_secret.decode()]
        audit = server.api.get("/api/v1/audit").text
        files = b"".join(path.read_bytes() for path in server.folder.glob("*") if path.is_file())
        assert not any(text in shown.stdout + audit or text.encode() in files for text in texts)


async def test_a_person_looks_at_the_link(server: Server) -> None:
    tried = await command(server, "test", "prov")
    assert (tried.returncode, "up" in tried.stdout) == (0, True), tried.stdout + tried.stderr
    names = await command(server, "mapping", "check", "prov")
    assert names.returncode == 0, names.stdout
    assert OPERATOR + "0000000001" in names.stdout
    for words in (("pending", "prov"), ("pending", "prov", "--dead"), ("replay", "prov"), ("status",)):
        done = await command(server, *words)
        assert done.returncode == 0, done.stdout + done.stderr
    unknown = await command(server, "test", "elsewhere")
    assert (unknown.returncode, "unknown_partner" in unknown.stderr) == (1, True)


async def test_the_platform_hears_of_the_site(server: Server) -> None:
    async with asyncio.timeout(100):  # a first call that fails on a slow machine is made again after a minute
        while True:
            status = (await asyncio.to_thread(server.api.get, "/api/v1/province")).json()["partners"][0]
            if status["acked"] >= 1:
                break
            await asyncio.sleep(0.1)
    assert (status["dead"], status["last_error"]) == (0, "")
