"""Periodic event streams (2.1 N11 to N15): values of monitored variables, many at a time and unanswered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from csms.model.command import CommandResult
from csms.model.event_stream import (
    AdjustEventStream,
    GetEventStreams,
    StreamClosed,
    StreamOpened,
    StreamReply,
    StreamValues,
)
from csms.model.inbound import Acknowledged
from csms.station.context import Handlers, Performers, Send, StationContext
from csms.store import changes
from csms.store.change import Change
from csms.store.energy_tables import EventStream, StreamBatch

STREAMS_MAX = 1000
"""Open streams of one station; each costs a row, and a station can invent ids without end."""


async def opened(context: StationContext, station_id: str, message: StreamOpened, received_at: datetime) -> StreamReply:
    """Take the stream and remember whose values it carries (N11.FR.04, N11.FR.06); too many are refused (N11.FR.05)."""
    streams = await context.store.reader.find(EventStream, station_id=station_id)
    others = [row for row in streams if row.closed_at is None and row.stream_id != message.stream_id]
    if len(others) >= STREAMS_MAX or message.stream_id < 0:
        return StreamReply(False)
    row = EventStream(
        station_id=station_id,
        stream_id=message.stream_id,
        monitor_id=message.monitor_id,
        interval_s=message.interval_s,
        values_max=message.values_max,
        opened_at=received_at,
    )
    await context.store.writer.commit([changes.put_row(row)])
    return StreamReply(True)


async def closed(
    context: StationContext, station_id: str, message: StreamClosed, received_at: datetime
) -> Acknowledged:
    """N13.FR.02."""
    await context.store.writer.commit([_set(station_id, message.stream_id, closed_at=received_at)])
    return Acknowledged()


def _set(station_id: str, stream_id: int, **values: object) -> Change:
    return changes.set_columns(EventStream, {"station_id": station_id, "stream_id": stream_id}, **values)


async def values(
    context: StationContext, station_id: str, message: StreamValues, received_at: datetime
) -> Acknowledged:
    """Keep the values with the monitor that the stream was opened for (N15.FR.03); also those of an unknown stream."""
    found = await context.store.reader.find(EventStream, station_id=station_id, stream_id=message.stream_id)
    batch = StreamBatch(
        station_id=station_id,
        stream_id=message.stream_id,
        monitor_id=found[0].monitor_id if found else None,
        received_at=received_at,
        values=[[time.isoformat(), value] for time, value in message.values],
    )
    written = [changes.add_row(batch)]
    if found:
        count = found[0].values + len(message.values)
        written.append(_set(station_id, message.stream_id, values=count, pending=message.pending, last_at=received_at))
    await context.store.writer.commit(written)
    return Acknowledged()


async def adjust(context: StationContext, station_id: str, command: AdjustEventStream, send: Send) -> CommandResult:
    """N14.FR.03."""
    result = await send(command)
    changed = {"interval_s": command.interval_s, "values_max": command.values_max}
    if result.accepted:
        told = {name: value for name, value in changed.items() if value is not None}
        await context.store.writer.commit([_set(station_id, command.stream_id, **told)])
    return result


async def reconcile(context: StationContext, station_id: str, command: GetEventStreams, send: Send) -> CommandResult:
    """The station's list counts: streams that it does not name are closed, those it names are open (N12)."""
    result = await send(command)
    now = context.clock.now()
    told = result.payload.get("constantStreamData")
    listed = [entry for entry in told if isinstance(entry, dict)] if isinstance(told, list) else []
    open_now = {row.stream_id: row for row in (_row(station_id, entry, now) for entry in listed)}
    written: list[Change] = []
    for row in await context.store.reader.find(EventStream, station_id=station_id):
        told_row = open_now.get(row.stream_id)
        if told_row is None and row.closed_at is None:
            written.append(_set(station_id, row.stream_id, closed_at=now))
        elif told_row is not None:
            told_row.opened_at, told_row.values = row.opened_at, row.values
            told_row.last_at, told_row.pending = row.last_at, row.pending
    written += [changes.put_row(row) for row in open_now.values()]
    if written:
        await context.store.writer.commit(written)
    return result


def _row(station_id: str, entry: Mapping[str, Any], now: datetime) -> EventStream:
    """A stream as the answer lists it; the answer has passed its schema."""
    params = entry.get("params") or {}
    return EventStream(
        station_id=station_id,
        stream_id=int(entry["id"]),
        monitor_id=int(entry["variableMonitoringId"]),
        interval_s=params.get("interval"),
        values_max=params.get("values"),
        opened_at=now,
    )


HANDLERS: Handlers = {StreamOpened: opened, StreamClosed: closed, StreamValues: values}

PERFORMERS: Performers = {AdjustEventStream: adjust, GetEventStreams: reconcile}
