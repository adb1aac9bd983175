"""Limits over MQTT: the settings, and the channel that is made of them."""

from __future__ import annotations

import logging
import platform
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from csms.app.section import Section, SettingsInvalid
from csms.charging.feeder import FeederTree
from csms.charging.service import ChargingService
from csms.grid.mqtt import FeederState, MqttChannel, Pace
from csms.grid.mqtt_link import Broker
from csms.grid.mqtt_payloads import FeederPower, Quality
from csms.grid.mqtt_topics import fits
from csms.grid.peer import operator_of
from csms.grid.progress import LimitProgress
from csms.grid.responses import ResponseDesk
from csms.grid.service import LimitService
from csms.model.clock import Clock
from csms.station.bus import EventBus

log = logging.getLogger(__name__)

PORTS = {"mqtts": 8883, "mqtt": 1883}
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def _broker_url(value: str) -> str:
    if not value:
        return value
    parts = urlsplit(value)
    if parts.scheme not in PORTS or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError("the broker is written like mqtts://broker.example:8883")
    if parts.username is not None:
        raise ValueError("name and password of the broker are mqtt.username and mqtt.password, not part of its address")
    if parts.port == 0:
        raise ValueError("a port is 1 to 65535")
    return value


BrokerUrl = Annotated[str, AfterValidator(_broker_url)]


class MqttSection(Section):
    """The broker that grid operators speak through; without `url` there is none. `node`: the name of this server there.

    `ca`: PEM file of the broker's authority, that of the machine when left out. `certificate`, `key`: to prove who we
    are, beside or in place of `username` and `password`. `state_s`, `meter_s`: how often each feeder is told.
    """

    url: BrokerUrl = ""
    node: str = ""
    client_id: str = Field(default="", max_length=64)
    username: str = ""
    password: SecretStr = SecretStr("")
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    state_s: float = Field(default=30.0, ge=1, le=30)
    meter_s: float = Field(default=30.0, ge=1, le=60)

    @model_validator(mode="after")
    def _fits(self) -> MqttSection:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        if self.node and not fits(self.node):
            raise ValueError("node is a name of 1 to 64 characters without / + #")
        return self

    @property
    def node_name(self) -> str:
        """As set, else the name of the machine."""
        return self.node or (platform.node() if fits(platform.node()) else "csms")


def mqtt_channel(
    url: str,
    section: MqttSection,
    clock: Clock,
    limits: LimitService,
    bus: EventBus,
    *,
    charging: ChargingService,
    progress: LimitProgress,
    state: FeederState,
    responses: ResponseDesk | None = None,
) -> MqttChannel:
    """The channel; nothing is connected yet. Raises SettingsInvalid."""
    _check_names(limits)
    broker, tree = _broker(url, section), limits.feeders

    def report(feeder_id: str, power_w: float, at: datetime) -> None:
        tree.base_loads.report(feeder_id, power_w, at, clock.now())

    return MqttChannel(
        broker,
        section.node_name,
        clock,
        limits,
        bus,
        progress=progress,
        state=state,
        meter=lambda feeder_id: feeder_power(charging, tree, feeder_id, clock.now()),
        report=report,
        pace=Pace(section.state_s, section.meter_s),
        responses=responses,
    )


def feeder_state(charging: ChargingService, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What charging knows of a feeder, with the counts of its stations: those that hold what they were told, those
    that were told and have not answered, those that cannot be reached and those that take no limit.
    """
    found = charging.compliance(facts["feeder_id"])
    waiting, away, wild = len(found.waiting), len(found.unreachable), len(found.uncontrollable)
    confirmed = found.stations - waiting - away - wild
    counts = {"confirmed": confirmed, "waiting": waiting, "unreachable": away, "uncontrollable": wild}
    return dict(facts) | {"stations": counts}


def feeder_power(charging: ChargingService, tree: FeederTree, feeder_id: str, now: datetime) -> FeederPower:
    """What flows through a feeder, and how far that is metered."""
    found = charging.compliance(feeder_id)
    if found.unreachable:
        quality = Quality.INCOMPLETE
    else:
        quality = Quality.METERED if tree.base_load_metered(feeder_id, now) else Quality.ESTIMATED
    return FeederPower(found.base_w, found.metered_w, quality)


def _broker(url: str, section: MqttSection) -> Broker:
    parts = urlsplit(url)
    assert parts.hostname is not None
    if parts.scheme == "mqtt" and parts.hostname not in LOOPBACK:
        log.warning("mqtt_without_tls", extra={"broker": parts.hostname})
    broker = Broker(
        host=parts.hostname,
        port=parts.port or PORTS[parts.scheme],
        client_id=section.client_id or f"csms-{section.node_name}",
        tls=parts.scheme == "mqtts",
        username=section.username,
        password=section.password.get_secret_value(),
        ca=section.ca,
        certificate=section.certificate,
        key=section.key,
    )
    try:
        broker.context()
    except OSError as fault:
        raise SettingsInvalid(f"mqtt: ca, certificate or key cannot be used: {fault}") from None
    return broker


def _check_names(limits: LimitService) -> None:
    """Raises SettingsInvalid."""
    for rule in limits.rules():
        names = [operator_of(rule.source), *rule.feeders] if rule.feeders else []
        lost = next((name for name in names if not fits(name)), None)
        if lost is not None:
            raise SettingsInvalid(f"limit_sources: {lost!r} cannot stand in an MQTT topic: no / + # and 64 characters")
