"""What a boot says of the station."""

from __future__ import annotations

from collections.abc import Iterable

from device_sim.behaviour import Quirk, rewritten
from device_sim.outgoing import Message, Payload
from firmware_profiles import FirmwareProfile

LONG_SERIAL = "SERIAL-OF-MORE-THAN-25-CHARACTERS"
NAMES_16 = {
    "vendor": "chargePointVendor",
    "model": "chargePointModel",
    "serial": "chargePointSerialNumber",
    "firmware": "firmwareVersion",
    "meter_type": "meterType",
}
NAMES_201 = {
    "vendor": "vendorName",
    "model": "model",
    "serial": "serialNumber",
    "firmware": "firmwareVersion",
}


class Identity(Quirk):
    """Vendor, model, firmware as seen in the field; where only a pattern is known, its literal part."""

    def __init__(self, profile: FirmwareProfile) -> None:
        boot = profile.boot
        self._texts = {
            "vendor": "" if boot.empty_vendor else boot.vendor or _literal(profile.match.vendor, profile.product),
            "model": boot.model or _literal(profile.match.model, profile.product),
            "firmware": boot.firmware,
            "meter_type": boot.meter_type,
        }
        if boot.serial_too_long:
            self._texts["serial"] = LONG_SERIAL

    def said(self, message: Message) -> Iterable[Message]:
        """A boot says these texts."""
        return (rewritten(message, self._boot),) if message.action == "BootNotification" else (message,)

    def _boot(self, payload: Payload) -> Payload:
        if "chargingStation" in payload:
            return payload | {"chargingStation": self._named(payload["chargingStation"], NAMES_201)}
        return self._named(payload, NAMES_16)

    def _named(self, payload: Payload, names: dict[str, str]) -> Payload:
        told = {names[key]: text for key, text in self._texts.items() if key in names and (text or key == "vendor")}
        kept = {key: text for key, text in payload.items() if key != names["firmware"]}
        return kept | told


def _literal(patterns: tuple[str, ...], otherwise: str) -> str:
    plain = [text.removesuffix("*") for text in patterns if not text.startswith("/")]
    return plain[0] if plain else otherwise[:20]
