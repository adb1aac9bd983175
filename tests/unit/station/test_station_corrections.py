"""What is put right in the word of a station that is known for being wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from csms.model.inbound import Authorize, Heartbeat, MeterReport, SessionStopped, StatusReport
from csms.model.meter import CURRENT_IMPORT, POWER_IMPORT, Sample, SignedValue
from csms.model.session import StopReason
from csms.model.station import ConnectorStatus
from csms.station.corrections import Corrections, corrections, not_ahead
from tests.support.quirky import facts

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
EIGHT, HOUR = timedelta(hours=8), timedelta(hours=1)


def of(**tables: dict[str, Any]) -> Corrections:
    made = corrections(facts(**tables), SHANGHAI)
    assert made is not None
    return made


def status(time: datetime | None) -> StatusReport:
    return StatusReport(1, 1, ConnectorStatus.AVAILABLE, time=time)


def told(made: Corrections, time: datetime, *, booted: bool = True) -> datetime:
    message = made.right(status(time), NOW, booted=booted)
    assert isinstance(message, StatusReport)
    assert message.time is not None
    return message.time


def test_nearly_every_station_is_taken_at_its_word() -> None:
    assert corrections(None, SHANGHAI) is None
    assert corrections(facts(), SHANGHAI) is None
    assert corrections(facts(time={"no_zone_means_local": True}), SHANGHAI) is None  # read in the zone of the site


@pytest.mark.req("RB-39")
def test_local_time_that_claims_to_be_utc_is_moved_also_in_late_messages() -> None:
    made = of(time={"local_labelled_z": True})
    assert told(made, NOW + EIGHT) == NOW
    assert told(made, NOW + EIGHT - HOUR) == NOW - HOUR
    assert told(of(time={"local_labelled_z": True, "offset_minutes": 120}), NOW + 2 * HOUR) == NOW


@pytest.mark.req("RB-39")
def test_a_clock_that_was_set_right_against_what_is_known_of_the_make_is_believed() -> None:
    made = of(time={"local_labelled_z": True})
    assert told(made, NOW) == NOW
    assert told(made, NOW - HOUR) == NOW - HOUR
    assert told(made, NOW + EIGHT) == NOW  # set back to local time
    assert told(made, NOW - HOUR) == NOW - HOUR - EIGHT


@pytest.mark.req("RB-39")
def test_some_are_wrong_only_until_their_boot_is_answered() -> None:
    made = of(time={"local_labelled_z": True, "local_until_boot": True})
    assert told(made, NOW + EIGHT, booted=False) == NOW
    assert told(made, NOW - HOUR, booted=True) == NOW - HOUR


@pytest.mark.req("SR-05")
def test_times_without_a_zone_are_read_in_that_of_the_make() -> None:
    made = of(time={"no_zone_means_local": True, "offset_minutes": 420})
    assert told(made, NOW - HOUR) == NOW  # 11:00 without a zone was read as 03:00 UTC and means 04:00


@pytest.mark.req("RB-35")
def test_nonsense_is_left_for_others() -> None:
    made = of(time={"local_labelled_z": True})
    first = datetime.min.replace(tzinfo=UTC)
    assert told(made, first) == first
    assert made.right(status(None), NOW, booted=True) == status(None)
    assert made.right(Heartbeat(), NOW, booted=True) == Heartbeat()


@pytest.mark.req("RB-39")
def test_every_time_of_a_message_is_moved() -> None:
    late = NOW + EIGHT - HOUR
    stop = SessionStopped(
        "7", 10, NOW + EIGHT, StopReason.LOCAL, samples=(Sample(late, CURRENT_IMPORT, 6, "A"),),
        signed=(SignedValue(late, "x"),),
    )  # fmt: skip
    right = of(time={"local_labelled_z": True}).right(stop, NOW, booted=True)
    assert isinstance(right, SessionStopped)
    assert (right.time, right.samples[0].time, right.signed[0].time) == (NOW, NOW - HOUR, NOW - HOUR)


def test_a_power_that_is_always_0_means_nothing() -> None:
    samples = (
        Sample(NOW, POWER_IMPORT, 0, "W"),
        Sample(NOW, CURRENT_IMPORT, 0, "A"),
        Sample(NOW, POWER_IMPORT, 5, "W"),
    )
    right = of(meter={"power_zero": True}).right(MeterReport(1, samples), NOW, booted=True)
    assert isinstance(right, MeterReport)
    assert right.samples == samples[1:]


@pytest.mark.req("RB-51")
def test_a_token_loses_what_it_never_had() -> None:
    made = of(tx={"garbage_on_full_length_tag": True})
    assert made.right(Authorize("ABCDEFGHIJ0123456789\x01\x7f"), NOW, booted=True) == Authorize("ABCDEFGHIJ0123456789")
    assert made.right(Authorize("A B"), NOW, booted=True) == Authorize("A B")


@pytest.mark.req("RB-39", "HP-D7")
def test_what_was_measured_in_the_future_was_measured_when_it_came() -> None:
    late = Sample(NOW - HOUR, CURRENT_IMPORT, 1, "A")
    ahead = Sample(NOW + HOUR, CURRENT_IMPORT, 2, "A", trusted_time=False)
    report = MeterReport(1, (late, ahead), signed=(SignedValue(NOW + HOUR, "x"), SignedValue(NOW, "y")))
    kept = not_ahead(report, NOW)
    assert isinstance(kept, MeterReport)
    assert [sample.time for sample in kept.samples] == [NOW - HOUR, NOW]
    assert [value.time for value in kept.signed] == [NOW, NOW]
    assert not_ahead(MeterReport(1, (late,)), NOW) == MeterReport(1, (late,))


@pytest.mark.req("RB-39")
def test_a_time_that_could_not_be_read_proves_nothing() -> None:
    made = of(time={"local_labelled_z": True})
    lost = Sample(NOW, CURRENT_IMPORT, 1, "A", trusted_time=False)
    assert made.right(MeterReport(1, (lost,)), NOW, booted=True) == MeterReport(1, (lost,))
    assert not made.honest
    kept = Sample(NOW + EIGHT - HOUR, CURRENT_IMPORT, 1, "A", trusted_time=False)
    right = made.right(MeterReport(1, (kept, lost)), NOW, booted=True)
    assert isinstance(right, MeterReport)
    assert [sample.time for sample in right.samples] == [NOW - HOUR, NOW]
