"""Reconciliation at the desk: each reason, what was not listed, and the same list asked again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from csms.model.clock import ManualClock
from csms.province import strict_json
from csms.province.crypto import AES_MD5, Secrets
from csms.province.envelope import Codec, SeqAllocator, open_response, seal_request
from csms.province.profile import Kind, load_profile
from monitor.intake.desk import IntakeDesk
from monitor.intake.figures import Figures
from monitor.intake.keys import OperatorKeys
from monitor.intake.reconcile import ENERGY_DIFFERS, MONEY_DIFFERS, NOT_FOUND, UNLISTED_MAX, dispute, reconcile
from monitor.intake.settings import settings_of
from monitor.store.intake import IntakeStore, open_intake

KEY, OPERATOR, PROFILE = "1234567890abcdef", "123456789", "tcec102-2016"
CODEC = Codec(AES_MD5, Secrets.of(KEY, KEY, KEY, KEY))
NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


class Operator:
    """Calls the desk in the name of an operator."""

    def __init__(self, store: IntakeStore) -> None:
        keys = dict.fromkeys(("operator_secret", "data_secret", "data_secret_iv", "sig_secret"), KEY)
        settings = settings_of([{"operator_id": OPERATOR, "profile": PROFILE, **keys}])
        self.clock, self.store = ManualClock(NOW), store
        self.own = settings.operators[OPERATOR]
        keys_of_all = OperatorKeys(settings, self.clock, store.keys, store.folder)
        self.desk = IntakeDesk(settings, self.clock, store, keys_of_all, Figures(self.clock))
        self.seq = SeqAllocator(self.clock)
        self.token = ""

    async def call(self, kind: Kind, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        raw = seal_request(CODEC, OPERATOR, strict_json.write(body), self.seq.next()).to_wire()
        wire = self.own.profile.interfaces[kind].wire
        reply = await self.desk.receive({PROFILE: kind}, wire, raw, f"Bearer {self.token}")
        response, answer = open_response(CODEC, reply.body, OPERATOR)
        return response.ret, answer


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    store = await open_intake(tmp_path)
    made = Operator(store)
    await made.desk.start()
    _, answer = await made.call(Kind.QUERY_TOKEN, {"OperatorID": OPERATOR, "OperatorSecret": KEY})
    made.token = answer["AccessToken"]
    yield made
    await store.close()


def number(serial: int) -> str:
    return f"{OPERATOR}20260301120000{serial:04d}"


def order(serial: int, kwh: float = 12.35, yuan: float = 16.33) -> dict[str, Any]:
    return {
        "StartChargeSeq": number(serial),
        "ConnectorID": "1",
        "StartTime": "2026-03-01 12:00:00",
        "EndTime": "2026-03-01 13:00:00",
        "TotalPower": kwh,
        "TotalElecMoney": yuan,
        "TotalSeviceMoney": 0,
        "TotalMoney": yuan,
        "StopReason": 0,
    }


def listing(*rows: tuple[int, float, float]) -> dict[str, Any]:
    orders = [{"StartChargeSeq": number(n), "TotalPower": kwh, "TotalMoney": yuan} for n, kwh, yuan in rows]
    return {
        "CheckOrderSeq": f"{OPERATOR}202603020100000001",
        "StartTime": "2026-03-01 00:00:00",
        "EndTime": "2026-03-01 23:59:59",
        "OrderCount": len(rows),
        "TotalOrderPower": round(sum(row[1] for row in rows), 2),
        "TotalOrderMoney": round(sum(row[2] for row in rows), 2),
        "ChargeOrders": orders,
    }


async def test_each_dispute_has_its_reason(operator: Operator) -> None:
    for serial in (1, 2, 3, 4):
        assert (await operator.call(Kind.CHARGE_ORDER, order(serial)))[0] == 0
    body = listing((1, 12.35, 16.33), (2, 12.35, 16.34), (3, 12.36, 16.33), (9, 1.0, 2.0))
    ret, answer = await operator.call(Kind.CHECK_ORDERS, body)
    assert ret == 0
    assert (answer["TotalDisputeOrder"], answer["TotalDisputePower"], answer["TotalDisputeMoney"]) == (
        3,
        Decimal("25.71"),
        Decimal("34.67"),
    )
    reasons = {row["StartChargeSeq"]: row["DisputeReason"] for row in answer["DisputeOrders"]}
    assert reasons == {number(2): MONEY_DIFFERS, number(3): ENERGY_DIFFERS, number(9): NOT_FOUND}
    found = await operator.store.quality.disputes(OPERATOR, NOW, NOW.replace(hour=2))
    assert (found.listed, [reason for _, _, reason in found.disputed]) == (4, [2, 3, 1])
    assert (await operator.call(Kind.CHARGE_ORDER, order(9, 1.0, 2.0)))[0] == 0
    assert (await operator.call(Kind.CHECK_ORDERS, body))[1]["TotalDisputeOrder"] == 2, "asked again, answered anew"
    again = await operator.store.quality.disputes(OPERATOR, NOW, NOW.replace(hour=2))
    assert (again.listed, len(again.disputed)) == (4, 2), "of the same list the last result counts"
    before = await operator.store.quality.disputes(OPERATOR, NOW, NOW.replace(hour=2), found.last)
    assert before == found, "and what was found before stands"
    await operator.call(Kind.CHECK_ORDERS, body)
    assert (await operator.store.quality.disputes(OPERATOR, NOW, NOW.replace(hour=2))).last == again.last, "nothing new"


async def test_what_is_not_listed_is_noted(operator: Operator) -> None:
    from sqlmodel import select
    from sqlmodel.ext.asyncio.session import AsyncSession

    from monitor.store.tables import IntakeCheck

    await operator.call(Kind.CHARGE_ORDER, order(1))
    await operator.call(Kind.CHECK_ORDERS, listing())
    async with AsyncSession(operator.store._engine) as session:
        (row,) = (await session.exec(select(IntakeCheck))).all()
    assert row.unlisted == [number(1)]


async def test_results_of_remote_starts_are_taken(operator: Operator) -> None:
    body = {
        "StartChargeSeq": number(1),
        "StartChargeSeqStat": 2,
        "ConnectorID": "1",
        "StartTime": "2026-03-01 12:00:00",
    }
    assert await operator.call(Kind.START_RESULT, body) == (
        0,
        {"StartChargeSeq": number(1), "SuccStat": 0, "FailReason": 0},
    )
    assert len(await operator.store.evidence.since(OPERATOR, NOW, NOW.replace(hour=2))) == 1


async def test_a_refused_body_is_kept_for_an_appeal(operator: Operator) -> None:
    assert (await operator.call(Kind.CHARGE_ORDER, order(1) | {"StopReason": 300}))[0] == 4004
    (row,) = await operator.store.quality.refused(OPERATOR, NOW, NOW.replace(hour=2))
    assert (row.body["StopReason"], row.defects) == (300, ["DQ_ENUM StopReason"])


def test_what_is_not_listed_is_noted_up_to_a_bound() -> None:
    span = {"CheckOrderSeq": "1", "StartTime": "2000-01-01 00:00:00", "EndTime": "2099-12-31 23:59:59"}
    ended = [str(number) for number in range(UNLISTED_MAX + 5)]
    listed = [{"StartChargeSeq": "3", "TotalPower": 1, "TotalMoney": 1}]
    found = reconcile(load_profile(PROFILE), span | {"ChargeOrders": listed}, {}, ended).result
    assert (len(found["unlisted"]), "3" in found["unlisted"], found["listed"]) == (UNLISTED_MAX, False, 1)


async def test_ended_orders_are_read_up_to_a_bound(operator: Operator) -> None:
    for serial in (1, 2, 3):
        await operator.call(Kind.CHARGE_ORDER, order(serial))
    assert len(await operator.store.orders_ended(OPERATOR, "2026", "2027", 2)) == 2


def test_money_is_named_before_energy_and_a_root_only_where_the_profile_has_a_name_for_it() -> None:
    row = {"StartChargeSeq": "1", "TotalPower": Decimal("1.00"), "TotalMoney": Decimal("2.00")}
    assert dispute(row, (Decimal("1.1"), Decimal("2.1"))) == MONEY_DIFFERS
    assert dispute(row, (Decimal("1.1"), Decimal(2))) == ENERGY_DIFFERS
    assert dispute(row, (Decimal(1), Decimal(2))) == 0
    profile = load_profile(PROFILE)
    fields = {
        "CheckOrderSeq": "1",
        "StartTime": "2026-03-01 00:00:00",
        "EndTime": "2026-03-01 23:59:59",
        "ChargeOrders": [],
    }
    assert "DayRoot" not in reconcile(profile, fields, {}, [], "ab").answer
    named = profile.model_copy(update={"extensions": {"evidence_root": "DayRoot"}})
    assert reconcile(named, fields, {}, [], "ab").answer["DayRoot"] == "ab"
