"""Meter values of every version as samples in base units (field rules SR-02, RB-35, RB-38, RB-40 to RB-46).

One bad value is dropped and the others are kept; nothing here raises. Signed data is no number and is read apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import islice
from math import isfinite
from typing import Any

from csms.model.bounds import CLOCK_SKEW_FLAG_S, METER_REGISTER_WH_MAX, SAMPLED_VALUES_MAX
from csms.model.meter import ENERGY_REGISTER, Sample, Shape, SignedValue, Together
from csms.wire import reading, units
from csms.wire.times import parse_time

NAME_LENGTH_MAX = 64
"""Measurands, contexts and the like; the longest of OCPP 2.1 has 41 characters."""

MULTIPLIER_MAX = 12
"""Powers of ten that honest meters use; a larger one only overflows."""

WORD_LENGTH_MAX = 4 * NAME_LENGTH_MAX
"""Longer words are cut before they are even looked at, so that none of any size is remembered."""

FORMS_KEPT_MAX = 4096
"""Sets of words remembered; a thousand stations of ten makes use some dozens."""

TOGETHER_MAX = 16
"""Values of one moment that are read by their shape; more are read one by one."""

FIRST_YEAR = 2010
"""Before OCPP existed: a clock that was never set (RB-35)."""

_LEAST, _MOST = -float(METER_REGISTER_WH_MAX), float(METER_REGISTER_WH_MAX)
"""As floats, because a float is compared with an integer by way of long arithmetic."""

_AHEAD_MAX = timedelta(seconds=CLOCK_SKEW_FLAG_S)
ZONE_MAX = timedelta(hours=14)
"""The local time that is farthest ahead of UTC."""
_PHASES = frozenset({"L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1"})
_LOCATIONS = frozenset({"Body", "Cable", "EV", "Inlet", "Outlet"})


def read_samples(payload: Mapping[str, Any], key: str, received_at: datetime, zone: tzinfo = UTC) -> tuple[Sample, ...]:
    """The samples in the list of meter values under `key`, at most SAMPLED_VALUES_MAX of them.

    A time that cannot be read, or that no set clock shows, becomes the time of arrival, marked as not trusted; one that
    lies ahead as local time would is kept, not trusted either.
    """
    return tuple(islice(_samples(reading.items(payload, key), received_at, zone), SAMPLED_VALUES_MAX))


def _samples(values: list[Mapping[str, Any]], received_at: datetime, zone: tzinfo) -> Iterator[Sample]:
    for value in values:
        time, trusted = sample_time(value.get("timestamp"), received_at, zone)
        for sampled in reading.items(value, "sampledValue"):
            sample = _sample(sampled, time, trusted)
            if sample is not None:
                yield sample


def sample_time(value: object, received_at: datetime, zone: tzinfo = UTC) -> tuple[datetime, bool]:
    """The time of a meter value, and whether it can be; `received_at` for one that no clock of any zone shows."""
    time = parse_time(value, zone)
    if time is None or time.year < FIRST_YEAR:
        return received_at, False
    if time <= received_at:
        return time, True
    ahead = time - received_at
    return (time, ahead <= _AHEAD_MAX) if ahead <= ZONE_MAX else (received_at, False)


def read_signed(
    payload: Mapping[str, Any], key: str, received_at: datetime, zone: tzinfo = UTC
) -> tuple[SignedValue, ...]:
    """The signed values in the same list: `format` SignedData in 1.6 (often OCMF), `signedMeterValue` in 2.0.1."""
    return tuple(islice(_signed_values(reading.items(payload, key), received_at, zone), SAMPLED_VALUES_MAX))


def _signed_values(values: list[Mapping[str, Any]], received_at: datetime, zone: tzinfo) -> Iterator[SignedValue]:
    for value in values:
        time, _ = sample_time(value.get("timestamp"), received_at, zone)
        for sampled in reading.items(value, "sampledValue"):
            signed = _signed(sampled, time)
            if signed is not None and signed.data:
                yield signed


def _signed(sampled: Mapping[str, Any], time: datetime) -> SignedValue | None:
    measurand, context = (_clean(reading.text(sampled, key)) for key in ("measurand", "context"))
    if sampled.get("format") == "SignedData":
        return SignedValue(time, reading.text(sampled, "value"), measurand, context)
    told = reading.section(sampled, "signedMeterValue")
    if not told:
        return None
    return SignedValue(
        time=time,
        data=reading.text(told, "signedMeterData"),
        measurand=measurand,
        context=context,
        signing=_clean(reading.text(told, "signingMethod")),
        encoding=_clean(reading.text(told, "encodingMethod")),
        public_key=reading.text(told, "publicKey"),
    )


def _sample(sampled: Mapping[str, Any], time: datetime, trusted: bool) -> Sample | None:
    value = _value(sampled)
    if value is None or sampled.get("format") == "SignedData":
        return None
    words = (reading.text(sampled, key)[:WORD_LENGTH_MAX] for key in ("measurand", "phase", "context", "location"))
    unit = reading.text(sampled, "unit").strip() or reading.text(reading.section(sampled, "unitOfMeasure"), "unit")
    return form(*words, unit[:WORD_LENGTH_MAX]).sample(time, value, trusted)


NO_OFFSET = -0.0
"""What changes no value when it is added, not even the sign of a zero."""


@dataclass(frozen=True, slots=True)
class Form:
    """How values under one set of words are read: the words in order, and the way to the base unit."""

    measurand: str
    unit: str
    phase: str
    context: str
    location: str
    factor: float
    offset: float

    def sample(self, time: datetime, value: float, trusted: bool) -> Sample | None:
        """The value in its base unit; None when no meter shows so much."""
        value = value * self.factor + self.offset
        if not _LEAST <= value <= _MOST:
            return None
        return Sample(time, self.measurand, value, self.unit, self.phase, self.context, self.location, trusted)


@lru_cache(maxsize=FORMS_KEPT_MAX)
def form(measurand: str, phase: str, context: str, location: str, unit: str) -> Form:
    """The form for words as they came; stations repeat a handful of them for ever, so it is worked out once."""
    whole = _clean(measurand) or ENERGY_REGISTER
    named, of_phase, of_location = _split(whole)
    factor, offset, base = units.scale(_clean(unit) or units.default_unit(named))
    return Form(
        measurand=named,
        unit=base,
        phase=_clean(phase) or of_phase,
        context=_clean(context) or "Sample.Periodic",
        location=_clean(location) or of_location or "Outlet",
        factor=factor,
        offset=offset or NO_OFFSET,
    )


class Forms:
    """How the values of one moment are read that come under these forms in this order."""

    __slots__ = ("_scales", "shape")

    def __init__(self, forms: Sequence[Form]) -> None:
        self.shape = Shape((form.measurand, form.phase, form.context, form.location, form.unit) for form in forms)
        scaled = any(form.factor != 1.0 or form.offset for form in forms)
        self._scales = [(form.factor, form.offset) for form in forms] if scaled else None

    def samples(self, time: datetime, values: Sequence[float], *, trusted: bool) -> Together | None:
        """The values in their base units; None when one of them is more than any meter shows."""
        if self._scales is not None:
            values = [value * factor + offset for value, (factor, offset) in zip(values, self._scales, strict=True)]
        for value in values:
            if not _LEAST <= value <= _MOST:
                return None
        return Together(self.shape, time, values, trusted)


def _value(sampled: Mapping[str, Any]) -> float | None:
    """The number times its power of ten (2.0.1); None for what is no finite number."""
    measure = reading.section(sampled, "unitOfMeasure")
    if "multiplier" not in measure:
        return parse_number(sampled.get("value"))
    multiplier = reading.optional_number(measure, "multiplier")
    return None if multiplier is None else scaled(sampled.get("value"), multiplier)


def scaled(value: object, multiplier: int | None) -> float | None:
    """The number times its power of ten; None for what is no finite number."""
    number = parse_number(value)
    if number is None or not multiplier:
        return number
    return None if abs(multiplier) > MULTIPLIER_MAX else number * 10.0**multiplier


def parse_number(value: object) -> float | None:
    """A finite number, given as one or as text; None for anything else."""
    if isinstance(value, str):
        return read_number(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e300:
        number = float(value)
        return number if isfinite(number) else None
    return None


def read_number(text: str) -> float | None:
    """A finite number as JSON and people write them; Python alone would also take 1_000 and Arabic digits."""
    text = text.strip()
    if "_" in text or len(text) > NAME_LENGTH_MAX or not text.isascii():
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None


def read_numbers(texts: Iterable[str]) -> list[float] | None:
    """Each as `read_number` has it; None when one of them has to be looked at by itself."""
    together = "".join(texts)
    if "_" in together or len(together) > NAME_LENGTH_MAX or not together.isascii():
        return None
    try:
        numbers = list(map(float, texts))
    except ValueError:
        return None
    return numbers if isfinite(sum(numbers)) else None


def _split(measurand: str) -> tuple[str, str, str]:
    """`Current.Import.L1` is a measurand with its phase, `Power.Active.Import.Inlet` one with its location (RB-45)."""
    phase = location = ""
    while True:
        head, _, tail = measurand.rpartition(".")
        if not head or tail not in _PHASES | _LOCATIONS:
            return measurand, phase, location
        measurand = head
        phase, location = (tail, location) if tail in _PHASES else (phase, tail)


def _clean(word: str) -> str:
    return word.replace("\0", "").strip()[:NAME_LENGTH_MAX]
