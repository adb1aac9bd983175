"""Secrets of operators: sealed at rest, found by a running platform, changed without a gap; too many calls put off."""

from __future__ import annotations

import json
import stat
import tomllib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from csms.model.clock import ManualClock
from csms.province import strict_json
from csms.province.crypto import AES_MD5, Secrets
from csms.province.envelope import Codec, SeqAllocator, open_response, seal_request
from csms.province.keys import FIELDS, Direction, new_secrets, texts_of, toml_of
from csms.province.profile import Kind, load_profile
from csms.security.sealing import SealBroken
from csms.texts import catalogue
from monitor.intake.console import build
from monitor.intake.desk import IntakeDesk, Reply
from monitor.intake.figures import Figures
from monitor.intake.keys import KEY_FILE, OperatorKeys, UnknownOperator
from monitor.intake.settings import PlatformSettings, settings_of
from monitor.store.intake import IntakeStore, open_intake

OPERATOR, OTHER, PROFILE = "123456789", "987654321", "tcec102-2016"
NOW = datetime(2026, 1, 1, 8, 0, tzinfo=UTC)
FIRST, SECOND = new_secrets(), new_secrets()
STATUS = {"ConnectorStatusInfo": {"ConnectorID": "37110000000000000000000101", "Status": 3}}


def settings(**more: Any) -> PlatformSettings:
    rows = [{"operator_id": name, "profile": PROFILE, **more} for name in (OPERATOR, OTHER)]
    return settings_of(rows)


class Platform:
    """A platform with two operators whose secrets are in the database only."""

    def __init__(self, folder: Path, given: PlatformSettings) -> None:
        self.folder, self.settings, self.clock = folder, given, ManualClock(NOW)
        self.figures = Figures(self.clock)
        self.stamps = SeqAllocator(self.clock)
        self.tokens: dict[str, str] = {}
        self.store: IntakeStore
        self.desk: IntakeDesk

    async def open(self) -> Platform:
        self.store = await open_intake(self.folder)
        self.desk = IntakeDesk(self.settings, self.clock, self.store, await self.keys(load=False), self.figures)
        await self.desk.start()
        return self

    async def keys(self, *, load: bool = True) -> OperatorKeys:
        """As another process has them."""
        made = OperatorKeys(self.settings, self.clock, self.store.keys, self.folder)
        if load:
            await made.load()
        return made

    async def add(self, secrets: Secrets, operator: str = OPERATOR) -> None:
        await (await self.keys()).add(operator, Direction.INBOUND, secrets)

    async def post(self, kind: Kind, body: Any, secrets: Secrets, operator: str = OPERATOR) -> Reply:
        raw = seal_request(Codec(AES_MD5, secrets), operator, strict_json.write(body), self.stamps.next()).to_wire()
        wire = load_profile(PROFILE).interfaces[kind].wire
        return await self.desk.receive({PROFILE: kind}, wire, raw, f"Bearer {self.tokens.get(operator, '')}")

    async def call(self, kind: Kind, body: Any, secrets: Secrets, operator: str = OPERATOR) -> tuple[int, Any]:
        reply = await self.post(kind, body, secrets, operator)
        assert reply.http_status == 200
        response, answer = open_response(Codec(AES_MD5, secrets), reply.body, operator)
        return response.ret, answer

    async def log_in(self, secrets: Secrets, operator: str = OPERATOR) -> None:
        body = {"OperatorID": operator, "OperatorSecret": secrets.operator_secret}
        _, answer = await self.call(Kind.QUERY_TOKEN, body, secrets, operator)
        self.tokens[operator] = answer["AccessToken"]

    async def status(self, secrets: Secrets, operator: str = OPERATOR) -> int:
        return (await self.call(Kind.STATION_STATUS, STATUS, secrets, operator))[0]


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    made = await Platform(tmp_path, settings()).open()
    yield made
    await made.store.close()


async def test_without_secrets_nobody_comes_in_and_with_them_without_a_restart(platform: Platform) -> None:
    reply = await platform.post(Kind.STATION_STATUS, STATUS, FIRST)
    assert (reply.http_status, reply.body) == (401, b"")
    await platform.add(FIRST)
    await platform.log_in(FIRST)
    assert await platform.status(FIRST) == 0
    assert (await platform.post(Kind.STATION_STATUS, STATUS, FIRST, OTHER)).http_status == 401


async def test_secrets_change_without_a_gap_and_the_older_ones_end(platform: Platform) -> None:
    await platform.add(FIRST)
    await platform.log_in(FIRST)
    await platform.add(SECOND)
    assert await platform.status(FIRST) == 0, "the operator has not heard of the new ones"
    assert await platform.status(SECOND) == 0, "found though nobody told the running platform"
    assert await platform.status(FIRST) == 0, "what is under way still arrives"
    platform.clock.advance(301)
    reply = await platform.post(Kind.STATION_STATUS, STATUS, FIRST)
    assert open_response(Codec(AES_MD5, SECOND), reply.body, OPERATOR)[0].ret == 4001
    assert await platform.status(SECOND) == 0
    kept = {(r.number, r.used_at is not None, r.retired_at is not None) for r in (await platform.keys()).records()}
    assert kept == {(1, True, True), (2, True, False)}


async def test_no_secret_is_readable_on_the_disk(platform: Platform) -> None:
    await platform.add(FIRST)
    await platform.log_in(FIRST)
    await platform.store.close()
    for path in platform.folder.iterdir():
        content = path.read_bytes()
        assert not any(text.encode() in content for text in texts_of(FIRST).values()), path
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
    (platform.folder / KEY_FILE).write_bytes(bytes(32))
    with pytest.raises(SealBroken):
        await platform.open()


async def test_secrets_of_the_file_are_the_oldest(tmp_path: Path) -> None:
    made = await Platform(tmp_path, settings(**texts_of(FIRST))).open()
    keys = await made.keys()
    assert keys[OPERATOR].secrets == FIRST
    assert keys.ring(OPERATOR, Direction.OUTBOUND).to_call() == [FIRST], "for our calls, too"
    await made.add(SECOND)
    assert await made.status(SECOND) == 4002
    keys = await made.keys()
    assert [codec.secrets for codec in keys[OPERATOR].each()] == [SECOND, FIRST]
    other = settings_of([{"operator_id": OPERATOR, **texts_of(FIRST), "outbound": texts_of(SECOND)}])
    assert (other.operators[OPERATOR].inbound, other.operators[OPERATOR].outbound) == (FIRST, SECOND)
    with pytest.raises(UnknownOperator):
        await keys.add("000000000", Direction.INBOUND, FIRST)
    await made.store.close()


async def test_too_many_calls_are_put_off_counted_and_logged_by_operator(tmp_path: Path) -> None:
    made = await Platform(tmp_path, settings(calls_per_s=10, calls_burst=20)).open()
    for name, secrets in ((OPERATOR, FIRST), (OTHER, SECOND)):
        await made.add(secrets, name)
        await made.log_in(secrets, name)
    rets = [await made.status(FIRST) for _ in range(50)]
    assert rets == [0] * 19 + [-1] * 31
    assert await made.status(SECOND, OTHER) == 0, "the other operator does not feel it"
    made.clock.advance(1)
    assert [await made.status(FIRST) for _ in range(11)] == [0] * 10 + [-1]
    assert made.figures.refusals[OPERATOR, "too_many_calls"] == 32
    await made.store.flush()
    rows = await made.store.quality.calls(NOW, NOW + timedelta(minutes=1), OPERATOR)
    assert [row.reason for row in rows if row.ret == -1] == ["too many calls"] * 32
    await made.store.close()


async def test_who_has_not_proved_himself_fills_no_log_and_uses_nobody_s_room(platform: Platform) -> None:
    await platform.add(FIRST)
    await platform.log_in(FIRST)
    for _ in range(300):
        await platform.post(Kind.STATION_STATUS, STATUS, SECOND)
    assert platform.figures.refusals[OPERATOR, "signature"] == 300
    assert platform.figures.unlogged == 200
    rows = await platform.store.quality.calls(NOW, NOW + timedelta(minutes=1))
    assert sum(row.ret == 4001 for row in rows) == 100
    assert await platform.status(FIRST) == 0


# Commands

PARTNERS = f'[[partners]]\noperator_id = "{OPERATOR}"\n'


@pytest.fixture
def places(tmp_path: Path) -> list[str]:
    (tmp_path / "partners.toml").write_text(PARTNERS)
    return ["--data-dir", str(tmp_path / "data"), "--partner-file", str(tmp_path / "partners.toml")]


def run(places: list[str], *words: str, lang: str = "en", typed: str = "") -> Any:
    return CliRunner().invoke(build(catalogue(lang)), ["keys", *words, *places], input=typed)


def test_the_commands_rotate_set_and_list(places: list[str], tmp_path: Path) -> None:
    assert "No operator has secrets" in run(places, "list").output
    file = tmp_path / "new.toml"
    made = run(places, "rotate", OPERATOR, "inbound", "--save", str(file))
    assert (made.exit_code, "Set 1" in made.output) == (0, True), made.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    texts = tomllib.loads(file.read_text())
    assert not any(texts[name] in made.output for name in FIELDS)
    shown = run(places, "rotate", OPERATOR, "inbound", "--json")
    assert set(json.loads(shown.stdout)["secrets"]) == set(FIELDS)
    assert tomllib.loads(run(places, "rotate", OPERATOR, "inbound").stdout.partition("\n")[2]).keys() == set(FIELDS)
    given = run(places, "set", OPERATOR, "outbound", "--file", str(file), "--json")
    assert {"operator_id": OPERATOR, "direction": "outbound", "number": 1}.items() <= json.loads(given.stdout).items()
    typed = "".join(f"{text}\n" for text in texts_of(SECOND).values())
    assert run(places, "set", OPERATOR, "outbound", typed=typed).exit_code == 0
    listed = json.loads(run(places, "list", "--json").stdout)
    assert [(row["direction"], row["number"]) for row in listed] == [
        ("inbound", 3),
        ("inbound", 2),
        ("inbound", 1),
        ("outbound", 2),
        ("outbound", 1),
    ]
    assert not any("secret" in name for row in listed for name in row)
    assert "第 3 组" in run(places, "list", lang="zh").output
    ended = run(places, "rotate", OPERATOR, "inbound", "--at-once")
    assert ended.output.startswith("Set 4 with fingerprint")
    assert "no older one any more" in ended.output
    retired = [row["retired_at"] for row in json.loads(run(places, "list", "--json").stdout)[:4]]
    assert [bool(moment) for moment in retired] == [False, True, True, True]


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        (("rotate", "000000000", "inbound"), 1, "unknown_operator"),
        (("set", OPERATOR, "inbound", "--file", "nothing.toml"), 2, "secrets_unusable"),
        (("set", OPERATOR, "inbound", "--file", "{short}"), 2, "secrets_unusable"),
        (("set", OPERATOR, "inbound", "--file", "{wrong}"), 2, "secrets_unusable"),
        (("rotate", OPERATOR, "inbound", "--save", "{nowhere}"), 1, "failed"),
    ],
)
def test_what_cannot_be_done_is_named(
    places: list[str], tmp_path: Path, words: tuple[str, ...], exit_code: int, code: str
) -> None:
    (tmp_path / "short.toml").write_text(toml_of({**texts_of(FIRST), "data_secret": "short"}))
    (tmp_path / "wrong.toml").write_text('operator_secret = "x"')
    files = {"short": tmp_path / "short.toml", "wrong": tmp_path / "wrong.toml", "nowhere": tmp_path / "no" / "where"}
    result = run(places, *(word.format(**files) for word in words), "--json")
    assert (result.exit_code, json.loads(result.stderr)["code"]) == (exit_code, code), result.output
    assert json.loads(run(places, "list", "--json").stdout) == []


def test_wrong_usage(places: list[str], tmp_path: Path) -> None:
    assert run(places, "rotate", OPERATOR, "sideways").exit_code == 2
    (tmp_path / "partners.toml").write_text("[[partners]]")
    result = run(places, "list", "--json")
    assert (result.exit_code, json.loads(result.stderr)["code"]) == (2, "partner_file_invalid")
