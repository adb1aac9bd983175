"""What stations are configured to: variables of 2.0.1, keys of 1.6, read and set, reported in parts (B05 to B08).

Whatever a station tells of a variable is kept, so that its configuration can be read without asking it. Secrets are
kept by a mark only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from datetime import datetime

import orjson
from msgspec import structs

from csms.model.command import Command, CommandResult, GetVariables, SetVariables
from csms.model.device import (
    SECRET,
    Characteristics,
    DeviceReport,
    GetBaseReport,
    GetReport,
    Variable,
    VariableAnswer,
    VariableName,
    folded,
    is_secret,
)
from csms.model.errors import CallRefused, CallTimeout, ConnectionLost, CsmsError, PeerError
from csms.model.inbound import Acknowledged
from csms.station import keys, lifecycle, operations, proving, reports
from csms.station.asking import sender
from csms.station.context import Handlers, Performers, Send, StationContext
from csms.station.splitting import Limits, joined, limits, split
from csms.station.wishes import OCPP16, firmware_of, limit_key
from csms.store import changes
from csms.store.change import Change
from csms.store.station_tables import VariableRow
from firmware_profiles import FirmwareProfile

BASE_REPORT, REPORT = "get_base_report", "get_report"

VARIABLE_BYTES = 190
"""The most that one variable needs in a message beside its name and value."""

_TOLD = ("name", "value", "reported_at")
_TOLD_WITH_MUTABILITY = (*_TOLD, "mutability")
_CHARACTERISTICS = ("data_type", "unit", "min_limit", "max_limit", "values_list", "monitored")
_SET = (*_TOLD, "reboot_required")

SETTLE_S = 10.0
"""How long a station that booted is left alone."""

SET_AGAIN_MAX = 100
"""So many settings of a station that forgets them are looked after."""

_SETTLED = ("Accepted", "RebootRequired")

log = logging.getLogger(__name__)


async def set_variables(context: StationContext, station_id: str, command: SetVariables, send: Send) -> CommandResult:
    """Set in as many messages as the station needs; what it took is what it has (B05).

    What became of some is told even when the station refuses the next or falls silent; then the rest is not asked for.
    Raises ProofRefused for a security profile that is lower, or that the station could not come back by (A05).
    """
    await proving.check_values(context, station_id, command.values)
    known = firmware_of(context.stations[station_id])
    most = await _most(context, station_id, command)
    own = [(keys.own_name(known, name), keys.own_value(known, name, value)) for name, value in command.values.items()]
    results, done = list[CommandResult](), 0
    chunks = split(own, most, lambda item: _size(*item))
    for chunk in chunks:
        try:
            results.append(await send(SetVariables(dict(chunk))))
        except CallRefused as fault:
            if len(chunks) == 1:
                raise
            results.append(_failed(chunk, fault))
        except (CallTimeout, ConnectionLost) as fault:
            if not results:
                raise
            results.append(_failed(own[done:], fault))
            break
        done += len(chunk)
        at = context.clock.now()
        await context.store.writer.commit(list(_as_set(station_id, results[-1], at, known)))
    return keys.as_asked(joined(results), list(command.values), [name for name, _ in own])


def _failed(items: Sequence[tuple[str, str]], fault: CsmsError) -> CommandResult:
    return CommandResult(fault.code, values={name: fault.code for name, _ in items})


async def _most(context: StationContext, station_id: str, command: SetVariables) -> Limits:
    """A version that has a message for each variable gets one at a time, so that each answer is known when it comes."""
    link = context.stations[station_id].link
    if link is not None and len(command.values) > 1 and len(link.written(command)) == len(command.values):
        return Limits(items=1)
    return await limits(context, station_id, SetVariables)


async def get_variables(context: StationContext, station_id: str, command: GetVariables, send: Send) -> CommandResult:
    """Read in as many messages as the station needs, and keep what it tells (B06, TC_B_08)."""
    station = context.stations[station_id]
    own = keys.to_read(firmware_of(station), command.names, keys=station.protocol == OCPP16)
    most = await limits(context, station_id, GetVariables)
    chunks = split(own, most, _size) or [[]]
    results = []
    for chunk in chunks:
        results.append(await send(GetVariables(tuple(chunk))))
        at = context.clock.now()
        await context.store.writer.commit(list(_as_told(station_id, results[-1], at)))
    return keys.as_asked(joined(results), command.names, own)


async def get_base_report(
    context: StationContext, station_id: str, command: GetBaseReport, send: Send
) -> CommandResult:
    """Ask for everything; a station that answers with it at once has no parts to follow (B07)."""
    operation = await operations.begin(context, station_id, BASE_REPORT, {"base": command.base})
    asked: Command = structs.replace(command, request_id=operation.id)
    known, station = firmware_of(context.stations[station_id]), context.stations[station_id]
    if station.protocol == OCPP16 and not keys.may_read_all(known):
        asked = GetVariables(keys.to_read(known, (), keys=True))
    result = await operations.carry_out(context, operation, asked, send)
    if result.records:
        await context.store.writer.commit(list(_as_told(station_id, result, context.clock.now())))
        await operations.answered(context, operation, "Complete", ended=True, variables=len(result.records))
    return result


async def learn(context: StationContext, station_id: str) -> None:
    """Ask a station that is new, or another one than it was, for everything when it has settled (B07.FR.14, SR-06)."""
    await asyncio.sleep(context.clock.wall_s(SETTLE_S))
    station = context.stations[station_id]
    if station.link is None:
        return
    try:
        lifecycle.check_command(station, GetBaseReport())
        await get_base_report(context, station_id, GetBaseReport(), sender(context, station, station.link))
    except (CsmsError, PeerError) as fault:
        log.info("device_model_not_read", extra={"station": station_id, "fault": str(fault)})


async def set_again(context: StationContext, station_id: str) -> None:
    """A station that forgets its keys with a reboot has booted: what it was set to and is no more is set again.

    Not the key of a limit: what is due now is told by the limit ladder.
    """
    rows = await context.store.reader.variables(station_id)
    station = context.stations[station_id]
    limit = folded(limit_key(firmware_of(station)))
    kept = {row.name: row.value for row in rows if row.value not in (None, SECRET) and row.mutability != "ReadOnly"}
    asked = [name for name in kept if folded(name) != limit][:SET_AGAIN_MAX]
    await asyncio.sleep(context.clock.wall_s(SETTLE_S))
    if station.link is None or not asked:
        return
    send = sender(context, station, station.link)
    try:
        told = (await send(GetVariables(tuple(asked)))).values
        lost = {name: str(kept[name]) for name in asked if told.get(name) not in (None, kept[name])}
        if lost:
            await set_variables(context, station_id, SetVariables(lost), send)
    except (CsmsError, PeerError) as fault:
        log.info("keys_not_set_again", extra={"station": station_id, "fault": str(fault)})


async def get_report(context: StationContext, station_id: str, command: GetReport, send: Send) -> CommandResult:
    """Ask for some of it, in as many reports as the station needs, each an operation of its own (B08.FR.06)."""
    most = await limits(context, station_id, GetReport)
    results = []
    for chunk in split(list(command.names), most, _size) or [[]]:
        asked = {"names": chunk, "criteria": list(command.criteria)}
        operation = await operations.begin(context, station_id, REPORT, asked)
        part = structs.replace(command, names=tuple(chunk), request_id=operation.id)
        results.append(await operations.carry_out(context, operation, part, send))
    return joined(results)


async def report(
    context: StationContext, station_id: str, message: DeviceReport, received_at: datetime
) -> Acknowledged:
    """Keep what a part tells, whether it was asked for or not (B07.FR.03, B08.FR.03)."""
    told = [_reported(station_id, variable, received_at) for variable in message.variables]
    async with reports.about(context, station_id, (BASE_REPORT, REPORT), message.request_id) as operation:
        if operation is not None:
            count = operation.detail.get("variables", 0) + len(told)
            told.append(reports.part(operation, received_at, message.seq_no, message.more, variables=count))
        await context.store.writer.commit(told)
    return Acknowledged()


def restarted(station_id: str) -> Change:
    """What waited for a boot counts now."""
    waiting = {"station_id": station_id, "reboot_required": True}
    return changes.set_columns(VariableRow, waiting, reboot_required=False)


def _as_set(station_id: str, result: CommandResult, at: datetime, known: FirmwareProfile | None) -> Iterable[Change]:
    """Some say that they must boot first and need not."""
    at_once = known.cfg.reboot_required if known is not None else ()
    for record in _answers(result):
        if record.status in _SETTLED:
            row = _row(station_id, record.name, record.value, at)
            row.reboot_required = record.status == "RebootRequired" and record.asked not in at_once
            yield changes.put_columns(row, *_SET)
        elif record.unknown:
            yield _forgotten(station_id, record.name)


def _as_told(station_id: str, result: CommandResult, at: datetime) -> Iterable[Change]:
    """What the station refused to tell stays as it was known; what it does not have is forgotten."""
    for record in _answers(result):
        if record.status == "Accepted":
            row = _row(station_id, record.name, record.value, at)
            row.mutability = record.mutability
            yield changes.put_columns(row, *(_TOLD_WITH_MUTABILITY if record.mutability else _TOLD))
        elif record.unknown:
            yield _forgotten(station_id, record.name)


def _answers(result: CommandResult) -> Iterable[VariableAnswer]:
    return (record for record in result.records if isinstance(record, VariableAnswer))


def _reported(station_id: str, variable: Variable, at: datetime) -> Change:
    row = _row(station_id, variable.name, variable.value, at)
    row.mutability = variable.mutability
    characteristics = variable.characteristics
    if characteristics is None:
        return changes.put_columns(row, *_TOLD_WITH_MUTABILITY)
    _characterise(row, characteristics)
    return changes.put_columns(row, *_TOLD_WITH_MUTABILITY, *_CHARACTERISTICS)


def _characterise(row: VariableRow, told: Characteristics) -> None:
    row.data_type, row.unit, row.values_list, row.monitored = told.data_type, told.unit, told.values, told.monitored
    row.min_limit, row.max_limit = told.min_limit, told.max_limit


def _row(station_id: str, name: VariableName, value: str | None, at: datetime) -> VariableRow:
    written = str(name)
    return VariableRow(
        station_id=station_id,
        key=folded(written),
        name=written,
        **name._asdict(),
        value=SECRET if value and is_secret(written) else value,
        reported_at=at,
    )


def _forgotten(station_id: str, name: VariableName) -> Change:
    return changes.delete_rows(VariableRow, station_id=station_id, key=folded(str(name)))


def _size(name: str, value: str = "") -> int:
    """Bytes that a variable needs in a message at most."""
    return VARIABLE_BYTES + len(orjson.dumps(name)) + len(orjson.dumps(value))


HANDLERS: Handlers = {DeviceReport: report}

PERFORMERS: Performers = {
    SetVariables: set_variables,
    GetVariables: get_variables,
    GetBaseReport: get_base_report,
    GetReport: get_report,
}
