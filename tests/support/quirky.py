"""A simulated station with the facts that a test states, driven by hand: no network, no time but what the test says."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ClassVar

from device_sim.client16 import Station16
from device_sim.client201 import Station201
from device_sim.clock import SimClock
from device_sim.outgoing import Message
from device_sim.pile import PileSpec
from device_sim.quirks import behave_as
from device_sim.sessions import Session, Visit
from device_sim.station import Station
from device_sim.stats import FleetStats
from firmware_profiles import Book, FirmwareProfile, load, shipped, use
from tests.support.simulated import BEGIN, car

BEGIN_S = BEGIN.timestamp()
STATION = """
[[stations]]
id = "{id}"
feeder = "T1"
kind = "{kind}"
phases = {phases}
current_max_a = {current_a}
power_max_kw = {power_kw}
evses = {evses}
"""


def facts(*, vendor: str = "Maker*", ids: str = "", **tables: dict[str, Any]) -> FirmwareProfile:
    """A profile of some maker with these facts: `facts(limits={"unit": "A"})`."""
    lines = ['product = "Box"', 'sources = ["a test"]', "[match]", f'vendor = "{vendor}"', f"id = {_toml(ids or [])}"]
    for table, values in tables.items():
        lines += [f"[{table}]", *(f"{name} = {_toml(value)}" for name, value in values.items())]
    return load("box", "\n".join(lines))


def registered(profile: FirmwareProfile, spec: PileSpec) -> str:
    """Its block in csms.toml, below feeder T1."""
    return STATION.format(
        id=spec.station_id,
        kind=spec.kind,
        phases=spec.phases,
        current_a=spec.max_current_a,
        power_kw=spec.max_power_w / 1000,
        evses=profile.hw.connectors,
    )


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{name}" = {_toml(item)}' for name, item in value.items()) + " }"
    return json.dumps(value)


class Clock(SimClock):
    """Shows what `Driven.now_s` says."""

    now_s: ClassVar[list[float]] = [BEGIN_S]

    def epoch_s(self) -> float:
        return self.now_s[0]


class Driven:
    """One station; `said` holds what it put into its queue since the last look, as (action, payload)."""

    def __init__(self, protocol: str = "ocpp1.6", spec: PileSpec | None = None, **tables: dict[str, Any]) -> None:
        Clock.now_s[0] = BEGIN_S
        spec = spec or PileSpec("Q1", "ac", 3, 32.0, 22_080.0, protocol)
        stay = Session("s", BEGIN + timedelta(seconds=60), BEGIN + timedelta(hours=3), 30_000.0)
        kind: type[Station] = Station16 if spec.protocol == "ocpp1.6" else Station201
        self.profile = facts(**tables)
        behaviour = behave_as(self.profile)
        clock = Clock(1.0, 0.0, BEGIN)
        self.station = kind(
            spec, [Visit(stay, car(30_000.0))], "ws://nowhere", clock, FleetStats(), random.Random(7), behaviour
        )
        self.station.link._socket = object()  # type: ignore[assignment]  # online, as far as it can tell
        self.station.link.wake = lambda: None  # type: ignore[method-assign]
        self.station.link.hold = lambda held: None  # type: ignore[method-assign]

    def said(self) -> list[tuple[str, dict[str, Any]]]:
        """What it says now, each answered as a friendly central system would."""
        told = []
        while (message := self.station.outgoing.next(Clock.now_s[0])) is not None:
            told.append((message.action, message.build()))
            self._answer(message)
        return told

    def _answer(self, message: Message) -> None:
        self.station.outgoing.done(message)
        answers: dict[str, dict[str, Any]] = {
            "BootNotification": {"status": "Accepted", "interval": 86_400},
            "Authorize": {"idTagInfo": {"status": "Accepted"}, "idTokenInfo": {"status": "Accepted"}},
            "StartTransaction": {"transactionId": 77, "idTagInfo": {"status": "Accepted"}},
        }
        if message.on_result is not None:
            message.on_result(answers.get(message.action, {}))

    def boot(self) -> list[tuple[str, dict[str, Any]]]:
        """Connect and boot; what it said."""
        self.station.connected()
        return self.said()

    def until(self, after_s: float) -> list[tuple[str, dict[str, Any]]]:
        """Let time pass, in steps of 10 s; what it said meanwhile."""
        told = []
        while Clock.now_s[0] < BEGIN_S + after_s:
            Clock.now_s[0] = min(Clock.now_s[0] + 10.0, BEGIN_S + after_s)
            self.station.tick(Clock.now_s[0])
            told += self.said()
        return told

    def ask(self, action: str, **payload: Any) -> dict[str, Any]:
        """A CALL of the central system; its answer. Raises Refused or Silent."""
        answer = self.station.answer(action, payload)
        self.station.answered()
        return answer

    def charging(self) -> Driven:
        """Boot, and a car that charges."""
        self.boot()
        self.until(120.0)
        return self

    @property
    def current_a(self) -> float:
        """What it lets through, once it has reacted."""
        pile = self.station.pile
        pile.advance(pile.at_s + pile.reaction_s + 1.0)
        return pile.limit().current_a


def of(said: list[tuple[str, dict[str, Any]]], action: str) -> list[dict[str, Any]]:
    """The payloads of one action."""
    return [payload for name, payload in said if name == action]


def samples(payload: dict[str, Any]) -> dict[str, str]:
    """measurand (with its phase) -> value of a message's first entry."""
    entry = (payload.get("meterValue") or payload["transactionData"])[0]
    return {v.get("measurand", "") + v.get("phase", ""): v["value"] for v in entry["sampledValue"]}


def values(payload: dict[str, Any], measurand: str) -> list[dict[str, Any]]:
    """The sampled values of one measurand."""
    entry = (payload.get("meterValue") or payload["transactionData"])[0]
    return [value for value in entry["sampledValue"] if value.get("measurand") == measurand]


def charging_profile(purpose: str = "TxDefaultProfile", limit: float = 10.0, **more: Any) -> dict[str, Any]:
    """`csChargingProfiles` of 1.6; `unit`, `kind`, `stack`, `number`, `periods`, `transaction` may be given."""
    periods = [{"startPeriod": 60 * n, "limit": limit} for n in range(more.get("periods", 1))]
    made = {
        "chargingProfileId": more.get("number", 1),
        "stackLevel": more.get("stack", 0),
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": more.get("kind", "Relative"),
        "chargingSchedule": {"chargingRateUnit": more.get("unit", "A"), "chargingSchedulePeriod": periods},
    }
    if made["chargingProfileKind"] == "Absolute":
        made["chargingSchedule"]["startSchedule"] = BEGIN.isoformat()
    return made | ({"transactionId": more["transaction"]} if "transaction" in more else {})


@contextmanager
def known_as(**tables: Any) -> Iterator[FirmwareProfile]:
    """Meanwhile stations of the vendor Odd have a firmware profile with these facts, beside the shipped ones.

    `ids` are those by which it is found before the boot.
    """
    profile = facts(vendor="Odd", **tables)
    use(Book(shipped(), [profile]))
    try:
        yield profile
    finally:
        use(None)
