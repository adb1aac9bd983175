"""Numbers as people read them, and which state a station is shown in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitor.dashboard.web.figures import duration, kilo, load_w, local_time, percent, roots, share, worst_family

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def station(*states: str, online: bool = True) -> dict:
    return {"online": online, "evses": [{"status": state} for state in states]}


@pytest.mark.parametrize(
    ("states", "online", "family"),
    [
        (("Available", "Charging"), True, "charging"),
        (("Charging", "Faulted"), True, "faulted"),
        (("Faulted",), False, "offline"),
        (("SuspendedEV", "Preparing"), True, "suspended"),
        ((), True, "unknown"),
    ],
)
def test_what_tells_most_is_shown(states, online, family) -> None:
    assert worst_family(station(*states, online=online)) == family


def test_numbers() -> None:
    assert (kilo(12_345.0), kilo(None), percent(41.6)) == ("12.3", "–", "42 %")
    assert [duration(timedelta(seconds=s)) for s in (40, 720, 3900, -5)] == ["40 s", "12 min", "1 h 05 min", "0 s"]


def test_another_day_is_named() -> None:
    assert local_time(NOW, NOW) == f"{NOW.astimezone():%H:%M}"
    assert local_time((NOW - timedelta(days=2)).isoformat(), NOW).startswith("2026-11-22 ")
    assert local_time(None, NOW) == "–"


def test_loads_and_shares() -> None:
    feeder = {"base_w": 10_000, "metered_w": None}
    assert load_w(feeder) == 10_000
    assert (share(5, 10), share(5, 0), share(None, 10)) == (0.5, None, None)
    tree = [{"feeder_id": "a", "parent_id": None}, {"feeder_id": "b", "parent_id": "a"}]
    assert roots(tree) == tree[:1]
    assert roots(tree[1:]) == tree[1:]
