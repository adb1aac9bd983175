"""Notes which quarter-hours of which metering points have to be rolled up, in the transaction of their samples.

A note is durable before or together with the first sample that it stands for, and the roll-up drops it in the
transaction that computes the bucket; a sample that comes later, even days later, makes a new one. What is noted
already is remembered for the current quarter-hour of each point, so that a message costs two comparisons.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, text

from csms.model.meter import Together
from csms.store.catalogue import KEPT_MAX, PointKey, point_key
from csms.store.change import Change, RowChange, SampleChange, Statement
from csms.store.times import Moment, floored

QUARTER_S = 900
"""Length of the shorter roll-ups; the longer ones are of a UTC day, DAY_S."""

Note = tuple[PointKey, datetime]
"""A point and the beginning of a quarter-hour."""

_QUARTER = timedelta(seconds=QUARTER_S)
_NEVER = (datetime.min.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC))
_END = datetime.max.replace(tzinfo=UTC)

_NOTE = Statement(
    lambda dialect: text(
        f"INSERT INTO rollup_due (grain_s, begins_at, point_id) SELECT {QUARTER_S}, :begins_at, id FROM metering_point "
        "WHERE station_id = :station_id AND evse_id = :evse_id AND transaction_id = :word ON CONFLICT DO NOTHING"
    ).bindparams(bindparam("begins_at", type_=Moment))
)


class DueNotes:
    """The notes of one writer. Nothing of it needs to survive: a forgotten note is made again, to no effect."""

    def __init__(self) -> None:
        self._known: dict[PointKey, tuple[datetime, datetime]] = {}
        self._closed = _NEVER[0]

    def close(self, until: datetime) -> None:
        """Quarter-hours that end by `until` may be rolled up from now on: their samples are noted one by one.

        To be called before the first commit that drops such a note.
        """
        self._closed = until
        self._known.clear()

    def wanted(self, changes: Iterable[Change]) -> list[Note]:
        """What has to be noted with `changes`. Raises TypeError for a time without a zone."""
        found: dict[Note, None] = {}
        for change in changes:
            if not isinstance(change, SampleChange):
                continue
            for batch in change.rows:
                key = point_key(batch)
                begins_at, ends_at = self._known.get(key, _NEVER)
                samples = batch.samples
                for sample in (samples,) if type(samples) is Together else samples:
                    if not begins_at <= sample.time < ends_at:
                        begins_at, ends_at = _quarter(sample.time)
                        found[key, begins_at] = None
        return list(found)

    def noted(self, notes: Iterable[Note]) -> None:
        """These are durable now."""
        if len(self._known) > KEPT_MAX:
            self._known.clear()
        for key, begins_at in notes:
            if begins_at >= self._closed:
                self._known[key] = _quarter(begins_at)


def note(notes: Iterable[Note]) -> Change:
    """The change that makes them durable; their points must be in the catalogue when it is carried out."""
    rows = [
        {"begins_at": begins_at, "station_id": station_id, "evse_id": evse_id, "word": word}
        for (station_id, evse_id, word), begins_at in notes
    ]
    return RowChange(_NOTE, rows)


def _quarter(time: datetime) -> tuple[datetime, datetime]:
    begins_at = floored(time, QUARTER_S)
    return begins_at, begins_at + _QUARTER if begins_at < _END - _QUARTER else _END
