"""What its meter values look like: units, phases, measurands, and what is missing or too much.

Nothing here remembers anything while a message is built, for that may happen later and more than once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from device_sim.behaviour import Quirk, meter_values, rewritten
from device_sim.outgoing import Message, Payload
from device_sim.readings import CURRENT, ENERGY, POWER, VOLTAGE
from device_sim.station import written
from firmware_profiles import FirmwareProfile

Value = dict[str, Any]
Values = list[Value]

INTERVAL, OFFERED, POWER_OFFERED = "Energy.Active.Import.Interval", "Current.Offered", "Power.Offered"
EDGE_WH = 4_294_960_000
INT32_MAX = 2**31 - 1
NOISE = 1.0000000000000002
HISTORY, TOGETHER, YEAR_S = 4, 5, 365 * 86_400.0
METER_ACTIONS = ("MeterValues", "StopTransaction", "TransactionEvent")


@dataclass(frozen=True, slots=True)
class Moment:
    """What a message needs to know of its time: register at the start and at the last sample, the current offered."""

    start_wh: float
    before_wh: float
    offered_a: float


Change = Callable[[Values, Moment], Values]


class Measuring(Quirk):
    """Each change is a step of its own from values to values; units come last, after sums and differences."""

    def __init__(self, profile: FirmwareProfile) -> None:
        self._meter = profile.meter
        self._offers = "offered" in profile.limits.confirm_by
        self._start_wh = 0.0
        self._last_wh = 0.0
        self._last_sent_s = 0.0
        self._replayed = False
        meter = profile.meter
        steps: tuple[tuple[bool, Change], ...] = (
            (bool(meter.measurands), self._selected),
            (meter.no_power and not meter.power_zero and POWER not in meter.measurands, self._without_power),
            (meter.power_zero, self._powerless),
            (meter.register_resets, self._of_session),
            (meter.register_wraps_32bit, self._at_the_edge),
            (meter.interval_energy, self._with_interval),
            (meter.per_phase_only, self._by_phase),
            (bool(meter.frequency_unit), self._with_frequency),
            (bool(meter.odd_context), self._with_odd_context),
            (meter.energy_unit == "kWh", lambda values, _: _in_thousands(values, "Wh")),
            (meter.power_unit == "kW", lambda values, _: _in_thousands(values, "W")),
            (meter.float_noise, self._noisy),
            (meter.suffixed_measurands, self._suffixed),
            (meter.empty_values, self._with_empty),
        )
        self._steps = [change for wanted, change in steps if wanted]

    # -- messages ----------------------------------------------------------------------------------------------------

    def said(self, message: Message) -> Iterable[Message]:
        """Messages with values are changed, dropped or doubled."""
        if message.action == "StartTransaction":
            return (self._started(message),)
        if message.action not in METER_ACTIONS:
            return (message,)
        if message.action == "MeterValues" and self._drops(message.build()):
            return ()
        changed = rewritten(message, partial(self._changed_message, self._moment()))
        return (changed, *self._more(changed)) if message.action == "MeterValues" else (changed,)

    def booted(self) -> None:
        """Old samples come once, at the first connection."""
        if self._meter.replays_history and not self._replayed:
            self._replayed = True
            for number in range(HISTORY):
                self.station.say("MeterValues", lambda number=number: self._old(number), durable=True)  # type: ignore[misc]

    def _old(self, number: int) -> Payload:
        entries = [self._old_entry(number * TOGETHER + place) for place in range(TOGETHER)]
        return {"connectorId": 1, "meterValue": entries}

    def _old_entry(self, number: int) -> dict[str, Any]:
        at_s = self.station.pile.at_s - YEAR_S * (2 - number / (HISTORY * TOGETHER))
        value = {"value": f"{number * 1.5:.2f}", "unit": "kWh", "measurand": ENERGY}
        return {"timestamp": written(at_s), "sampledValue": [value]}

    def _started(self, message: Message) -> Message:
        moment = self._moment()
        return rewritten(message, lambda p: p | {"meterStart": self._register(p["meterStart"], moment)})

    def _moment(self) -> Moment:
        """Taken when a message is made, because it may be built later, and more than once."""
        tx = self.station.transaction
        self._start_wh = self._start_wh if tx is None else tx.start_wh
        before_wh, self._last_wh = self._last_wh, self.station.pile.register_wh
        limit_a = self.station.pile.limit().current_a if self._offers else 0.0
        return Moment(self._start_wh, max(before_wh, self._start_wh), limit_a)

    def _register(self, wh: int, moment: Moment) -> int:
        """A register in StartTransaction and StopTransaction, which know whole Wh of 32 bits only."""
        if self._meter.register_resets:
            return max(0, round(wh - moment.start_wh))
        return min(wh + EDGE_WH, INT32_MAX) if self._meter.register_wraps_32bit else wh

    def _drops(self, payload: Payload) -> bool:
        triggered = any(value.get("context") == "Trigger" for e in meter_values(payload) for value in e["sampledValue"])
        if self._meter.none or (self._meter.only_on_trigger and not triggered):
            return True
        now_s = self.station.pile.at_s
        if not triggered and now_s - self._last_sent_s < self._meter.interval_min_s:
            return True
        self._last_sent_s = now_s
        return False

    def _more(self, message: Message) -> Iterable[Message]:
        if self._meter.empty_samples:
            yield rewritten(message, _emptied)
        if self._meter.connector0_values:
            yield rewritten(message, _of_connector0)

    def _changed_message(self, moment: Moment, payload: Payload) -> Payload:
        for name in ("meterValue", "transactionData"):
            if name in payload:
                payload[name] = [e | {"sampledValue": self._changed(e["sampledValue"], moment)} for e in payload[name]]
                payload[name] = [e for e in payload[name] if e["sampledValue"] and not self._meter.none]
        if not payload.get("transactionData", [1]):
            del payload["transactionData"]
        if not payload.get("meterValue", [1]):
            del payload["meterValue"]
        if "meterStop" in payload:
            payload["meterStop"] = self._register(payload["meterStop"], moment)
        return payload

    def _changed(self, values: Values, moment: Moment) -> Values:
        for change in self._steps:
            values = change(values, moment)
        return values

    # -- which values ------------------------------------------------------------------------------------------------

    def _selected(self, values: Values, moment: Moment) -> Values:
        wanted = self._meter.measurands
        kept = [value for value in values if value["measurand"] in wanted or value["measurand"] == ENERGY]
        offers_a = moment.offered_a
        volts = self.station.spec.voltage_v * self.station.spec.phases
        for name, number, unit in ((OFFERED, offers_a, "A"), (POWER_OFFERED, offers_a * volts, "W")):
            if name in wanted:
                kept.append(_like(values[0], name, round(number, 1), unit))
        return kept

    def _without_power(self, values: Values, moment: Moment) -> Values:
        return [value for value in values if value["measurand"] != POWER]

    def _powerless(self, values: Values, moment: Moment) -> Values:
        return [_put(value, 0.0) if value["measurand"] == POWER else value for value in values]

    def _with_interval(self, values: Values, moment: Moment) -> Values:
        registers = [value for value in values if value["measurand"] == ENERGY]
        if not registers:
            return values
        now_wh = _number(registers[0])
        shown_wh = now_wh if self._meter.interval_equals_register else max(0.0, now_wh - moment.before_wh)
        return [*values, _like(registers[0], INTERVAL, shown_wh, "Wh")]

    def _with_frequency(self, values: Values, moment: Moment) -> Values:
        return [*values, _like(values[0], "Frequency", 50.0, self._meter.frequency_unit)] if values else values

    def _with_odd_context(self, values: Values, moment: Moment) -> Values:
        return [*values, {"value": "16.00", "context": self._meter.odd_context, "unit": "A"}]

    def _with_empty(self, values: Values, moment: Moment) -> Values:
        return [value | {"value": ""} if value.get("measurand", "").startswith(VOLTAGE) else value for value in values]

    # -- registers ---------------------------------------------------------------------------------------------------

    def _of_session(self, values: Values, moment: Moment) -> Values:
        return [_put(v, max(0.0, _number(v) - moment.start_wh)) if v.get("measurand") == ENERGY else v for v in values]

    def _at_the_edge(self, values: Values, moment: Moment) -> Values:
        return [_put(v, _number(v) + EDGE_WH) if v.get("measurand") == ENERGY else v for v in values]

    def _by_phase(self, values: Values, moment: Moment) -> Values:
        split = []
        for value in values:
            if value.get("measurand") == ENERGY and "phase" not in value:
                third = _put(value, _number(value) / 3.0) | {"format": "Raw"}
                split += [third | {"phase": phase} for phase in ("L1", "L2", "L3")]
            else:
                split.append(value)
        return split

    # -- how they are written ----------------------------------------------------------------------------------------

    def _noisy(self, values: Values, moment: Moment) -> Values:
        return [
            v | {"value": _text(v, f"{_number(v) * NOISE:.17g}")} if v["measurand"] == ENERGY else v for v in values
        ]

    def _suffixed(self, values: Values, moment: Moment) -> Values:
        return [
            _without_phase(v) | {"measurand": f"{v['measurand']}.{v['phase'][:2]}"}
            if v.get("phase") and v.get("measurand") in (CURRENT, VOLTAGE)
            else v
            for v in values
        ]


def _in_thousands(values: Values, unit: str) -> Values:
    return [_in_unit(_put(v, _number(v) / 1000.0), f"k{unit}") if _unit(v) == unit else v for v in values]


def _number(value: Value) -> float:
    return float(value["value"])


def _text(value: Value, text: str) -> Any:
    """1.6 writes texts, 2.0.1 numbers."""
    return text if isinstance(value["value"], str) else float(text)


def _put(value: Value, number: float) -> Value:
    return value | {"value": _text(value, f"{number:.6f}".rstrip("0").rstrip("."))}


def _unit(value: Value) -> str:
    return str(value.get("unit") or value.get("unitOfMeasure", {}).get("unit", ""))


def _in_unit(value: Value, unit: str) -> Value:
    return value | ({"unit": unit} if "unit" in value else {"unitOfMeasure": {"unit": unit}})


def _like(value: Value, measurand: str, number: float, unit: str) -> Value:
    """Another measurand beside this one, of all phases together."""
    return _in_unit(_put(_without_phase(value), number), unit) | {"measurand": measurand}


def _without_phase(value: Value) -> Value:
    return {key: item for key, item in value.items() if key != "phase"}


def _emptied(payload: Payload) -> Payload:
    return payload | {"meterValue": [entry | {"sampledValue": []} for entry in meter_values(payload)]}


def _of_connector0(payload: Payload) -> Payload:
    return {key: value for key, value in payload.items() if key != "transactionId"} | {"connectorId": 0}
