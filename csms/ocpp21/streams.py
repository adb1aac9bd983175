"""Periodic event streams on the wire (N11 to N15)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

from csms.model.event_stream import (
    AdjustEventStream,
    GetEventStreams,
    StreamClosed,
    StreamOpened,
    StreamReply,
    StreamValues,
)
from csms.wire.block import Block, Calls, present
from csms.wire.meter_values import parse_number, sample_time
from csms.wire.reading import items, number, optional_number, section, text
from csms.wire.translator import Payload

OFFSET_MAX_S = 10**9


def _opened(payload: Payload, received_at: datetime, zone: tzinfo) -> StreamOpened:
    stream = section(payload, "constantStreamData")
    params = section(stream, "params")
    return StreamOpened(
        stream_id=number(stream, "id"),
        monitor_id=number(stream, "variableMonitoringId"),
        interval_s=optional_number(params, "interval"),
        values_max=optional_number(params, "values"),
    )


def _reply(reply: StreamReply) -> Payload:
    return {"status": "Accepted" if reply.accepted else "Rejected"}


def _closed(payload: Payload, received_at: datetime, zone: tzinfo) -> StreamClosed:
    return StreamClosed(number(payload, "id"))


def _values(payload: Payload, received_at: datetime, zone: tzinfo) -> StreamValues:
    told, trusted = sample_time(payload.get("basetime"), received_at, zone)
    base = told if trusted else received_at
    return StreamValues(number(payload, "id"), optional_number(payload, "pending") or 0, tuple(_timed(payload, base)))


def _timed(payload: Payload, base: datetime) -> Iterator[tuple[datetime, str]]:
    for element in items(payload, "data"):
        offset_s = parse_number(element.get("t"))
        if offset_s is not None and abs(offset_s) < OFFSET_MAX_S:
            yield base + timedelta(seconds=offset_s), text(element, "v")


def _adjust(command: AdjustEventStream) -> Calls:
    params = present({"interval": command.interval_s, "values": command.values_max})
    return [("AdjustPeriodicEventStream", {"id": command.stream_id, "params": params})]


def _get(command: GetEventStreams) -> Calls:
    return [("GetPeriodicEventStream", {})]


BLOCK = Block(
    calls={"OpenPeriodicEventStream": _opened, "ClosePeriodicEventStream": _closed},
    replies={StreamReply: _reply},
    commands={AdjustEventStream: _adjust, GetEventStreams: _get},
    sends={"NotifyPeriodicEventStream": _values},
)
