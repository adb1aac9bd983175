"""What a station answered to a command, as the API tells it."""

from __future__ import annotations

from typing import Any

from pydantic import AwareDatetime

from csms.api.schemas import Out
from csms.model.charging_profile import CompositeSchedule, RateUnit
from csms.model.command import CommandResult


class CompositePeriod(Out):
    """From `start_s` on; `limit` None: no limit."""

    start_s: int
    limit: float | None


class CompositeOut(Out):
    """What the station says it will do."""

    start: AwareDatetime | None
    unit: RateUnit | None
    periods: list[CompositePeriod]


class CommandResultOut(Out):
    """The station's answer: a promise, not a proof. `payload` is the whole answer as received.

    `operation_id` names what goes on after the answer (an update, an upload, a report).
    """

    station_id: str
    command: str
    status: str
    accepted: bool
    values: dict[str, str | None]
    composite: CompositeOut | None
    data: str
    payload: dict[str, Any]
    operation_id: int | None


def result_view(station_id: str, name: str, result: CommandResult) -> CommandResultOut:
    """A station's answer."""
    return CommandResultOut(
        station_id=station_id,
        command=name,
        status=result.status,
        accepted=result.accepted,
        values=dict(result.values),
        composite=_composite(result.composite) if result.composite else None,
        data=result.data,
        payload=dict(result.payload),
        operation_id=result.operation_id,
    )


def _composite(schedule: CompositeSchedule) -> CompositeOut:
    periods = [CompositePeriod(start_s=start_s, limit=limit) for start_s, limit in schedule.periods]
    return CompositeOut(start=schedule.start, unit=schedule.unit, periods=periods)
