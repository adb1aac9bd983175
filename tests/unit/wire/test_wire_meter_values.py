"""Meter values of both versions become samples in base units."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from csms.model.bounds import SAMPLED_VALUES_MAX
from csms.model.meter import Sample
from csms.wire.meter_values import parse_number, read_samples

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def read(*values: Any, timestamp: object = "2026-03-01T11:59:00Z") -> tuple[Sample, ...]:
    return read_samples({"meterValue": [{"timestamp": timestamp, "sampledValue": list(values)}]}, "meterValue", NOW)


def one(value: Any) -> Sample:
    (sample,) = read(value)
    return sample


def test_what_is_absent_has_its_default() -> None:
    assert one({"value": "1063.77"}) == Sample(
        time=NOW - timedelta(minutes=1),
        measurand="Energy.Active.Import.Register",
        value=1063.77,
        unit="Wh",
        phase="",
        context="Sample.Periodic",
        location="Outlet",
    )


@pytest.mark.req("RB-40", "RB-41", "RB-44", "SR-02")
@pytest.mark.parametrize(
    ("sampled", "value", "unit"),
    [
        ({"value": "0.15002000000000001", "unit": "kWh"}, 150.02, "Wh"),
        ({"value": 10993.94727, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "W"}}, 10993.94727, "W"),
        ({"value": "5.7", "measurand": "Power.Active.Import", "unit": "kW"}, 5700.0, "W"),
        ({"value": "5.7", "measurand": "Power.Active.Import"}, 5.7, "W"),
        ({"value": "16000", "measurand": "Current.Import", "unit": "mA"}, 16.0, "A"),
        ({"value": "230", "measurand": "Voltage"}, 230.0, "V"),
        ({"value": "80", "measurand": "SoC"}, 80.0, "Percent"),
        ({"value": "80", "measurand": "SoC", "unit": "%"}, 80.0, "Percent"),
        ({"value": "25", "measurand": "Temperature", "unit": "Celcius"}, 25.0, "Celsius"),
        ({"value": "77", "measurand": "Temperature", "unit": "Fahrenheit"}, 25.0, "Celsius"),
        ({"value": "298.15", "measurand": "Temperature", "unit": "K"}, 25.0, "Celsius"),
        ({"value": "50", "measurand": "Frequency", "unit": "Hz"}, 50.0, "Hz"),
        ({"value": "50", "measurand": "Frequency", "unit": "Hertz"}, 50.0, "Hz"),
        ({"value": "1", "measurand": "Energy.Reactive.Import.Register", "unit": "kvarh"}, 1000.0, "varh"),
        ({"value": "0.98", "measurand": "Power.Factor"}, 0.98, ""),
        ({"value": "1.5", "unit": "MWh"}, 1.5e6, "Wh"),
        ({"value": 3, "unitOfMeasure": {"unit": "Wh", "multiplier": 3}}, 3000.0, "Wh"),
        ({"value": 3, "unitOfMeasure": {"multiplier": -1}}, 0.3, "Wh"),
        ({"value": 2, "unitOfMeasure": {"unit": "kWh", "multiplier": 1}}, 20000.0, "Wh"),
        ({"value": "7", "measurand": "Fan", "unit": "RPM"}, 7.0, "RPM"),
        ({"value": "7", "unit": ""}, 7.0, "Wh"),
    ],
)
def test_units(sampled: dict[str, Any], value: float, unit: str) -> None:
    sample = one(sampled)
    assert sample.value == pytest.approx(value)
    assert sample.unit == unit


@pytest.mark.req("RB-45")
@pytest.mark.parametrize(
    ("sampled", "expected"),
    [
        ({"measurand": "Current.Import.L1"}, ("Current.Import", "L1", "Outlet")),
        ({"measurand": "Voltage.L1-N"}, ("Voltage", "L1-N", "Outlet")),
        ({"measurand": "Power.Active.Import.Inlet"}, ("Power.Active.Import", "", "Inlet")),
        ({"measurand": "Power.Active.Import.L2.Inlet"}, ("Power.Active.Import", "L2", "Inlet")),
        ({"measurand": "Current.Import.L1", "phase": "L2"}, ("Current.Import", "L2", "Outlet")),
        ({"measurand": "L1"}, ("L1", "", "Outlet")),
        ({"measurand": "Current.Import", "phase": "L3", "location": "Cable"}, ("Current.Import", "L3", "Cable")),
    ],
)
def test_suffixes_of_measurands(sampled: dict[str, Any], expected: tuple[str, str, str]) -> None:
    sample = one({"value": "1", **sampled})
    assert (sample.measurand, sample.phase, sample.location) == expected


@pytest.mark.req("RB-42", "RB-43", "SR-02")
@pytest.mark.parametrize(
    "bad",
    [
        {"value": ""},
        {"value": "  "},
        {"value": "nan"},
        {"value": "inf"},
        {"value": "1e999"},
        {"value": "1_000"},
        {"value": "12 kWh"},
        {"value": "٣"},
        {"value": "9" * 70},
        {"value": True},
        {"value": None},
        {"value": []},
        {"value": 1e13},
        {"value": "2000000000", "unit": "kWh"},
        {"value": 1, "unitOfMeasure": {"multiplier": 400}},
        {"value": 1, "unitOfMeasure": {"multiplier": "3"}},
        {"value": '{"FV":"1.0"}', "format": "SignedData"},
        {"value": "1234", "format": "SignedData"},
        {"measurand": "SoC"},
        {},
        "text",
        7,
        None,
    ],
)
def test_a_bad_value_is_dropped_and_the_others_kept(bad: object) -> None:
    assert [sample.value for sample in read({"value": "1"}, bad, {"value": "2"})] == [1.0, 2.0]


def test_signed_data_beside_a_number_stays_out() -> None:
    assert one({"value": 140.3, "signedMeterValue": {"signedMeterData": "AA=="}}).value == 140.3


@pytest.mark.req("RB-44")
def test_unknown_words_are_stored_in_bounds() -> None:
    sample = one({"value": "1", "context": "CurrentMax", "measurand": "M" * 500, "phase": "X\0Y", "unit": "U" * 90})
    assert (sample.context, len(sample.measurand), sample.phase, len(sample.unit)) == ("CurrentMax", 64, "XY", 20)


@pytest.mark.req("HP-D7", "RB-35")
@pytest.mark.parametrize("timestamp", ["yesterday", None, "1970-01-01T00:26:17Z", "2026-03-02T20:00:00Z", 5])
def test_a_time_that_cannot_be_is_the_time_of_arrival(timestamp: object) -> None:
    (sample,) = read({"value": "1"}, timestamp=timestamp)
    assert (sample.time, sample.trusted_time) == (NOW, False)


@pytest.mark.req("RB-39")
def test_what_may_be_local_time_is_kept_and_not_trusted() -> None:
    (sample,) = read({"value": "1"}, timestamp="2026-03-01T20:00:00Z")
    assert (sample.time, sample.trusted_time) == (datetime(2026, 3, 1, 20, tzinfo=UTC), False)


@pytest.mark.req("RB-36", "RB-60")
def test_old_samples_keep_their_time() -> None:
    (sample,) = read({"value": "1"}, timestamp="2021-03-01T12:00:00Z")
    assert (sample.time, sample.trusted_time) == (datetime(2021, 3, 1, 12, tzinfo=UTC), True)


@pytest.mark.parametrize("values", [None, [], "x", [5], [{}], [{"sampledValue": None}], [{"sampledValue": [[]]}], {}])
def test_no_values_at_all(values: object) -> None:
    assert read_samples({"meterValue": values}, "meterValue", NOW) == ()
    assert read_samples({}, "meterValue", NOW) == ()


def test_the_number_of_samples_is_bounded() -> None:
    assert len(read(*({"value": "1"} for _ in range(SAMPLED_VALUES_MAX + 10)))) == SAMPLED_VALUES_MAX


@pytest.mark.parametrize(
    ("value", "number"),
    [("+1.5e3", 1500.0), (".5", 0.5), ("-3", -3.0), ("3.", 3.0), (10**400, None), (float("inf"), None), ("", None)],
)
def test_numbers(value: object, number: float | None) -> None:
    assert parse_number(value) == number
