"""Times: any zone goes in, UTC comes out, microseconds kept; a time without a zone is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite

from csms.store.times import Utc, micros

SQLITE = sqlite.dialect()
POSTGRES = postgresql.dialect()  # type: ignore[no-untyped-call]
ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 12, 31), timezones=ZONES))  # noqa: DTZ001
def test_the_moment_survives(moment: datetime) -> None:
    for dialect in (SQLITE, POSTGRES):
        bound = Utc().process_bind_param(moment, dialect)
        back = Utc().process_result_value(bound, dialect)
        assert back == moment
        assert back is not None
        assert back.tzinfo is UTC


@given(st.datetimes(timezones=ZONES))
def test_micros_are_exact(moment: datetime) -> None:
    assert micros(moment) == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def test_sqlite_gets_no_zone() -> None:
    moment = datetime(2026, 1, 1, 8, tzinfo=timezone(timedelta(hours=8)))
    assert Utc().process_bind_param(moment, SQLITE) == datetime(2026, 1, 1)  # noqa: DTZ001


def test_nothing_stays_nothing() -> None:
    assert Utc().process_bind_param(None, SQLITE) is None
    assert Utc().process_result_value(None, SQLITE) is None


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        Utc().process_bind_param(datetime(2026, 1, 1), SQLITE)  # noqa: DTZ001
