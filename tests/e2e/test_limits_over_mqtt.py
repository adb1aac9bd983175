"""Limits through a real broker with client certificates into a real `csms serve` (GL-A5)."""

from __future__ import annotations

import signal
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from tests.support.certificates import issued
from tests.support.mosquitto import Mosquitto, needs_mosquitto, operator
from tests.support.running import Server

pytestmark = [needs_mosquitto, pytest.mark.req("GL-A5")]

SETTINGS = """
ocpp_host = "127.0.0.1"
ocpp_port = 0
security_profiles = [0]
http_port = 0

[mqtt]
node = "site-1"
ca = "{folder}/ca.pem"
certificate = "{folder}/csms.pem"
key = "{folder}/csms.key"
state_s = 1
meter_s = 1

[[limit_sources]]
name = "north"
feeders = ["T1"]

[[feeders]]
id = "T1"
rating_kw = 100.0
base_load_kw = 10.0
lowest_cap_kw = 20.0
"""
STATE, STATUS = "grid/v1/north/T1/limit/state", "grid/v1/csms/site-1/status"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    folder = tmp_path / "broker"
    folder.mkdir()
    issued(folder, "broker", "csms", "north", "south")
    lines = f"""
        cafile {folder}/ca.pem
        certfile {folder}/broker.pem
        keyfile {folder}/broker.key
        require_certificate true
        use_identity_as_username true
        tls_version tlsv1.2
    """
    made = Mosquitto(folder, tls=lines)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def server(tmp_path: Path, broker: Mosquitto) -> Iterator[Server]:
    made = Server(tmp_path / "run", stations=(), settings=SETTINGS.format(folder=broker.folder))
    made.start(CSMS_MQTT_URL=f"mqtts://127.0.0.1:{broker.port}")
    yield made
    made.stop()


def proven(broker: Mosquitto, name: str) -> dict[str, Any]:
    context = ssl.create_default_context(cafile=broker.folder / "ca.pem")
    if name:
        context.load_cert_chain(broker.folder / f"{name}.pem", broker.folder / f"{name}.key")
    return {"tls_context": context, "username": None, "password": None}


async def test_a_limit_survives_whatever_ends(broker: Mosquitto, server: Server) -> None:
    url = f"mqtts://127.0.0.1:{broker.port}"
    async with operator(broker.port, **proven(broker, "north")) as north:
        assert (await north.message(STATUS)).payload == b"online"
        await north.state(value_w=60_000, retain=True)
        assert (await north.ack())["accepted"] is True
        state = await north.until(STATE, lambda told: told["cap_w"] == 60_000)
        assert state["limits"][0]["source"] == "grid:north"
        assert state["stations"] == {"confirmed": 0, "waiting": 0, "unreachable": 0, "uncontrollable": 0}
        assert (await north.told(north.topic("T1", "meter")))["quality"] == "estimated"

        server.stop(signal.SIGKILL)
        assert (await north.message(STATUS, 1)).payload == b"offline"
        north.heard.pop(STATE)
        server.start_with(server.token, CSMS_MQTT_URL=url)
        assert (await north.message(STATUS, 2)).payload == b"online"
        assert (await north.until(STATE, lambda told: told["limits"]))["cap_w"] == 60_000

        broker.stop()
    broker.start()
    async with operator(broker.port, **proven(broker, "north")) as north:
        await north.state(version=2, cancel=True)
        await north.until(north.topic("T1", "limit/ack"), lambda ack: ack["version"] == 2)
        await north.until(STATE, lambda told: told["cap_w"] == 100_000)
    shown = server.api.get("/api/v1/feeders/T1/state").json()
    assert (shown["cap_w"], shown["limits"]) == (100_000, [])


async def test_a_metered_base_load_counts(broker: Mosquitto, server: Server) -> None:
    async with operator(broker.port, **proven(broker, "north")) as north:
        await north.message(STATUS)
        await north.put(north.topic("T1", "base"), b'{"power_w": 31000}')
        meter = await north.until(north.topic("T1", "meter"), lambda told: told["quality"] == "metered")
        assert (meter["base_w"], meter["power_w"]) == (31_000, 31_000)
    assert server.api.get("/api/v1/feeders/T1/state").json()["base_w"] == 31_000


async def test_who_has_no_certificate_or_another_name_sets_nothing(broker: Mosquitto, server: Server) -> None:
    with pytest.raises(aiomqtt.MqttError):
        async with operator(broker.port, **proven(broker, "")):
            pass
    async with operator(broker.port, **proven(broker, "north")) as north:
        await north.message(STATUS)
        async with operator(broker.port, "north", **proven(broker, "south")) as south:
            with suppress(aiomqtt.MqttError):  # brokers may also refuse what may not be written
                await south.state(value_w=30_000)
        await north.state("T1", value_w=70_000, id="L2")
        assert (await north.ack())["id"] == "L2"
        assert north.acks() == 1
    assert server.api.get("/api/v1/feeders/T1/state").json()["cap_w"] == 70_000


def test_certificates_that_are_not_there_are_a_fault_of_the_settings(broker: Mosquitto, tmp_path: Path) -> None:
    made = Server(tmp_path / "other", stations=(), settings=SETTINGS.format(folder=tmp_path))
    with pytest.raises(RuntimeError, match="mqtt: ca, certificate or key cannot be used"):
        made.start(CSMS_MQTT_URL=f"mqtts://127.0.0.1:{broker.port}")
