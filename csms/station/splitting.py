"""How much a station takes in one message, and one command as several that fit (B05.FR.11, B06.FR.05, N06.FR.04).

The limits are variables that the station itself reported, or facts of its firmware profile; without a word of either
nothing is split.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from csms.model.command import Command, CommandResult, GetVariables, SetVariables
from csms.model.device import GetReport, folded
from csms.model.local_list import WriteLocalList
from csms.model.monitoring import ClearVariableMonitoring, GetMonitoringReport, SetVariableMonitoring
from csms.station.context import StationContext
from csms.station.wishes import firmware_of
from csms.wire.statuses import overall

Item = TypeVar("Item")

ENVELOPE_BYTES = 200
"""What a message needs beside its items."""


class Limits(NamedTuple):
    """Items and bytes of one message at most; None: nothing is known."""

    items: int | None = None
    size_bytes: int | None = None


_ITEMS: Mapping[type[Command], Sequence[str]] = {
    GetVariables: ("DeviceDataCtrlr.ItemsPerMessage@GetVariables", "GetConfigurationMaxKeys"),
    SetVariables: ("DeviceDataCtrlr.ItemsPerMessage@SetVariables",),
    GetReport: ("DeviceDataCtrlr.ItemsPerMessage@GetReport",),
    GetMonitoringReport: ("DeviceDataCtrlr.ItemsPerMessage@GetReport",),
    SetVariableMonitoring: ("MonitoringCtrlr.ItemsPerMessage@SetVariableMonitoring",),
    ClearVariableMonitoring: ("MonitoringCtrlr.ItemsPerMessage@ClearVariableMonitoring",),
    WriteLocalList: ("LocalAuthListCtrlr.ItemsPerMessage", "SendLocalListMaxLength"),
}
"""Where a station tells how many items it takes; 2.0.1 first, then the key of 1.6."""


async def limits(context: StationContext, station_id: str, kind: type[Command]) -> Limits:
    """What the station reported for this kind of message."""
    items = _ITEMS[kind]
    sizes = [name.replace("ItemsPerMessage", "BytesPerMessage") for name in items if "ItemsPerMessage" in name]
    rows = await context.store.reader.variables(station_id, [folded(name) for name in (*items, *sizes)])
    values = {row.key: _number(row.value) for row in rows}
    known = firmware_of(context.stations.get(station_id)) if kind is GetVariables else None
    stated = known.cfg.max_keys_per_get if known is not None else None
    return Limits(stated or _first(values, items), _first(values, sizes))


def _first(values: Mapping[str, int | None], names: Iterable[str]) -> int | None:
    return next((value for name in names if (value := values.get(folded(name))) is not None), None)


def _number(value: str | None) -> int | None:
    """A limit below 1 would let nothing be said: it is not believed."""
    try:
        number = int(float(value or ""))
    except (ValueError, OverflowError):
        return None
    return number if number > 0 else None


def split(items: Sequence[Item], most: Limits, size: Callable[[Item], int]) -> list[list[Item]]:
    """The items in order, in as few messages as fit; one that is too large by itself goes alone."""
    chunks: list[list[Item]] = []
    room, count = 0, 0
    for item in items:
        needed = size(item)
        full = (most.items is not None and count >= most.items) or (most.size_bytes is not None and needed > room)
        if not chunks or full:
            chunks.append([])
            room, count = (most.size_bytes or 0) - ENVELOPE_BYTES, 0
        chunks[-1].append(item)
        room, count = room - needed, count + 1
    return chunks


def joined(results: Sequence[CommandResult]) -> CommandResult:
    """The answers to the messages of one command as one."""
    if len(results) == 1:
        return results[0]
    return CommandResult(
        overall(result.status for result in results),
        values={name: value for result in results for name, value in result.values.items()},
        payload={"answers": [dict(result.payload) for result in results]},
        operation_id=results[-1].operation_id if results else None,
        records=tuple(record for result in results for record in result.records),
    )
