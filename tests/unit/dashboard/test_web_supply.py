"""What settings and platforms show: floors, prices by stretch, secrets by fingerprint, health of interfaces."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from csms.texts import catalogue
from monitor.dashboard.web.pages.province import health_markup
from monitor.dashboard.web.pages.settings_supply import floors_markup, keys_markup, prices_markup, stretches_of

TEXT = catalogue("en")
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EVIL = "<script>x</script>"


def hour(number: int, level: str, price: float) -> dict:
    at = NOW.replace(hour=0) + timedelta(hours=number)
    return {"start": at.isoformat(), "level": level, "electricity": price, "service": 0.4}


def test_hours_at_one_price_are_one_stretch() -> None:
    hours = [hour(0, "valley", 0.3), hour(1, "valley", 0.3), hour(2, "peak", 0.9), hour(3, "valley", 0.3)]
    found = stretches_of(hours)
    assert [one["level"] for one in found] == ["valley", "peak", "valley"]
    assert found[0]["end"] == hours[2]["start"]
    words = str(prices_markup(TEXT, {"hours": hours, "constant": False}))
    assert words.count("<tr>") == 1 + 3
    assert 'class="tone peak" style="width:25.00%"' in words
    assert "One price for all hours" in str(prices_markup(TEXT, {"hours": hours, "constant": True}))


def test_words_of_others_are_escaped() -> None:
    feeder = {
        "feeder_id": EVIL, "rating_w": 1, "lowest_ordered_w": 0, "floors_w": 0, "floor_room_w": 0,
        "floor_stations": [], "stations": [], "origin": "settings",
    }  # fmt: skip
    key = {
        "partner": EVIL, "direction": "inbound", "number": 1, "fingerprint": EVIL,
        "made_at": NOW.isoformat(), "used_at": None, "retired_at": None,
    }  # fmt: skip
    message = {"interface": EVIL, "attempts": 1, "created_at": NOW.isoformat(), "last_error": EVIL}
    for words in (
        floors_markup(TEXT, [feeder]),
        keys_markup(TEXT, [key], NOW),
        health_markup(TEXT, [message], [message], NOW),
    ):
        assert "<script>" not in str(words)


def test_an_interface_tells_its_oldest_message_and_where_on_the_ladder_they_are() -> None:
    def message(minutes: int, attempts: int, error: str = "") -> dict:
        made = (NOW - timedelta(minutes=minutes)).isoformat()
        return {"interface": "order", "attempts": attempts, "created_at": made, "last_error": error}

    words = str(health_markup(TEXT, [message(5, 1), message(95, 1), message(2, 3, "HTTP 503")], [message(9, 5)], NOW))
    assert all(part in words for part in ("1 h 35 min", "2 × 1, 1 × 3", "HTTP 503", 'class="mood-bad">1<'))
    assert "Nothing waits" in str(health_markup(TEXT, [], [], NOW))
