"""Odd ways to connect: handshakes that small websocket clients send, links that are cut, two at a time."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from device_sim.misbehaving.pile import Pile, boot, want

RAW_PASSWORD = bytes([0xAB, 0xCD, 0xEF])


async def lower_case_headers(pile: Pile) -> None:
    """RB-02: what reads headers by their exact spelling finds none; with Origin and Pragma as browsers send them."""
    headers = {"origin": "http://pile", "pragma": "no-cache"}
    await pile.connect(additional_headers=headers, user_agent_header=None)
    await boot(pile)


async def raw_byte_password(pile: Pile) -> None:
    """RB-01: a password that is no UTF-8 (hex key read as bytes) may be refused, but not with a fault of the server."""
    credential = base64.b64encode(b"pile:" + RAW_PASSWORD).decode()
    try:
        await pile.connect(additional_headers={"Authorization": f"Basic {credential}"})
    except InvalidHandshake as refusal:
        status = getattr(getattr(refusal, "response", None), "status_code", 0)
        want(status == 401, "handshake_fault", status=status)
    else:
        await boot(pile)


async def trailing_slash(pile: Pile) -> None:
    """RB-04."""
    await pile.connect(ending="/")
    await boot(pile)


async def no_subprotocol(pile: Pile) -> None:
    """RB-05: taken for 1.6, or refused cleanly."""
    await _clean(pile, subprotocols=None)


async def unknown_subprotocol(pile: Pile) -> None:
    """RB-06: nothing was agreed on, so nothing is answered."""
    try:
        await pile.connect(subprotocols=[Subprotocol("ocpp9.9")])
        want(pile.socket.subprotocol is None, "unknown_version_agreed", version=pile.socket.subprotocol)
        await _gone(pile)
    except InvalidHandshake:
        return


async def compression_offered(pile: Pile) -> None:
    """RB-07."""
    await pile.connect(compression="deflate")
    await boot(pile)


async def second_connection(pile: Pile) -> None:
    """PAIN-01: the station lost its link without a word and comes again; the newer one is served."""
    await pile.connect()
    await boot(pile)
    await pile.connect()
    await boot(pile)


async def cut_links(pile: Pile) -> None:
    """PAIN-02, PAIN-07: the link flaps; each time the TCP connection is gone without a goodbye."""
    for _ in range(5):
        await pile.connect()
        await boot(pile)
        pile.socket.transport.abort()
        await pile.socket.wait_closed()
    await pile.connect()
    await boot(pile)


async def _clean(pile: Pile, **options: Any) -> None:
    try:
        await pile.connect(**options)
        await boot(pile)
    except (InvalidHandshake, ConnectionClosed, ConnectionError):
        return


async def _gone(pile: Pile) -> None:
    try:
        async with asyncio.timeout(10):
            await pile.socket.wait_closed()
    except TimeoutError:
        want(False, "unknown_version_kept")
