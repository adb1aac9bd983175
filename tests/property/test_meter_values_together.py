"""Frequent meter values are read in one go; that must give what reading one value after the other gives."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from csms import ocpp16, ocpp201
from csms.model.inbound import MeterReport
from csms.model.meter import Sample, Samples, Shape, Together
from csms.station.metering import readings
from csms.store.catalogue import Catalogue
from csms.store.change import SampleBatch
from csms.wire.codec import Codec
from csms.wire.frames import Call, decode

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CODEC_16, CODEC_201 = Codec(ocpp16.TRANSLATOR), Codec(ocpp201.TRANSLATOR)

MEASURANDS = st.sampled_from(
    ["Energy.Active.Import.Register", "Power.Active.Import", "Current.Import", "Voltage", "SoC", "Frequency"]
)
ODD_NUMBERS = ["nan", "NaN", "inf", "-inf", "Infinity", "1_000", "٣", " 5 ", "5\u00a0", "", "-", "1e3", "1e999", "1e13"]
TEXTS = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from([*ODD_NUMBERS, "9" * 40]),
)
WORDS_16 = st.fixed_dictionaries(
    {"value": TEXTS},
    optional={
        "measurand": MEASURANDS,
        "phase": st.sampled_from(["L1", "L2", "L3", "N", "L1-N"]),
        "context": st.sampled_from(["Sample.Periodic", "Transaction.Begin"]),
        "location": st.sampled_from(["Outlet", "Inlet", "EV"]),
        "unit": st.sampled_from(["Wh", "kWh", "W", "kW", "A", "V", "Percent", "Fahrenheit", "K"]),
        "format": st.sampled_from(["Raw", "SignedData"]),
    },
)
WORDS_201 = st.fixed_dictionaries(
    {"value": st.one_of(st.integers(-(10**13), 10**13), st.floats(allow_nan=False, allow_infinity=False))},
    optional={
        "measurand": MEASURANDS,
        "phase": st.sampled_from(["L1", "L2", "L3"]),
        "location": st.sampled_from(["Outlet", "Inlet"]),
        "unitOfMeasure": st.fixed_dictionaries(
            {}, optional={"unit": st.sampled_from(["Wh", "kWh", "mV"]), "multiplier": st.integers(-14, 14)}
        ),
    },
)


def read_both_ways(codec: Codec, payload: dict[str, Any]) -> tuple[MeterReport, MeterReport] | None:
    """By the frequent way and by the general one; None when the frequent way declines."""
    frame = orjson.dumps([2, "1", "MeterValues", payload])
    hot, call = codec.decode_hot(frame, NOW), decode(frame, codec.protocol)
    if hot is None:
        return None
    assert isinstance(call, Call)
    general = codec.decode_call(call, NOW).message
    assert isinstance(hot.message, MeterReport)
    assert isinstance(general, MeterReport)
    return hot.message, general


@given(st.lists(WORDS_16, min_size=1, max_size=20), st.sampled_from(["2026-03-01T11:59:00Z", "2026-03-01T13:00", "?"]))
@example([{"value": text} for text in ["1", *ODD_NUMBERS]], "2026-03-01T11:59:00Z")
@example([{"value": "1"}, {"value": "nan"}], "2026-03-01T11:59:00Z")
def test_texts_of_1_6(sampled: list[dict[str, str]], time: str) -> None:
    both = read_both_ways(CODEC_16, {"connectorId": 1, "meterValue": [{"timestamp": time, "sampledValue": sampled}]})
    assert both is None or both[0] == both[1]
    signed = any(value.get("format") == "SignedData" for value in sampled)
    assert (both is None) == signed


@given(st.lists(WORDS_201, min_size=1, max_size=20))
def test_numbers_of_2_0_1(sampled: list[dict[str, Any]]) -> None:
    value = {"timestamp": "2026-03-01T11:59:00Z", "sampledValue": sampled}
    both = read_both_ways(CODEC_201, {"evseId": 1, "meterValue": [value]})
    assert both is None or both[0] == both[1]


def test_usual_values_come_together_in_one_shape() -> None:
    value = {"timestamp": "2026-03-01T11:59:00Z", "sampledValue": [{"value": "7"}, {"value": "2", "measurand": "SoC"}]}
    payload = {"connectorId": 1, "meterValue": [value]}
    shapes = set()
    for _ in range(2):
        both = read_both_ways(CODEC_16, payload)
        assert both is not None
        assert isinstance(both[0].samples, Together)
        shapes.add(both[0].samples.shape)
    assert len(shapes) == 1


QUANTITIES = st.tuples(
    MEASURANDS,
    st.sampled_from(["", "L1", "L2"]),
    st.just("Sample.Periodic"),
    st.sampled_from(["Outlet", "Inlet"]),
    st.just("W"),
)


@given(st.lists(st.tuples(QUANTITIES, st.floats(-1e6, 1e6)), min_size=1, max_size=6))
def test_what_follows_from_samples_does_not_depend_on_how_they_are_kept(told: list[tuple[Any, float]]) -> None:
    together: Samples = Together(Shape(quantity for quantity, _ in told), NOW, [value for _, value in told], True)
    apart: tuple[Sample, ...] = tuple(together)
    assert together == apart
    assert hash(together) == hash(apart)
    assert (len(together), together[0], together[-1]) == (len(apart), apart[0], apart[-1])
    assert list(readings(together)) == list(readings(apart))
    assert rows(together) == rows(apart)


def rows(samples: Samples) -> list[Any]:
    catalogue, batch = Catalogue(), SampleBatch("CP1", 1, NOW, samples, 7)
    unknown = catalogue.unknown([batch])
    catalogue.learn(
        ((key, 1) for key in unknown.points), ((key, place) for place, key in enumerate(unknown.quantities))
    )
    return catalogue.rows([batch], lambda moment: moment)
