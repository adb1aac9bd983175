"""Careful reading of single fields out of payloads that were only leniently checked."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from csms.model.errors import PeerError, RpcErrorCode

NUMBER_MAX = 2**31 - 1
"""OCPP integers are 32-bit signed where the texts say anything at all; larger ones fit no column."""

Name = TypeVar("Name", bound=StrEnum)


def text(payload: Mapping[str, Any], key: str) -> str:
    """The text under `key` without NUL characters (no database takes them); empty when absent."""
    value = payload.get(key)
    return value.replace("\0", "") if isinstance(value, str) else ""


def number(payload: Mapping[str, Any], key: str) -> int:
    """The integer under `key`; raises PeerError when it is absent or not a 32-bit number."""
    value = optional_number(payload, key)
    if value is None:
        raise PeerError(RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION, f"{key} is not a number within 32 bits")
    return value


def optional_number(payload: Mapping[str, Any], key: str) -> int | None:
    """The integer under `key`; None when it is absent or not a 32-bit number."""
    value = payload.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= NUMBER_MAX:
        return None
    return int(value) if value == int(value) else None


def finite(payload: Mapping[str, Any], key: str) -> float | None:
    """The number under `key`; None when it is absent or none that can be reckoned with."""
    value = payload.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < NUMBER_MAX**2:
        return None
    return float(value)


def section(payload: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object under `key`; empty when absent."""
    value = payload.get(key)
    return value if isinstance(value, dict) else {}


def items(payload: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The objects in the list under `key`; anything else in it is left out."""
    value = payload.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def name(kind: type[Name], value: object, otherwise: Name) -> Name:
    """The member of `kind` that `value` spells, else `otherwise`."""
    known = optional_name(kind, value)
    return otherwise if known is None else known


def optional_name(kind: type[Name], value: object) -> Name | None:
    """The member of `kind` that `value` spells; None when there is none."""
    try:
        return kind(value) if isinstance(value, str) else None
    except ValueError:
        return None
