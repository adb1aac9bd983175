"""Trends of scores: weeks against weeks, by orders, within one set of rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from csms.texts import catalogue
from monitor.governance.console import build
from monitor.governance.trend import Trend, trends
from monitor.store.governance import open_governance
from monitor.store.governance_tables import GovernedDay, GovernedDue
from tests.unit.governance.test_gathering import run

LAST = date(2026, 6, 30)


@dataclass(slots=True)
class Day:
    """A scored day, so many days before the last."""

    age: int
    score: float
    orders: int = 10
    station: str = "cp-1"
    operator: str = "own"
    rule_set: str = "r2"

    @property
    def day(self) -> str:
        return (LAST - timedelta(days=self.age)).isoformat()


def test_the_last_week_against_the_four_before_by_orders() -> None:
    days = [Day(0, 100.0, 30), Day(6, 80.0), Day(7, 100.0), Day(34, 100.0), Day(35, 0.0)]
    assert trends(days) == [Trend("own", "cp-1", 95.0, 100.0, -5.0)]


def test_who_lost_most_comes_first_and_who_has_no_past_last() -> None:
    days = [Day(0, 90.0), Day(10, 91.0), Day(1, 50.0, station="cp-2"), Day(10, 90.0, station="cp-2")]
    days += [Day(0, 10.0, station="cp-3"), Day(20, 10.0, station="cp-4")]
    found = trends(days)
    assert [one.station for one in found] == ["cp-2", "cp-1", "cp-3", "cp-4"]
    assert (found[2].before, found[2].change, found[3].recent) == (None, None, None)


def test_scores_by_other_rules_and_days_without_orders_do_not_count() -> None:
    assert trends([Day(0, 90.0), Day(8, 10.0, rule_set="r1"), Day(9, 10.0, orders=0)]) == [
        Trend("own", "cp-1", 90.0, None, None)
    ]
    assert trends([]) == []


@given(st.lists(st.tuples(st.integers(0, 40), st.floats(0, 100), st.integers(0, 50)), max_size=30))
def test_a_mean_lies_between_its_scores(rows: list[tuple[int, float, int]]) -> None:
    for one in trends([Day(*row) for row in rows]):
        for mean in (one.recent, one.before):
            assert mean is None or min(row[1] for row in rows) - 0.01 <= mean <= max(row[1] for row in rows) + 0.01


def test_the_command_tells_trends(tmp_path: Path) -> None:
    store = open_governance(tmp_path)
    days = [Day(0, 90.0), Day(10, 95.0), Day(0, 99.0, station="cp-2")]
    now = datetime(2026, 7, 1, tzinfo=UTC)
    fields = ("operator", "station", "day", "orders", "score", "rule_set")
    for one in days:
        row = GovernedDay(**{name: getattr(one, name) for name in fields}, doubted=0, judged_at=now)
        store.judged(GovernedDue(source_id=1, station=one.station, day=one.day), one.operator, [], [row])
    store.close()
    told = run(tmp_path, "scores", "--trend")
    assert [(one["station"], one["change"]) for one in told] == [("cp-1", -5.0), ("cp-2", None)]
    assert [one["station"] for one in run(tmp_path, "scores", "--trend", "--station", "cp-2")] == ["cp-2"]
    for lang in ("en", "zh"):
        shown = CliRunner().invoke(build(catalogue(lang)), ["scores", "--trend", "--data-dir", str(tmp_path)])
        assert shown.exit_code == 0, shown.output
        assert "cp-1" in shown.stdout
        assert "-5.00" in shown.stdout
