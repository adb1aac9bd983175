"""Valid messages out of the JSON schemas of the `ocpp` package: seeded, fields in and out, lengths at their bounds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from random import Random
from typing import Any

from csms.model.station import Protocol

Schema = Mapping[str, Any]
Json = Any

FOLDERS = {Protocol.OCPP16: "v16", Protocol.OCPP201: "v201", Protocol.OCPP21: "v21"}
PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.: /"
STRANGE = "äß€充电站🔌\x7f\u2028\"\\\n\t\x00'<"
TIMES = (
    "2026-03-01T11:59:00Z",
    "2026-03-01T11:59:00.123Z",
    "2026-03-01T19:59:00+08:00",
    "2026-03-01T11:59:00.1234567-05:30",
)
ODD_TIMES = (*TIMES, "2026-03-01T11:59:00", "2026-03-01 11:59:00", "2026-03-01T19:59:00+0800", "yesterday", "")
SENDS = ("NotifyPeriodicEventStream",)
"""What a station says without waiting for an answer, from 2.1 on."""
OPEN_TEXT_MAX = 60
"""How long texts without a bound become."""
LONG_TEXT_MAX = 6000
"""Where the bound is more: signed meter values of 2.1 may have 32768 characters, of which two fill a frame."""


def actions(protocol: Protocol) -> list[str]:
    """Every request of a version, of stations and of central systems."""
    names = {entry.name for entry in (resources.files("ocpp") / FOLDERS[protocol] / "schemas").iterdir()}
    return sorted(name.removesuffix("Response.json") for name in names if name.endswith("Response.json"))


@cache
def schema_of(protocol: Protocol, action: str) -> Schema:
    """The schema of a request, of an answer (`ResetResponse`), or of what nobody answers (2.1)."""
    folder = resources.files("ocpp") / FOLDERS[protocol] / "schemas"
    plain = protocol is Protocol.OCPP16 or action.endswith("Response") or action in SENDS
    schema: Schema = json.loads((folder / f"{action if plain else f'{action}Request'}.json").read_text("utf-8-sig"))
    return schema


def resolved(schema: Schema, root: Schema) -> Schema:
    """The schema that a reference within `root` points to."""
    while "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


class Examples:
    """Valid payloads of one request or answer; `ordinary` keeps to what stations write on a good day."""

    def __init__(self, protocol: Protocol, action: str, rng: Random, *, ordinary: bool = False) -> None:
        self.root = schema_of(protocol, action)
        self._rng, self._ordinary = rng, ordinary
        self._richness, self._everything = 0.5, False
        self._makers: Mapping[str, Callable[[Schema, str], Json]] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": self._integer,
            "number": self._number,
            "boolean": lambda schema, name: rng.random() < 0.5,
        }

    def payload(self) -> dict[str, Json]:
        """The next one: anything from the required fields alone to all there are."""
        self._richness = self._rng.choice((0.0, 0.3, 0.5, 0.8, 1.0))
        return self._object(self.root, "")

    def bare(self) -> dict[str, Json]:
        """One with the required fields alone."""
        self._richness = 0.0
        return self._object(self.root, "")

    def whole(self) -> dict[str, Json]:
        """One with every field there is, at every depth."""
        self._richness, self._everything = 1.0, True
        payload = self._object(self.root, "")
        self._everything = False
        return payload

    def _value(self, schema: Schema, name: str) -> Json:
        schema = resolved(schema, self.root)
        if "enum" in schema:
            return self._rng.choice(schema["enum"])
        if "type" not in schema:
            return self._anything()
        return self._makers[schema["type"]](schema, name)

    def _object(self, schema: Schema, name: str) -> dict[str, Json]:
        required, rng = schema.get("required", ()), self._rng
        properties = schema.get("properties", {})
        kept = [key for key in properties if key in required or (self._fits(key) and rng.random() < self._richness)]
        rng.shuffle(kept)
        value = {key: self._value(properties[key], key) for key in kept}
        if schema.get("additionalProperties") is not False and name and rng.random() < 0.3:
            value["extra"] = self._anything()
        return value

    def _fits(self, key: str) -> bool:
        return self._everything or not (self._ordinary and key in ("customData", "signedMeterValue", "format"))

    def _array(self, schema: Schema, name: str) -> list[Json]:
        least, most = schema.get("minItems", 0), schema.get("maxItems", 4)
        if most <= 4 and self._rng.random() < 0.2:
            count = most
        else:
            count = min(most, least + self._rng.choice((0, 0, 0, 1, 1, 2)))
        return [self._value(schema["items"], name) for _ in range(max(count, 1 if self._ordinary else 0))]

    def _string(self, schema: Schema, name: str) -> str:
        rng = self._rng
        if schema.get("format") == "date-time":
            return rng.choice(TIMES if self._ordinary else ODD_TIMES)
        if schema.get("format") == "uri" and self._ordinary:
            return f"https://files.example/{rng.randint(1, 99)}"
        if name == "value" and (self._ordinary or rng.random() < 0.7):
            return rng.choice(("0", "17", "230.5", "5712345", "-3.25", "1e3"))
        most = min(schema.get("maxLength", OPEN_TEXT_MAX), LONG_TEXT_MAX)
        if self._ordinary:
            return "".join(rng.choices(PLAIN[:62], k=rng.randint(1, min(most, 20))))
        length = rng.choice((0, 1, most, most, rng.randint(0, most), rng.randint(0, min(most, 20))))
        return "".join(rng.choices(STRANGE if rng.random() < 0.15 else PLAIN, k=length))

    def _integer(self, schema: Schema, name: str) -> int:
        least, most = schema.get("minimum"), schema.get("maximum")
        bounds = [bound for bound in (least, most) if bound is not None]
        low = 0 if least is None else int(least)
        if self._ordinary:
            return self._rng.randint(low, low + 9 if most is None else min(int(most), low + 9))
        free = (0, 1, -1, 7, 2**31 - 1, -(2**31), 2**53 + 1) if not bounds else ()
        high = min(low + (5 if bounds else 10_000), int(most) if most is not None else 2**31)
        return int(self._rng.choice([*bounds, *free, self._rng.randint(min(low, high), high)]))

    def _number(self, schema: Schema, name: str) -> float:
        rng = self._rng
        low = schema.get("minimum", -1000 if not self._ordinary else 0)
        value = rng.uniform(low, schema.get("maximum", 100_000))
        choices = (round(value), round(value, 1), float(round(value)), 0.1 * round(value * 10), round(value, 1))
        number = rng.choice(choices[:3] if "multipleOf" in schema else choices)
        bounded: float = min(max(number, low), schema.get("maximum", number))
        return bounded

    def _anything(self) -> Json:
        return self._rng.choice((None, True, 5, -0.5, "text", "", [1, [2]], {"vendor": {"deep": [None]}}, {}))
