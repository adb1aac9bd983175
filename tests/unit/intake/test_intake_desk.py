"""The receiving side call by call: the order of checks, defects, idempotency, tokens, what outlives a restart."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from csms.model.clock import ManualClock
from csms.province import strict_json
from csms.province.crypto import AES_MD5, Secrets
from csms.province.envelope import Codec, SeqAllocator, open_response, seal_request
from csms.province.profile import Kind
from csms.security.buckets import Buckets
from monitor.intake import desk
from monitor.intake.desk import IntakeDesk, Reply
from monitor.intake.figures import Figures
from monitor.intake.keys import OperatorKeys
from monitor.intake.settings import Operator, settings_of
from monitor.store.intake import IntakeStore, open_intake

KEY = "1234567890abcdef"
OPERATOR = "123456789"
CODEC = Codec(AES_MD5, Secrets.of(KEY, KEY, KEY, KEY))
NOW = datetime(2026, 1, 1, 8, 0, tzinfo=UTC)
STATUS = {"ConnectorStatusInfo": {"ConnectorID": "37110000000000000000000101", "Status": 3}}
ORDER = {
    "StartChargeSeq": "123456789202601011600000005",
    "ConnectorID": "12345678900000000010001001",
    "StartTime": "2026-01-01 16:00:00",
    "EndTime": "2026-01-01 17:00:00",
    "TotalPower": 12.35,
    "TotalElecMoney": 11.39,
    "TotalSeviceMoney": 4.94,
    "TotalMoney": 16.33,
    "StopReason": 4,
}


def row(profile: str = "tcec102-2016", operator_id: str = OPERATOR) -> dict[str, str]:
    keys = dict.fromkeys(("operator_secret", "data_secret", "data_secret_iv", "sig_secret"), KEY)
    return {"operator_id": operator_id, "profile": profile, **keys}


class Caller:
    """An operator at the desk."""

    def __init__(self, folder: Path, profile: str = "tcec102-2016") -> None:
        self.folder = folder
        self.profile = profile
        self.clock = ManualClock(NOW)
        self.settings = settings_of([row(profile)])
        self.operator: Operator = self.settings.operators[OPERATOR]
        self.seq = SeqAllocator(self.clock)
        self.token = ""
        self.store: IntakeStore
        self.desk: IntakeDesk

    async def open(self) -> Caller:
        self.store = await open_intake(self.folder)
        keys = OperatorKeys(self.settings, self.clock, self.store.keys, self.folder)
        self.figures = Figures(self.clock)
        self.desk = IntakeDesk(self.settings, self.clock, self.store, keys, self.figures)
        await self.desk.start()
        return self

    async def restart(self) -> None:
        await self.store.close()
        await self.open()

    def envelope(self, body: object) -> bytes:
        raw = body if isinstance(body, bytes) else strict_json.write(body)
        return seal_request(CODEC, OPERATOR, raw, self.seq.next()).to_wire()

    async def send(self, kind: Kind, raw: bytes) -> Reply:
        kinds = {self.profile: kind}
        return await self.desk.receive(kinds, self.operator.profile.interfaces[kind].wire, raw, f"Bearer {self.token}")

    async def call(self, kind: Kind, body: object) -> tuple[int, dict[str, Any]]:
        reply = await self.send(kind, self.envelope(body))
        response, answer = open_response(CODEC, reply.body, OPERATOR)
        return response.ret, answer

    async def ask_token(self, operator_id: str = OPERATOR, secret: str = KEY) -> dict[str, Any]:
        _, answer = await self.call(Kind.QUERY_TOKEN, {"OperatorID": operator_id, "OperatorSecret": secret})
        self.token = answer["AccessToken"] or self.token
        return answer

    async def last_defects(self) -> list[str]:
        from sqlmodel import col, select
        from sqlmodel.ext.asyncio.session import AsyncSession

        from monitor.store.tables import IntakeMessage

        async with AsyncSession(self.store._engine) as session:
            query = select(IntakeMessage).order_by(col(IntakeMessage.id).desc())
            found = (await session.exec(query)).first()
        assert found is not None
        return found.defects


@pytest.fixture
async def caller(tmp_path: Path) -> AsyncIterator[Caller]:
    found = await Caller(tmp_path).open()
    await found.ask_token()
    yield found
    await found.store.close()


async def test_each_kind_is_taken_and_answered(caller: Caller) -> None:
    assert await caller.call(Kind.STATION_STATUS, STATUS) == (0, {"Status": 0})
    ret, answer = await caller.call(Kind.CHARGE_ORDER, ORDER)
    assert (ret, answer) == (
        0,
        {"StartChargeSeq": ORDER["StartChargeSeq"], "ConnectorID": ORDER["ConnectorID"], "ConfirmResult": 0},
    )


async def test_the_same_order_again_is_acknowledged_and_stored_once(caller: Caller) -> None:
    for _ in range(3):
        caller.clock.advance(3600)
        await caller.ask_token()
        assert (await caller.call(Kind.CHARGE_ORDER, dict(reversed(ORDER.items()))))[0] == 0
    summary = await caller.store.summary()
    assert (summary["orders"], summary["duplicates"], summary["order_energy_kwh"]) == (1, 2, 12.35)


async def test_the_same_id_with_other_content_is_4004_and_kept(caller: Caller) -> None:
    await caller.call(Kind.CHARGE_ORDER, ORDER)
    assert await caller.call(Kind.CHARGE_ORDER, {**ORDER, "TotalMoney": 16.34}) == (4004, {})
    summary = await caller.store.summary()
    assert (summary["orders"], summary["for_review"], summary["order_money_yuan"]) == (1, 1, 16.33)


FAULTS = [
    ({key: value for key, value in ORDER.items() if key != "TotalPower"}, "DQ_MISSING TotalPower"),
    ({**{k: v for k, v in ORDER.items() if k != "TotalSeviceMoney"}, "TotalServiceMoney": 4.94}, "DQ_UNKNOWN_KEY"),
    ({**ORDER, "StopReason": "4"}, "DQ_TYPE StopReason"),
    ({**ORDER, "TotalMoney": 16.333}, "DQ_DECIMALS TotalMoney"),
    ({**ORDER, "StopReason": 100}, "DQ_ENUM StopReason"),
    ({**ORDER, "ConnectorID": "1" * 27}, "DQ_LENGTH ConnectorID"),
]


@pytest.mark.parametrize(("body", "defect"), FAULTS, ids=[fault[1] for fault in FAULTS])
async def test_a_faulty_field_is_4004_with_its_defect(caller: Caller, body: dict[str, Any], defect: str) -> None:
    assert await caller.call(Kind.CHARGE_ORDER, body) == (4004, {})
    assert any(found.startswith(defect) for found in await caller.last_defects())
    assert (await caller.store.summary())["orders"] == 0


async def test_what_is_no_json_inside_is_4004(caller: Caller) -> None:
    for body in (
        b"no json",
        b"[]",
        b'{"a":1,"a":2}',
        b'{"TotalPower":NaN}',
        b"[" * 70,
        b'{"a":' * 70 + b"1" + b"}" * 70,
    ):
        assert (await caller.call(Kind.CHARGE_ORDER, body))[0] == 4004


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1e999999999", "9" * 400, "9" * 5000, "1e-400"])
@pytest.mark.parametrize("name", ["TotalPower", "TotalMoney", "StopReason", "EndTime", "StartChargeSeq"])
async def test_a_number_beyond_all_bounds_is_4004_and_no_fault_of_ours(caller: Caller, name: str, number: str) -> None:
    body = json.dumps(ORDER | {name: "here"}).replace('"here"', number).encode()
    assert (await caller.call(Kind.CHARGE_ORDER, body))[0] == 4004
    assert caller.figures.faults == 0
    assert (await caller.store.summary())["orders"] == 0


async def test_refused_bodies_are_kept_as_far_as_they_are_few(tmp_path: Path) -> None:
    """An operator that sends nothing but mistakes fills neither the disk nor the memory of who judges it."""
    caller = await Caller(tmp_path).open()
    caller.desk._bodies = Buckets(desk.KEPT_KIB_PER_S, 3)
    await caller.ask_token()
    big = {**ORDER, "StopReason": "x" * 1500}
    for _ in range(4):
        assert (await caller.call(Kind.CHARGE_ORDER, big))[0] == 4004
    rows = await caller.store.quality.calls(NOW, NOW + timedelta(hours=1), OPERATOR)
    assert [(bool(row.body), row.defects) for row in rows[1:]] == [
        *[(True, ["DQ_TYPE StopReason"])] * 1,
        *[(False, ["DQ_TYPE StopReason"])] * 3,
    ]
    caller.clock.advance(4 / desk.KEPT_KIB_PER_S)
    await caller.call(Kind.CHARGE_ORDER, big)
    assert (await caller.store.quality.calls(NOW, NOW + timedelta(hours=1), OPERATOR))[-1].body
    await caller.store.close()


async def test_another_operators_data_are_not_taken(tmp_path: Path) -> None:
    caller = await Caller(tmp_path, "shandong").open()
    await caller.ask_token()
    body = {"StationInfo": {"OperatorID": "999999999"}}
    assert (await caller.call(Kind.STATION_INFO, body))[0] == 4004
    assert "DQ_RANGE OperatorID" in await caller.last_defects()
    await caller.store.close()


async def test_without_a_token_everything_but_the_token_is_4002(caller: Caller) -> None:
    for token in ("", "wrong", caller.token[:-1], caller.token + "x"):
        caller.token, right = token, caller.token
        assert (await caller.call(Kind.STATION_STATUS, STATUS))[0] == 4002
        caller.token = right
    assert (await caller.store.summary())["connectors"] == 0


async def test_a_token_ends_and_is_not_extended_by_asking(caller: Caller) -> None:
    first = caller.token
    caller.clock.advance(7000)
    assert (await caller.ask_token())["TokenAvailableTime"] == 200
    assert caller.token == first
    caller.clock.advance(200)
    assert (await caller.call(Kind.STATION_STATUS, STATUS))[0] == 4002
    await caller.ask_token()
    assert caller.token != first


async def test_token_faults_are_named(caller: Caller) -> None:
    assert (await caller.ask_token(secret="wrong"))["FailReason"] == 2
    answer = await caller.ask_token(operator_id="999999999")
    assert (answer["SuccStat"], answer["FailReason"], answer["AccessToken"]) == (1, 1, "")
    for body in (
        {},
        {"OperatorID": OPERATOR, "OperatorSecret": 5},
        {"OperatorID": OPERATOR, "OperatorSecret": KEY, "x": 1},
    ):
        assert (await caller.call(Kind.QUERY_TOKEN, body))[0] == 4004


async def test_envelope_faults(caller: Caller) -> None:
    fields = json.loads(caller.envelope(STATUS))
    changed = {**fields, "Seq": "9999"}
    missing = {name: value for name, value in fields.items() if name != "Sig"}
    replies = [await caller.send(Kind.STATION_STATUS, json.dumps(body).encode()) for body in (changed, missing)]
    rets = [open_response(CODEC, reply.body, OPERATOR)[0].ret for reply in replies]
    assert rets == [4001, 4003]
    lost = {**missing, "OperatorID": "999999999", "Sig": "x"}
    assert await caller.send(Kind.STATION_STATUS, json.dumps(lost).encode()) == Reply(401)
    assert await caller.send(Kind.STATION_STATUS, b"{") == Reply(400)
    unsigned = await caller.send(Kind.STATION_STATUS, b"{}")
    assert json.loads(unsigned.body) == {"Ret": 4003, "Msg": "POST参数不合法", "Data": "", "Sig": ""}


async def test_a_replay_is_refused_also_after_a_restart(caller: Caller) -> None:
    raw = caller.envelope(STATUS)
    assert json.loads((await caller.send(Kind.STATION_STATUS, raw)).body)["Ret"] == 0
    assert json.loads((await caller.send(Kind.STATION_STATUS, raw)).body)["Ret"] == 4001
    await caller.restart()
    assert json.loads((await caller.send(Kind.STATION_STATUS, raw)).body)["Ret"] == 4001
    assert (await caller.call(Kind.STATION_STATUS, STATUS))[0] == 0, "the token outlived the restart"


async def test_an_old_envelope_is_refused(caller: Caller) -> None:
    raw = caller.envelope(STATUS)
    caller.clock.advance(301)
    assert json.loads((await caller.send(Kind.STATION_STATUS, raw)).body)["Ret"] == 4001


async def test_an_interface_of_another_profile_is_not_offered(caller: Caller) -> None:
    reply = await caller.desk.receive(
        {"shandong": Kind.CHARGE_ORDER}, "x", caller.envelope(ORDER), f"Bearer {caller.token}"
    )
    assert open_response(CODEC, reply.body, OPERATOR)[0].ret == 4004


async def test_a_re_pushed_order_may_carry_another_push_time(tmp_path: Path) -> None:
    caller = await Caller(tmp_path, "shandong").open()
    await caller.ask_token()
    order = {
        "OperatorID": OPERATOR,
        "EquipmentOwnerID": OPERATOR,
        "StationID": "1",
        "EquipmentID": "1",
        "ConnectorID": "1",
        "OrderNo": "9",
        "TotalMoney": 1,
        "TotalElecMoney": 1,
        "TotalServiceMoney": 0,
        "TotalElect": 1,
        "StartTime": "2026-01-01 16:00:00",
        "EndTime": "2026-01-01 17:00:00",
        "PayChannel": 6,
        "StopReason": "0",
        "PushTime": "2026-01-01 17:00:00",
    }
    assert (await caller.call(Kind.CHARGE_ORDER, order))[0] == 0
    assert (await caller.call(Kind.CHARGE_ORDER, {**order, "PushTime": "2026-01-01 18:00:00"}))[0] == 4015
    assert (await caller.call(Kind.CHARGE_ORDER, {**order, "PayChannel": 2}))[0] == 4004
    await caller.store.close()


async def test_statuses_and_snapshots_keep_the_latest(caller: Caller) -> None:
    snapshot = {
        "StartChargeSeq": ORDER["StartChargeSeq"],
        "StartChargeSeqStat": 2,
        "ConnectorID": "1",
        "ConnectorStatus": 3,
        "CurrentA": 10,
        "VoltageA": 230,
        "Soc": 50,
        "StartTime": "2026-01-01 16:00:00",
        "EndTime": "2026-01-01 16:10:00",
        "TotalPower": 1,
    }
    for _ in range(2):
        assert (await caller.call(Kind.CHARGE_STATUS, snapshot))[0] == 0
        assert (await caller.call(Kind.STATION_STATUS, STATUS))[0] == 0
    summary = await caller.store.summary()
    assert (summary["sessions_seen"], summary["connectors"]) == (1, 1)
    assert summary["received"]["notification_equip_charge_status"] == 2


async def test_many_equal_orders_at_once_are_accepted_once(caller: Caller) -> None:
    import asyncio

    answers = await asyncio.gather(*(caller.call(Kind.CHARGE_ORDER, ORDER) for _ in range(10)))
    assert [ret for ret, _ in answers] == [0] * 10
    summary = await caller.store.summary()
    assert (summary["orders"], summary["duplicates"]) == (1, 9)
    assert summary["answers"]["notification_charge_order_info"] == {"0": 10}


async def test_the_window_can_be_left_at_both_edges(caller: Caller) -> None:
    for offset_s, ret in ((-300, 0), (300, 0), (301, 4001), (-301, 4001)):
        seq = SeqAllocator(ManualClock(NOW + timedelta(seconds=offset_s)))
        raw = seal_request(CODEC, OPERATOR, strict_json.write(STATUS), seq.next()).to_wire()
        assert json.loads((await caller.send(Kind.STATION_STATUS, raw)).body)["Ret"] == ret


async def test_a_fault_of_ours_is_told_as_one_that_passes(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(caller.store, "accept", full)
    assert await caller.call(Kind.CHARGE_ORDER, ORDER) == (500, {})
    assert caller.figures.faults == 1
    monkeypatch.undo()
    assert (await caller.call(Kind.CHARGE_ORDER, ORDER))[0] == 0
