"""When a station is asked to renew its certificate, and which certificate counts as its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from csms.model.authentication import PeerCertificate
from csms.station.own_certificates import OwnCertificates, is_due
from csms.station.renewals import FIRST_WAIT, UNABLE_WAIT, WAIT_MAX, Renewals
from csms.store.security_tables import InstalledCertificate

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
DAY = timedelta(days=1)


def held(begins: timedelta, ends: timedelta, **more: object) -> InstalledCertificate:
    times = {"begins_at": NOW + begins, "expires_at": NOW + ends}
    return InstalledCertificate(station_id="CP-1", use="ChargingStationCertificate", serial="1", **times, **more)


def shown(number: int, begins: timedelta, ends: timedelta) -> PeerCertificate:
    return PeerCertificate("SN-1", "Ltd", NOW + begins, NOW + ends, number=number)


@pytest.mark.parametrize(
    ("life_days", "left_days", "due"),
    [
        (365, 46, False),
        (365, 45, True),
        (365, -1, True),
        (30, 11, False),
        (30, 10, True),
        (1, 0.5, False),
        (1, 0.3, True),
    ],
)
def test_due_some_weeks_before_the_end_or_in_the_last_third_of_a_short_life(
    life_days: float, left_days: float, due: bool
) -> None:
    certificate = held((left_days - life_days) * DAY, left_days * DAY)
    assert is_due(certificate, NOW, 45 * DAY) is due


def test_one_whose_end_is_not_known_is_never_due() -> None:
    unknown = InstalledCertificate(station_id="CP-1", use="x", serial="1")
    assert not is_due(unknown, NOW, 45 * DAY)


def test_asked_ever_more_seldom() -> None:
    renewals, now, waits = Renewals(), NOW, []
    for _ in range(8):
        assert renewals.may_ask("CP-1", now)
        renewals.note("CP-1", now)
        assert not renewals.may_ask("CP-1", now + FIRST_WAIT - timedelta(seconds=1))
        asked = renewals.of("CP-1")
        assert asked is not None
        waits.append(asked.again_at - now)
        now = asked.again_at
    assert waits[:5] == [FIRST_WAIT * 2**n for n in range(5)]
    assert waits[-1] == WAIT_MAX
    renewals.answered("CP-1", "NotImplemented")
    unable = renewals.of("CP-1")
    assert unable is not None
    assert unable.again_at == unable.at + UNABLE_WAIT
    renewals.done("CP-1")
    assert renewals.may_ask("CP-1", now)


def test_what_a_station_shows_is_its_certificate() -> None:
    book = OwnCertificates()
    assert book.in_use("CP-1") is None
    assert book.shown("CP-1", shown(16, -300 * DAY, 60 * DAY), NOW)
    assert book.shown("CP-1", shown(16, -300 * DAY, 60 * DAY), NOW) == [], "nothing new"
    used = book.in_use("CP-1")
    assert used is not None
    assert (used.serial, used.subject) == ("10", "O=Ltd,CN=SN-1")
    assert book.shown("CP-1", PeerCertificate("SN-1", "Ltd", NOW, NOW), NOW) == [], "without a number it is none"


def test_an_older_one_stays_until_a_newer_one_is_used_and_may_come_back() -> None:
    book = OwnCertificates()
    book.shown("CP-1", shown(16, -300 * DAY, 60 * DAY), NOW)
    book.restore([*book.stations["CP-1"], held(0 * DAY, 365 * DAY, given_at=NOW + DAY)])
    used, waiting = book.in_use("CP-1"), book.waiting("CP-1")
    assert used is not None
    assert waiting is not None
    assert (used.serial, waiting.serial) == ("10", "1")
    book.shown("CP-1", shown(1, 0 * DAY, 365 * DAY), NOW + 2 * DAY)
    assert [row.serial for row in book.stations["CP-1"]] == ["1"], "the older one is forgotten"
    assert book.waiting("CP-1") is None
    book.shown("CP-1", shown(16, -300 * DAY, 60 * DAY), NOW + 3 * DAY)
    fallen_back = book.in_use("CP-1")
    assert fallen_back is not None
    assert fallen_back.serial == "10", "its fallback (A02.FR.10)"
    assert len(book.stations["CP-1"]) == 2, "the newer one is not forgotten for that"
