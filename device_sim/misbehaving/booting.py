"""Odd boots: none at all, again and again, with nothing in them, with nonsense."""

from __future__ import annotations

import asyncio

from device_sim.misbehaving.pile import OCPP16, Payload, Pile, boot, status

MUTE_S = 2.0


async def mute(pile: Pile) -> None:
    """RB-13: connects, never boots, never answers anything."""
    await pile.connect()
    await asyncio.sleep(MUTE_S)


async def status_first(pile: Pile) -> None:
    """RB-14: states before any boot."""
    await pile.connect()
    await status(pile, 1, "Available")
    await pile.call("Heartbeat")


async def boot_again(pile: Pile) -> None:
    """RB-17, RB-19: a soft reset boots on the same socket; some repeat it with the same id every ten seconds."""
    payload: Payload = {"chargePointVendor": "Maker", "chargePointModel": "One"}
    if pile.protocol != OCPP16:
        payload = {"chargingStation": {"vendorName": "Maker", "model": "Two"}, "reason": "Watchdog"}
    for _ in range(3):
        await pile.call("BootNotification", payload, "boot")
    await boot(pile)


async def blank_boot(pile: Pile) -> None:
    """RB-18: no vendor, a serial number that is too long, empty words."""
    if pile.protocol == OCPP16:
        blank = dict.fromkeys(("iccid", "imsi", "meterType", "meterSerialNumber", "firmwareVersion"), "")
        await boot(pile, chargePointVendor="", chargePointSerialNumber="S" * 33, **blank)
    else:
        modem = {"iccid": "", "imsi": ""}
        station = {"vendorName": "", "model": "Two", "serialNumber": "S" * 33, "firmwareVersion": "", "modem": modem}
        await boot(pile, chargingStation=station)


async def garbage_connectors(pile: Pile) -> None:
    """PAIN-27: connectors by the thousand million, as uninitialised memory has them."""
    for number in (1_634_030_126, 1_850_000_000, 2**31 - 1, -7):
        await status(pile, number, "Available")
    await pile.call("Heartbeat")


async def strange_words(pile: Pile) -> None:
    """RB-31, RB-32: an error code of its own, JSON text in `info`, vendor data that nobody knows."""
    if pile.protocol == OCPP16:
        await status(pile, 1, "Available", errorCode="Error", info='{"door":"open","t":[1,2]}', vendorErrorCode="")
    for data in ("1;2;3.5;ok", '{"temperature": 41.5}'):
        await pile.call("DataTransfer", {"vendorId": "com.nobody.knows", "messageId": "telemetry", "data": data})


async def evse_zero(pile: Pile) -> None:
    """RB-30: 2.0.1 has no EVSE 0 to report, and some do; 1.6 stations that leave connector 0 out."""
    if pile.protocol != OCPP16:
        await status(pile, 0, "Available", connectorId=0)
    await status(pile, 1, "Available")
