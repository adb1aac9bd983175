"""The figures of how limits come and go for Prometheus: what stations say that holds them, the broker, VTNs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from csms.app.limit_channels import Channel
from csms.charging.counters import Counters
from csms.grid.mqtt import MqttChannel
from csms.grid.openadr2 import Ven2
from csms.grid.ven import Ven
from csms.model.exposition import metric

APART = frozenset({"connections", "read_again", "failed"})
"""Counts of the MQTT channel that are no results of a message."""


@dataclass(slots=True)
class ChannelFigures:
    """Lines in `GET /api/v1/metrics`; `mqtt` and `channels` are those that the settings ask for."""

    counters: Counters
    mqtt: MqttChannel | None = None
    channels: Sequence[Channel] = ()

    def lines(self) -> Iterator[str]:
        """As of now."""
        yield from self._composite()
        if self.mqtt is not None:
            yield from _mqtt(self.mqtt)
        vens = [channel for channel in self.channels if isinstance(channel[1], Ven | Ven2)]
        if vens:
            yield from _openadr(vens)

    def _composite(self) -> Iterator[str]:
        """`cause`: restart (what holds since the process before) or told (what was just accepted)."""
        one = self.counters
        asked = {"restart": one.read_back_asked, "told": one.proof_asked}
        results = {
            "agreed": (one.read_back, one.proof_shown),
            "disagreed": (one.read_back_above, one.proof_odd),
            "unanswered": (one.read_back_silent, one.proof_silent),
        }
        name, about = "csms_composite_schedules", "Composite schedules that stations were asked for"
        counted = [({"cause": cause}, float(count)) for cause, count in asked.items()]
        yield metric(f"{name}_asked_total", "counter", about, counted)
        answers = [
            ({"cause": cause, "result": result}, float(count))
            for result, counts in results.items()
            for cause, count in zip(asked, counts, strict=True)
        ]
        yield metric(f"{name}_total", "counter", "The same by what they said", answers)


def _mqtt(channel: MqttChannel) -> Iterator[str]:
    counts = channel.counts
    yield _one("csms_mqtt_connected", "gauge", "1 while there is a connection to the broker", channel.connected)
    again = max(channel.connections - 1, 0)
    yield _one("csms_mqtt_reconnects_total", "counter", "Connections to the broker after the first", again)
    ways = [({"direction": way}, float(channel.traffic[way])) for way in ("in", "out")]
    yield metric("csms_mqtt_messages_total", "counter", "Messages from and to the broker", ways)
    results = [({"result": name}, float(count)) for name, count in sorted(counts.items()) if name not in APART]
    yield metric("csms_mqtt_results_total", "counter", "What became of messages; of refused ones the code", results)
    yield _one(
        "csms_mqtt_failed_total", "counter", "Messages that a fault of ours kept from an answer", counts["failed"]
    )
    about = "Statements that came and are not answered yet"
    yield _one("csms_mqtt_acknowledgements_owed", "gauge", about, channel.acknowledgements_owed)


def _openadr(vens: Sequence[Channel]) -> Iterator[str]:
    counts = {name: channel.counts for name, channel in vens if isinstance(channel, Ven | Ven2)}
    for what, about in (("polls", "Polls of VTNs"), ("reports", "Reports to VTNs")):
        counted = [
            ({"vtn": name, "result": key.removeprefix(f"{what}_")}, float(count))
            for name, found in counts.items()
            for key, count in sorted(found.items())
            if key.startswith(f"{what}_")
        ]
        yield metric(f"csms_openadr_{what}_total", "counter", f"{about} by what became of them", counted)
    polled = {name: channel.polled_at for name, channel in vens if isinstance(channel, Ven | Ven2)}
    last = [({"vtn": name}, at.timestamp()) for name, at in polled.items() if at is not None]
    yield metric("csms_openadr_polled_at_seconds", "gauge", "When a VTN answered last, in seconds since 1970", last)
    owed = [({"vtn": name}, float(one.reports_owed)) for name, one in vens if isinstance(one, Ven)]
    yield metric("csms_openadr_reports_owed", "gauge", "Reports that a VTN has not taken yet", owed)


def _one(name: str, kind: str, about: str, value: float) -> str:
    return metric(name, kind, about, [({}, float(value))])
