"""The settings of limits over MQTT, and what is told of a feeder (GL-A5)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from csms.app.mqtt import MqttSection, feeder_power, feeder_state, mqtt_channel
from csms.app.section import SettingsInvalid
from csms.app.settings import load_settings
from csms.charging.compliance import Compliance
from csms.charging.feeder import Feeder, FeederTree
from csms.grid.mqtt_payloads import Quality
from csms.grid.peer import SourceRule
from csms.model.clock import ManualClock
from csms.station.bus import EventBus

pytestmark = pytest.mark.req("GL-A5")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
FOUND = Compliance("T1", 100_000, 10_000, 88_000, 0, 0, 0, 5_000, ("P1",), ("P2", "P3"), (), stations=7)


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CSMS_CONFIG", str(tmp_path / "csms.toml"))


def test_one_variable_is_enough_and_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().broker_url == ""
    (tmp_path / "csms.toml").write_text('[mqtt]\nurl = "mqtts://file.example"\nnode = "site-1"\n')
    assert load_settings().broker_url == "mqtts://file.example"
    monkeypatch.setenv("CSMS_MQTT_URL", "mqtts://variable.example:8884")
    monkeypatch.setenv("CSMS_MQTT__PASSWORD", "secret")
    settings = load_settings()
    assert (settings.broker_url, settings.mqtt.node_name) == ("mqtts://variable.example:8884", "site-1")
    assert "secret" not in repr(settings)
    assert settings.mqtt.password.get_secret_value() == "secret"


@pytest.mark.parametrize(
    "url",
    [
        "broker.example",
        "https://broker.example",
        "mqtts://",
        "mqtts://broker.example/path",
        "mqtts://name:word@broker.example",
        "mqtts://broker.example:0",
        "mqtts://broker.example:99999",
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(SettingsInvalid, match="mqtt_url"):
        load_settings(mqtt_url=url)


@pytest.mark.parametrize(
    "said", [{"certificate": "a.pem"}, {"node": "a/b"}, {"node": "+"}, {"state_s": 31}, {"meter_s": 61}, {"qos": 2}]
)
def test_a_section_that_makes_no_sense_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        MqttSection.model_validate(said)


@pytest.mark.parametrize("rule", [SourceRule("grid:a/b", frozenset({"T1"})), SourceRule("grid:a", frozenset({"T+"}))])
def test_names_that_no_topic_can_hold_are_told_at_the_start(rule: SourceRule) -> None:
    limits: Any = SimpleNamespace(rules=lambda: [rule], feeders=None)
    charging: Any = None
    with pytest.raises(SettingsInvalid, match="MQTT topic"):
        mqtt_channel(
            "mqtt://127.0.0.1",
            MqttSection(),
            ManualClock(),
            limits,
            EventBus(),
            charging=charging,
            progress=charging,
            state=lambda _: {},
        )


def charging_with(found: Compliance) -> Any:
    return SimpleNamespace(compliance=lambda feeder_id: found)


def test_stations_are_counted_by_how_they_follow() -> None:
    state = feeder_state(charging_with(FOUND), {"feeder_id": "T1", "planned_w": 3})
    assert state["planned_w"] == 3
    assert state["stations"] == {"confirmed": 4, "waiting": 1, "unreachable": 2, "uncontrollable": 0}


def test_how_good_a_meter_is() -> None:
    tree = FeederTree([Feeder("T1", 400_000, base_load_w=(9_000,)), Feeder("T1-a", 90_000, "T1")])
    there = Compliance("T1", 100_000, 10_000, 88_000, 0, 0, 0, 5_000)
    power = feeder_power(charging_with(there), tree, "T1", NOW)
    assert (power.base_w, power.charging_w, power.quality) == (10_000, 5_000, Quality.ESTIMATED)
    assert feeder_power(charging_with(there), tree, "T1-a", NOW).quality is Quality.METERED
    tree.base_loads.report("T1", 10_000, NOW, NOW)
    assert feeder_power(charging_with(there), tree, "T1", NOW).quality is Quality.METERED
    assert feeder_power(charging_with(FOUND), tree, "T1", NOW).quality is Quality.INCOMPLETE
