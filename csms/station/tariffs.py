"""Tariffs at stations that calculate cost by themselves (2.1 I07 to I11): kept as the station accepted them."""

from __future__ import annotations

from typing import Any

import msgspec

from csms.model.command import CommandResult
from csms.model.tariff import ChangeTransactionTariff, ClearTariffs, SetDefaultTariff
from csms.station.context import Performers, Send, StationContext
from csms.station.v2x import with_terms
from csms.store import changes
from csms.store.energy_tables import Tariff


async def set_default(context: StationContext, station_id: str, command: SetDefaultTariff, send: Send) -> CommandResult:
    """I07.FR.10 to I07.FR.13."""
    result = await send(command)
    if result.accepted:
        row = Tariff(
            station_id=station_id,
            evse_id=command.evse_id,
            tariff_id=command.tariff.tariff_id,
            set_at=context.clock.now(),
            valid_from=command.tariff.valid_from,
            content=msgspec.to_builtins(command.tariff),
        )
        await context.store.writer.commit([changes.put_row(row)])
    return result


async def clear(context: StationContext, station_id: str, command: ClearTariffs, send: Send) -> CommandResult:
    """Forget those that the station says it cleared or does not have (I10.FR.01 to I10.FR.07).

    One that was set for all EVSEs is gone from one only: it stays with the others.
    """
    result = await send(command)
    keys: dict[str, Any] = {"station_id": station_id}
    if command.evse_id:
        keys["evse_id"] = command.evse_id
    told = result.payload.get("clearTariffsResult")
    gone = [entry for entry in told if isinstance(entry, dict)] if isinstance(told, list) else []
    ids = [entry.get("tariffId") for entry in gone if entry.get("status") in ("Accepted", "NoTariff")]
    written = [changes.delete_rows(Tariff, **keys, tariff_id=name) for name in ids if isinstance(name, str)]
    if written:
        await context.store.writer.commit(written)
    return result


async def change(
    context: StationContext, station_id: str, command: ChangeTransactionTariff, send: Send
) -> CommandResult:
    """The transaction goes on under another tariff (I11.FR.06); the station tells it again in its next event."""
    result = await send(command)
    if result.accepted:
        now, name = context.clock.now(), command.tariff.tariff_id
        changed = await with_terms(context, station_id, command.transaction_id, now, tariff_id=name)
        await context.store.writer.commit([changed])
    return result


PERFORMERS: Performers = {SetDefaultTariff: set_default, ClearTariffs: clear, ChangeTransactionTariff: change}
