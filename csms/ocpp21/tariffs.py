"""Tariffs on the wire (block I)."""

from __future__ import annotations

from csms.model.tariff import ChangeTransactionTariff, ClearTariffs, GetTariffs, SetDefaultTariff
from csms.wire.block import Block, Calls, present
from csms.wire.naming import written


def _set(command: SetDefaultTariff) -> Calls:
    return [("SetDefaultTariff", {"evseId": command.evse_id, "tariff": written(command.tariff, {})})]


def _get(command: GetTariffs) -> Calls:
    return [("GetTariffs", {"evseId": command.evse_id})]


def _clear(command: ClearTariffs) -> Calls:
    return [("ClearTariffs", present({"tariffIds": list(command.tariff_ids) or None, "evseId": command.evse_id}))]


def _change(command: ChangeTransactionTariff) -> Calls:
    payload = {"transactionId": command.transaction_id, "tariff": written(command.tariff, {})}
    return [("ChangeTransactionTariff", payload)]


BLOCK = Block(
    commands={SetDefaultTariff: _set, GetTariffs: _get, ClearTariffs: _clear, ChangeTransactionTariff: _change}
)
