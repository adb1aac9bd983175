"""What is told of a person: the vehicle's number from the card, sealed while it waits (sections 12.3, 12.4 and 15)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from csms.model.clock import ManualClock
from csms.model.ids import ConnectorRef
from csms.province.client import Partner
from csms.province.crypto import Secrets
from csms.province.ids import IdTable
from csms.province.mapping import priced, vin_of
from csms.province.memory import MemoryOutbox
from csms.province.outbox import Outcome, Verdict
from csms.province.personal import MARK, Personal
from csms.province.profile import Kind, load_profile
from csms.province.records import ChargeOrder, ChargeStatus
from csms.province.service import ProvinceService
from csms.security.sealing import Seal

VIN = "LSVAU2180N2183294"
START = datetime(2026, 1, 1, tzinfo=UTC)
KEY = "1234567890abcdef"
CONNECTOR = ConnectorRef("CP-1", 1, 1)


def valid(vin: str) -> str:
    """The same number with the digit that makes it right."""
    (found,) = [one for digit in "0123456789X" if vin_of(one := vin[:8] + digit + vin[9:])]
    return found


@pytest.mark.parametrize("known", ["1M8GDM9AXKP042788", "11111111111111111"])
def test_a_vehicle_number_is_known_by_its_check_digit(known: str) -> None:
    assert vin_of(known.lower()) == valid(known)
    wrong = "3" if valid(known)[8] != "3" else "4"
    assert vin_of(known[:8] + wrong + known[9:]) == ""


@pytest.mark.parametrize("token", ["", "TAG", "04A2C5D1E80F80", "I" * 17, "1M8GDM9AXKP04278", "1M8GDM9AXKP0427888"])
def test_other_tokens_are_no_vehicle(token: str) -> None:
    assert vin_of(token) == ""


class Operator:
    def __init__(self, seal: Seal | None, profile: str = "supervision-2023") -> None:
        self.outbox = MemoryOutbox()
        partner = Partner("p", load_profile(profile), "http://127.0.0.1:1", "123456789", Secrets.of(*(KEY,) * 4))
        self.service = ProvinceService(ManualClock(), self.outbox, IdTable(), [partner], personal=Personal(seal))
        self.forwarder = self.service.forwarder.partners["p"]
        self.sent: list[Any] = []
        self.forwarder._client.push = self._push  # type: ignore[method-assign]

    async def _push(self, kind: Kind, body: Any) -> Outcome:
        self.sent.append(body)
        return Outcome(Verdict.ACKED, 0)


def order(vin: str) -> ChargeOrder:
    detail = priced(START, START + timedelta(hours=1), 1_000.0, Decimal("0.66"), Decimal("0.4"))
    return ChargeOrder(1, "site-1", CONNECTOR, START, START + timedelta(hours=1), (detail,), 0, vin=vin)


async def test_it_lies_sealed_and_is_sent_as_it_is() -> None:
    operator, vin = Operator(Seal(bytes(32))), valid(VIN)
    await operator.service.enqueue(operator.service.order(order(vin)))
    (row,) = operator.outbox.rows.values()
    assert row.payload["VIN"].startswith(MARK)
    assert vin not in str(row)
    await operator.forwarder.step()
    assert operator.sent[0]["VIN"] == vin
    assert {**operator.sent[0], "VIN": ""} == {**row.payload, "VIN": ""}


async def test_a_message_that_cannot_be_opened_is_kept_with_the_reason() -> None:
    operator = Operator(Seal(bytes(32)))
    await operator.service.enqueue(operator.service.order(order(valid(VIN))))
    operator.forwarder._personal = Personal(Seal(bytes([1]) * 32))
    await operator.forwarder.step()
    (row,) = operator.outbox.rows.values()
    assert (row.state, operator.sent) == ("dead", [])
    assert "cannot be unsealed" in row.last_error


async def test_a_sealed_text_belongs_to_its_message() -> None:
    operator = Operator(Seal(bytes(32)))
    await operator.service.enqueue(operator.service.order(order(valid(VIN))))
    (row,) = operator.outbox.rows.values()
    operator.outbox.rows[row.id] = replace(row, business_key="another")
    await operator.forwarder.step()
    assert operator.outbox.rows[row.id].state == "dead"


async def test_what_was_written_before_there_was_a_seal_is_sent() -> None:
    operator = Operator(None)
    await operator.service.enqueue(operator.service.order(order(valid(VIN))))
    operator.forwarder._personal = Personal(Seal(bytes(32)))
    await operator.forwarder.step()
    assert operator.sent[0]["VIN"] == valid(VIN)


async def test_a_platform_that_does_not_ask_gets_none() -> None:
    operator = Operator(Seal(bytes(32)), "tcec102-2016")
    await operator.service.enqueue(operator.service.order(order(valid(VIN))))
    (row,) = operator.outbox.rows.values()
    assert "VIN" not in row.payload


async def test_the_battery_s_temperatures_as_its_manager_writes_them() -> None:
    operator = Operator(None)
    status = ChargeStatus(
        1, "site-1", CONNECTOR, START, START, 3, (100.0,), (400.0,), (), vin=valid(VIN), battery_c=(31.4, 27.0)
    )
    await operator.service.enqueue(operator.service.charge_status(status))
    (row,) = operator.outbox.rows.values()
    assert (row.payload["bsmMaxTemperature"], row.payload["bsmMinTemperature"]) == (81, 77)
    assert row.payload["VIN"] == valid(VIN)
    assert row.state == "queued", row.last_error
