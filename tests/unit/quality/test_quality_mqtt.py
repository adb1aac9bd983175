"""Alarms through a real broker: retained while they stand, gone when over."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiomqtt

from monitor.quality.channels import MqttChannel
from monitor.store.quality import AlarmRow
from tests.support.mosquitto import PASSWORD, Mosquitto, needs_mosquitto

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
ALARM = AlarmRow("123456789", "new_defect", "DQ_ENUM", "", NOW, NOW, id=7)


async def retained(port: int) -> list[dict[str, object]]:
    found = []
    async with aiomqtt.Client("127.0.0.1", port, username="csms", password=PASSWORD) as client:
        await client.subscribe("grid/v1/quality/#")
        try:
            async with asyncio.timeout(1.5):
                async for message in client.messages:
                    found.append(json.loads(bytes(message.payload)))  # noqa: PERF401 - ends by time
        except TimeoutError:
            pass
    return found


@needs_mosquitto
async def test_an_alarm_is_retained_until_it_is_over(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    try:
        channel = MqttChannel(f"mqtt://127.0.0.1:{broker.port}", "grid/v1/quality", "csms", PASSWORD)
        assert await channel.tell(ALARM)
        (told,) = await retained(broker.port)
        assert (told["state"], told["subject"], told["operator_id"]) == ("raised", "DQ_ENUM", ALARM.operator_id)
        assert await channel.tell(replace(ALARM, over_at=NOW + timedelta(hours=1)))
        assert await retained(broker.port) == []
    finally:
        broker.stop()
    assert not await channel.tell(ALARM), "nobody is there"
