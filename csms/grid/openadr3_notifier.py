"""The MQTT notifier of an OpenADR 3.1 VTN, as a wake-up alone: whatever it says, the events are asked for over HTTPS.

Its topics can be guessed and written by others, so a message is worth no more than "ask now".
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import aiomqtt

from csms.grid.vtn import Vtn, VtnUnavailable

log = logging.getLogger(__name__)

AGAIN_S, NONE_AGAIN_S = 60.0, 3600.0
"""After a connection that ended; after the VTN offered none. Of the wall."""
QUEUED_MAX = 100


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a VTN's broker is, and as whom we come."""

    host: str
    port: int
    tls: bool
    username: str | None = None
    password: str | None = None


async def wake_up(
    vtn: Vtn,
    client_id: str,
    tls: ssl.SSLContext,
    where: Callable[[], tuple[str, Sequence[str]]],
    wake: Callable[[], None],
) -> None:
    """Until cancelled. `where`: our id at the VTN and the ids of our programs, as far as they are known."""
    while True:
        pause_s = AGAIN_S
        try:
            broker = broker_of(await vtn.get("/notifiers"), client_id, vtn.token)
            topics = await _topics(vtn, *where())
            if broker is None or not topics:
                pause_s = NONE_AGAIN_S if broker is None else AGAIN_S
            else:
                await _listen(broker, topics, tls, wake)
        except (VtnUnavailable, aiomqtt.MqttError, OSError, ValueError) as fault:
            log.info("notifier_lost", extra={"fault": f"{type(fault).__name__} {fault}"[:200]})
        await asyncio.sleep(pause_s)


def broker_of(said: Any, client_id: str, token: str) -> Broker | None:
    """The first broker that we can come to; a token goes only over TLS."""
    binding = said.get("MQTT") if isinstance(said, dict) else None
    if not isinstance(binding, dict):
        return None
    proof = binding.get("authentication")
    proof = proof if isinstance(proof, dict) else {}
    with_token = proof.get("method") == "OAUTH2_BEARER_TOKEN"
    if not with_token and proof.get("method") not in ("ANONYMOUS", "CERTIFICATE", None):
        return None
    uris = binding.get("URIS")
    for uri in uris if isinstance(uris, list) else ():
        try:
            split = urlsplit(str(uri))
            host, port = split.hostname, split.port
        except ValueError:
            continue
        tls = split.scheme == "mqtts"
        if not host or split.scheme not in ("mqtt", "mqtts") or (with_token and not tls):
            continue
        username = str(proof.get("username") or "{clientID}").replace("{clientID}", client_id)
        return Broker(host, port or (8883 if tls else 1883), tls, *((username, token) if with_token else ()))
    return None


async def _topics(vtn: Vtn, ven_id: str, program_ids: Sequence[str]) -> list[str]:
    """Of events aimed at us, and of our programs; a VTN may show only one of the two."""
    paths = [f"programs/{quote(id_, safe='')}/events" for id_ in program_ids]
    paths += [f"vens/{quote(ven_id, safe='')}/events"] if ven_id else []
    found: dict[str, None] = {}
    for path in paths:
        try:
            said = await vtn.get(f"/notifiers/mqtt/topics/{path}")
        except VtnUnavailable as fault:
            if fault.status in (0, 401, 429, 503):
                raise
            continue
        named = said.get("topics") if isinstance(said, dict) else None
        found |= {
            one: None for one in (named.values() if isinstance(named, dict) else ()) if isinstance(one, str) and one
        }
    return list(found)


async def _listen(broker: Broker, topics: Sequence[str], tls: ssl.SSLContext, wake: Callable[[], None]) -> None:
    client = aiomqtt.Client(
        broker.host,
        broker.port,
        username=broker.username,
        password=broker.password,
        protocol=aiomqtt.ProtocolVersion.V5,
        tls_context=tls if broker.tls else None,
        max_queued_incoming_messages=QUEUED_MAX,
    )
    async with client:
        for topic in topics:
            await client.subscribe(topic)
        wake()
        async for _ in client.messages:
            wake()
