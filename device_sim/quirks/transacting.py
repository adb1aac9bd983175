"""What it does with transactions that the books say otherwise. OCPP 1.6 only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from device_sim.behaviour import Quirk, rewritten
from device_sim.outgoing import Message, Payload
from device_sim.station import written
from firmware_profiles import FirmwareProfile

TAG_CHARS_FULL = 20
CONTROL = "\x02\x03"
DAY_S = 86_400.0


class Transacting(Quirk):
    """Tags, ids and registers of starts and stops."""

    def __init__(self, profile: FirmwareProfile) -> None:
        self._tx = profile.tx
        self._meter_start: int | None = None
        self._confessed = False

    def booted(self) -> None:
        """Stops under ids that nobody gave, left over from an earlier life."""
        if self._confessed or self.station.spec.protocol != "ocpp1.6":
            return
        self._confessed = True
        for number in self._tx.bogus_ids:
            stamp = written(self.station.pile.at_s - DAY_S)
            payload = {"transactionId": number, "meterStop": 0, "timestamp": stamp}
            self.station.say("StopTransaction", lambda payload=payload: payload, durable=True)  # type: ignore[misc]

    def said(self, message: Message) -> Iterable[Message]:
        """Each message in turn."""
        if message.action == "StartTransaction":
            return (self._started(message),)
        if message.action == "Authorize" and self._tx.authorize_connector_id:
            return (rewritten(message, lambda payload: payload | {"connectorId": 1}),)
        if message.action != "StopTransaction" or message.build()["transactionId"] in self._tx.bogus_ids:
            return (message,)
        return self._stopped(message)

    def _started(self, message: Message) -> Message:
        self._meter_start = message.build()["meterStart"]
        more = {"reservationId": 0} if self._tx.reservation_id_zero else {}
        return rewritten(message, lambda payload: payload | more)

    def _stopped(self, message: Message) -> Iterable[Message]:
        stop = message.build()
        if self._tx.forgets_after_power_cycle and stop["reason"] == "PowerLoss":
            return ()
        late = self._tx.end_samples_after_stop and stop.get("transactionData")
        stale = self._tx.stale_id_after_stop and stop.get("transactionData")
        told = rewritten(message, lambda payload: self._told(payload, without_data=bool(late)))
        more = [_values(message) for wanted in (late, stale) if wanted]
        return (told, *more)

    def _told(self, payload: Payload, without_data: bool) -> Payload:
        if without_data:
            del payload["transactionData"]
        if self._tx.garbage_on_full_length_tag and len(payload["idTag"]) == TAG_CHARS_FULL:
            payload["idTag"] += CONTROL
        if self._tx.stop_empty_tag:
            payload["idTag"] = ""
        if self._tx.stop_without_tag:
            del payload["idTag"]
        if self._tx.stop_lower_than_start and self._meter_start is not None:
            payload["meterStop"] = self._meter_start - 1
        return payload


def _values(stop: Message) -> Message:
    """The data of a stop as meter values of that transaction."""

    def change(payload: Payload) -> Payload:
        return {
            "connectorId": 1,
            "transactionId": payload["transactionId"],
            "meterValue": payload["transactionData"],
        }

    return replace(rewritten(stop, change), action="MeterValues", on_result=None)
