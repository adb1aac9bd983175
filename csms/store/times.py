"""Times in the database: always UTC, the same order and precision (microseconds) on every engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_S = 86_400
"""A UTC day has no leap seconds here."""


def micros(moment: datetime) -> int:
    """Microseconds since 1970, exactly. Raises TypeError for a time without a zone."""
    since = moment - _EPOCH
    return (since.days * DAY_S + since.seconds) * 1_000_000 + since.microseconds


def floored(moment: datetime, grain_s: int) -> datetime:
    """The last multiple of `grain_s` seconds since 1970 that is not after `moment`."""
    return _EPOCH + (moment - _EPOCH) // timedelta(seconds=grain_s) * timedelta(seconds=grain_s)


class Utc(TypeDecorator[datetime]):
    """A UTC moment. SQLite keeps no zone, so it is taken off on the way in and put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Raises ValueError for a naive time: nobody may store a moment without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"time without a zone: {value!r}")
        utc = value if value.tzinfo is UTC else value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Every time read is UTC-aware."""
        if not isinstance(value, datetime):
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Moment(TypeDecorator[datetime]):
    """A UTC moment in a table of very many rows: SQLite, which has no type for it, keeps `micros` in eight bytes."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """What the engine keeps."""
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Raises TypeError for a naive time."""
        if value is None:
            return None
        number = micros(value)
        return number if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Every time read is UTC-aware."""
        if isinstance(value, int):
            return _EPOCH + timedelta(microseconds=value)
        return value.astimezone(UTC) if isinstance(value, datetime) else None
