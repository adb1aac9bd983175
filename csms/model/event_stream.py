"""Periodic event streams (OCPP 2.1 N11 to N15): values of a monitored variable, often and without an answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from csms.model.command import Command, Whole
from csms.model.inbound import Inbound, Reply


class StreamOpened(Inbound, frozen=True):
    """A station wants to send the values of a monitor: every `interval_s` seconds, or when there are `values_max`."""

    stream_id: int
    monitor_id: int
    interval_s: int | None = None
    values_max: int | None = None


class StreamReply(Reply, frozen=True):
    """Whether the stream is taken; refused, the station sends each value by itself (N11.FR.07)."""

    accepted: bool


class StreamClosed(Inbound, frozen=True):
    """A station sends no more on a stream."""

    stream_id: int


class StreamValues(Inbound, frozen=True):
    """Values with their times; `pending` others wait at the station."""

    stream_id: int
    pending: int
    values: tuple[tuple[datetime, str], ...]


class AdjustEventStream(Command, frozen=True):
    """Change how often a station sends on a stream (N14)."""

    stream_id: Whole
    interval_s: Annotated[int, Meta(ge=0, le=86_400)] | None = None
    values_max: Annotated[int, Meta(ge=0, le=10_000)] | None = None

    def __post_init__(self) -> None:
        """Raises ValueError when nothing is to be changed."""
        if self.interval_s is None and self.values_max is None:
            raise ValueError("interval_s or values_max is given")


class GetEventStreams(Command, frozen=True):
    """Ask which streams a station has open; what is kept of them is set right by the answer (N12)."""
