"""Configuration of 1.6 stations (OCPP 1.6 sections 5.4 and 5.8): keys are variables without a component."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from typing import Any

from csms.model.command import CommandResult, GetVariables, SetVariables
from csms.model.device import GetBaseReport, VariableAnswer, VariableName, folded
from csms.model.errors import NotInThisVersion
from csms.wire.block import Block, Calls
from csms.wire.reading import items, text
from csms.wire.statuses import overall
from csms.wire.translator import Payload


def _set(command: SetVariables) -> Calls:
    """One call for each key; the station may take one and refuse the next."""
    return [("ChangeConfiguration", {"key": key, "value": value}) for key, value in command.values.items()]


def _get(command: GetVariables) -> Calls:
    return [("GetConfiguration", {"key": list(command.names)} if command.names else {})]


def _get_base_report(command: GetBaseReport) -> Calls:
    """All that a 1.6 station tells of itself is its configuration."""
    if command.base == "SummaryInventory":
        raise NotInThisVersion("OCPP 1.6 stations tell their state by status notifications, not in a report")
    return [("GetConfiguration", {})]


def _was_set(command: SetVariables, answers: Sequence[Payload], zone: tzinfo) -> CommandResult:
    statuses = {key: text(answer, "status") for key, answer in zip(command.values, answers, strict=False)}
    payload: Payload = answers[0] if len(answers) == 1 else {"answers": list(answers)}
    records = tuple(
        VariableAnswer(key, _name(key), "UnknownVariable" if status == "NotSupported" else status, command.values[key])
        for key, status in statuses.items()
    )
    return CommandResult(overall(statuses.values()), values=dict(statuses), payload=payload, records=records)


def _got(command: GetVariables, answers: Sequence[Payload], zone: tzinfo) -> CommandResult:
    """Every name asked for and every one told; None for unknown keys and keys without a value (OA-09, OA-10)."""
    return _configuration(command.names, answers)


def _report(command: GetBaseReport, answers: Sequence[Payload], zone: tzinfo) -> CommandResult:
    return _configuration((), answers)


def _configuration(asked: Sequence[str], answers: Sequence[Payload]) -> CommandResult:
    answer = answers[0] if answers else {}
    by_name = {folded(name): name for name in asked}
    told = tuple(_answers(by_name, items(answer, "configurationKey")))
    unknown = answer.get("unknownKey")
    keys = [key.replace("\0", "") for key in unknown if isinstance(key, str)] if isinstance(unknown, list) else []
    missing = tuple(VariableAnswer(by_name.get(folded(key), key), _name(key), "UnknownVariable") for key in keys)
    values = dict.fromkeys(asked) | {record.asked: record.value for record in told}
    return CommandResult("Accepted", values=values, payload=answer, records=(*told, *missing))


def _answers(by_name: Mapping[str, str], entries: Iterable[Mapping[str, Any]]) -> Iterable[VariableAnswer]:
    for entry in entries:
        key = text(entry, "key")
        value = _value(entry.get("value"))
        mutability = "ReadOnly" if entry.get("readonly") is True else "ReadWrite"
        if key:
            yield VariableAnswer(by_name.get(folded(key), key), _name(key), "Accepted", value, mutability)


def _value(told: object) -> str | None:
    """Values are texts; numbers and booleans are read as what they would be written as."""
    if isinstance(told, bool):
        return str(told).lower()
    return str(told).replace("\0", "") if isinstance(told, str | int | float) else None


def _name(key: str) -> VariableName:
    return VariableName("", key)


BLOCK = Block(
    commands={SetVariables: _set, GetVariables: _get, GetBaseReport: _get_base_report},
    results={SetVariables: _was_set, GetVariables: _got, GetBaseReport: _report},
)
