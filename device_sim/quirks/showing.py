"""What its status messages say, and of which connectors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from device_sim.behaviour import Quirk, rewritten
from device_sim.outgoing import Message, Payload
from device_sim.quirks.hardware import connectors
from firmware_profiles import FirmwareProfile

IDLE_16 = "Available"


class Showing(Quirk):
    """After a boot or a connection all connectors are told, then only the one that charges."""

    def __init__(self, profile: FirmwareProfile) -> None:
        self._status = profile.status
        self._payloads_of_16 = profile.ocpp.payloads_of_16
        self._connectors = connectors(profile)
        self._booted = self._told_all = self._was_unavailable = self._finished = False

    def connected(self) -> None:
        """All connectors are told again."""
        self._told_all = False

    def rebooted(self) -> None:
        """Everything begins anew."""
        self._booted = self._finished = False

    def booted(self) -> None:
        """From now on a new connection is a reconnection."""
        self._told_all = False

    def said(self, message: Message) -> Iterable[Message]:
        """A status, those that go with it, and what the make adds."""
        if message.action != "StatusNotification":
            return (message,)
        status = message.build().get("status")
        if status == IDLE_16 and self._finished and self._status.stays_finishing:
            return ()
        self._finished = status == "Finishing"
        told = [*self._at_first(message), rewritten(message, self._changed)]
        transfer = dict(self._status.data_transfer)
        return [*told, replace(message, action="DataTransfer", build=lambda: transfer)] if transfer else told

    def _changed(self, payload: Payload) -> Payload:
        if "connectorStatus" in payload:
            return self._changed_201(payload)
        status = payload["status"]
        if self._status.available_while_plugged and status in ("Preparing", "Finishing"):
            payload["status"] = IDLE_16
        if payload["errorCode"] == "NoError":
            payload["errorCode"] = self._status.error_code
        return payload | ({"info": self._status.info} if self._status.info else {})

    def _changed_201(self, payload: Payload) -> Payload:
        if self._status.available_while_plugged and payload["connectorStatus"] == "Occupied":
            payload["connectorStatus"] = IDLE_16
        if not self._payloads_of_16:
            return payload
        status = {"Occupied": "Charging"}.get(payload["connectorStatus"], payload["connectorStatus"])
        return {"connectorId": payload["connectorId"], "errorCode": "NoError", "status": status}

    def _at_first(self, message: Message) -> Iterable[Message]:
        """The other connectors, once after each boot and connection (1.6)."""
        again, self._booted = self._booted, True
        if self._told_all or "connectorStatus" in message.build():
            return
        self._told_all = True
        if self._status.starts_unavailable and not self._was_unavailable:
            self._was_unavailable = True
            yield rewritten(message, lambda payload: payload | {"status": "Unavailable"})
        if again and self._status.only_one_connector_after_reconnect:
            return
        others = [*([] if self._status.no_connector0 else [0]), *range(2, self._connectors + 1)]
        for number in others:
            yield rewritten(message, lambda payload, number=number: _idle(payload, number))  # type: ignore[misc]


def _idle(payload: Payload, connector: int) -> Payload:
    return payload | {"connectorId": connector, "status": IDLE_16}
