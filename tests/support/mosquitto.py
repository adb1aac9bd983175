"""A real MQTT 5 broker (mosquitto) of a test's own, and a grid operator who speaks through it."""

from __future__ import annotations

import asyncio
import getpass
import json
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

PROGRAM = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
PASSWORDS = shutil.which("mosquitto_passwd") or "mosquitto_passwd"
needs_mosquitto = pytest.mark.skipif(PROGRAM is None, reason="mosquitto is not installed (apt-get install mosquitto)")

PASSWORD = "a long enough one"
OPERATOR_RIGHTS = """
user {name}
topic write grid/v1/{name}/+/limit/set
topic write grid/v1/{name}/+/heartbeat
topic write grid/v1/{name}/+/base
topic write grid/v1/{name}/+/response/set
topic read grid/v1/{name}/#
topic read grid/v1/csms/+/status
"""
CSMS_RIGHTS = """
user csms
topic readwrite grid/v1/#
"""
START_S = 10.0
NO_DELAY = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Mosquitto:
    """One broker; what is retained outlives it. `tls`: further lines in place of names and passwords."""

    def __init__(self, folder: Path, operators: Sequence[str] = ("north", "south"), tls: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.port = folder, free_port()
        rights = CSMS_RIGHTS + "".join(OPERATOR_RIGHTS.format(name=name) for name in operators)
        self._write("acl", rights)
        if not tls:
            for flag, name in zip(("-c", *[""] * 9), ("csms", "watcher", *operators), strict=False):
                options = [option for option in (flag, "-b") if option]
                subprocess.run([PASSWORDS, *options, str(folder / "passwords"), name, PASSWORD], check=True)
            tls = f"password_file {folder}/passwords"
        lines = f"""
            user {getpass.getuser()}
            listener {self.port} 127.0.0.1
            set_tcp_nodelay true
            allow_anonymous false
            {tls}
            acl_file {folder}/acl
            persistence true
            persistence_location {folder}/
            log_dest file {folder}/log
            log_type all
        """
        self._write("mosquitto.conf", "\n".join(line.strip() for line in lines.splitlines()))
        self.process: subprocess.Popen[bytes] | None = None

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text + "\n")

    def start(self) -> None:
        assert PROGRAM is not None
        with (self.folder / "printed").open("ab") as printed:
            command = [PROGRAM, "-c", str(self.folder / "mosquitto.conf")]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=printed, stderr=printed)
        deadline = time.monotonic() + START_S
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("mosquitto did not start:\n" + (self.folder / "printed").read_text()[-2000:])
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None


class Operator:
    """A grid operator: states, beats, and keeps what it is told by topic."""

    def __init__(self, client: aiomqtt.Client, name: str) -> None:
        self.client, self.name = client, name
        self.heard: dict[str, list[aiomqtt.Message]] = {}
        self._news = asyncio.Condition()

    async def listen(self) -> None:
        async for message in self.client.messages:
            async with self._news:
                self.heard.setdefault(message.topic.value, []).append(message)
                self._news.notify_all()

    def topic(self, feeder: str, kind: str) -> str:
        return f"grid/v1/{self.name}/{feeder}/{kind}"

    async def put(self, topic: str, payload: bytes, *, retain: bool = False, **properties: Any) -> None:
        found = Properties(PacketTypes.PUBLISH)
        for name, value in properties.items():
            setattr(found, name, value)
        await self.client.publish(topic, payload, qos=1, retain=retain, properties=found)

    async def state(self, feeder: str = "T1", *, retain: bool = False, **said: Any) -> None:
        """State a limit."""
        body = {"id": "L1", "version": 1, "value_w": 100_000} | said
        await self.put(self.topic(feeder, "limit/set"), json.dumps(body).encode(), retain=retain)

    async def beat(self, feeder: str = "T1", **said: Any) -> None:
        await self.put(self.topic(feeder, "heartbeat"), json.dumps(said).encode() if said else b"")

    async def message(self, topic: str, number: int = 0, within_s: float = 10.0) -> aiomqtt.Message:
        """The message of that number on a topic, once it is there."""
        async with asyncio.timeout(within_s), self._news:
            await self._news.wait_for(lambda: len(self.heard.get(topic, ())) > number)
        return self.heard[topic][number]

    async def told(self, topic: str, number: int = 0, within_s: float = 10.0) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((await self.message(topic, number, within_s)).payload)
        return found

    async def ack(self, number: int = 0, feeder: str = "T1", within_s: float = 10.0) -> dict[str, Any]:
        return await self.told(self.topic(feeder, "limit/ack"), number, within_s)

    async def until(self, topic: str, test: Any, within_s: float = 10.0) -> dict[str, Any]:
        """The first document on a topic that passes a test, of all that came."""

        def found() -> list[dict[str, Any]]:
            return [one for one in map(json.loads, (m.payload for m in self.heard.get(topic, ()))) if test(one)]

        async with asyncio.timeout(within_s), self._news:
            await self._news.wait_for(found)
        return found()[0]

    def acks(self, feeder: str = "T1") -> int:
        return len(self.heard.get(self.topic(feeder, "limit/ack"), ()))


@asynccontextmanager
async def operator(port: int, name: str = "north", **more: Any) -> AsyncIterator[Operator]:
    """Connected, and told everything below its name."""
    known = {"username": name, "password": PASSWORD, "socket_options": NO_DELAY} | more
    client = aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5, **known)
    async with client:
        found = Operator(client, name)
        options = SubscribeOptions(qos=1, noLocal=True)
        await client.subscribe([(f"grid/v1/{name}/#", options), ("grid/v1/csms/+/status", options)])
        task = asyncio.create_task(found.listen())
        try:
            yield found
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
