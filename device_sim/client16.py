"""A station that speaks OCPP 1.6J: what it says about its charging, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from device_sim.outgoing import Payload
from device_sim.pile import Reading
from device_sim.profile_book import Rules
from device_sim.profiles_on_wire import PURPOSES, read_profile_16, schedule_json
from device_sim.readings import sampled_16
from device_sim.smart_charging import Profile, Purpose, composite_schedule
from device_sim.station import Station, Transaction, written
from device_sim.variables import KEYS_16, PASSWORD_KEY

STATUSES = {
    "available": "Available",
    "preparing": "Preparing",
    "charging": "Charging",
    "suspended_ev": "SuspendedEV",
    "suspended_evse": "SuspendedEVSE",
    "finishing": "Finishing",
    "unavailable": "Unavailable",
}
STOP_REASONS = {"ImmediateReset": "HardReset"}
CONNECTOR = 1
EVERYTHING = (0, CONNECTOR)


class Station16(Station):
    """OCPP 1.6J with one connector."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.handlers = {
            "RemoteStartTransaction": self._remote_start,
            "RemoteStopTransaction": self._remote_stop,
            "Reset": self._reset,
            "TriggerMessage": self._trigger,
            "ChangeConfiguration": self._change_configuration,
            "GetConfiguration": self._get_configuration,
            "SetChargingProfile": self._set_profile,
            "ClearChargingProfile": self._clear_profile,
            "GetCompositeSchedule": self._composite,
            "DataTransfer": lambda payload: {"status": "UnknownVendorId"},
            "ChangeAvailability": self._change_availability,
            "UnlockConnector": self._unlock,
            "ClearCache": lambda payload: {"status": "Accepted"},
            "ExtendedTriggerMessage": self._trigger,
            "CertificateSigned": self.certificate_signed,
        }

    def rules(self) -> Rules:
        """As its configuration keys say."""
        v = self.variables
        return Rules(periods_max=v.periods_max, stack_level_max=v.stack_level_max, profiles_max=v.profiles_max)

    # -- outward -----------------------------------------------------------------------------------------------------

    def boot_payload(self) -> Payload:
        """BootNotification.req."""
        return {
            "chargePointVendor": "csms-sim",
            "chargePointModel": f"{self.spec.kind.upper()}-{self.spec.rated_w / 1000:.0f}kW",
            "chargePointSerialNumber": self.serial_number,
            "firmwareVersion": "1.0.0",
        }

    def say_status(self, status: str) -> None:
        """StatusNotification of the connector."""
        payload = {
            "connectorId": CONNECTOR,
            "errorCode": "NoError",
            "status": STATUSES[status],
            "timestamp": written(self.pile.at_s),
        }
        self.say("StatusNotification", lambda: payload)

    def say_authorize(self, tag: str, decided: Callable[[bool], None]) -> None:
        """Authorize.req; without an answer the pile trusts the card."""
        self.say(
            "Authorize",
            lambda: {"idTag": tag},
            on_result=lambda result: decided(result["idTagInfo"]["status"] == "Accepted"),
            on_failure=lambda: decided(True),
        )

    def say_started(self, tx: Transaction, reading: Reading) -> None:
        """StartTransaction.req; its answer brings the transaction id."""
        payload = {
            "connectorId": CONNECTOR,
            "idTag": tx.tag,
            "meterStart": int(reading.register_wh),
            "timestamp": written(tx.start_s),
        }
        self.say("StartTransaction", lambda: payload, durable=True, on_result=lambda r: self._numbered(tx, r))

    def _numbered(self, tx: Transaction, result: Payload) -> None:
        tx.remote_id = int(result["transactionId"])
        if result["idTagInfo"]["status"] != "Accepted" and self.transaction is tx:
            self._stop_now("DeAuthorized", True)

    def say_metered(self, tx: Transaction, reading: Reading, context: str) -> None:
        """MeterValues.req."""
        value = {"timestamp": written(reading.at_s), "sampledValue": sampled_16(reading, context)}
        self.say(
            "MeterValues",
            lambda: {"connectorId": CONNECTOR, "transactionId": tx.remote_id, "meterValue": [value]},
            durable=True,
            samples=len(value["sampledValue"]),
        )

    def say_state(self, tx: Transaction, reading: Reading) -> None:
        """Nothing but the status, which the caller shows."""

    def say_ended(self, tx: Transaction, reading: Reading, reason: str) -> None:
        """StopTransaction.req with the last sample."""
        value = {"timestamp": written(reading.at_s), "sampledValue": sampled_16(reading, "Transaction.End")}
        self.say(
            "StopTransaction",
            lambda: {
                "transactionId": tx.remote_id,
                "idTag": tx.tag,
                "meterStop": int(reading.register_wh),
                "timestamp": written(reading.at_s),
                "reason": STOP_REASONS.get(reason, reason),
                "transactionData": [value],
            },
            durable=True,
            samples=len(value["sampledValue"]),
        )

    def say_signing_request(self, request: str) -> None:
        """SignCertificate.req of the security extension."""
        self.say("SignCertificate", lambda: {"csr": request})

    def transaction_name(self) -> str | None:
        """The central system's number; empty while it is not known."""
        return None if self.transaction is None else str(self.transaction.remote_id)

    # -- inward ------------------------------------------------------------------------------------------------------

    def _remote_start(self, payload: Payload) -> Payload:
        profile: Profile | None = None
        if "chargingProfile" in payload:
            profile = read_profile_16(payload["chargingProfile"], CONNECTOR)
            if profile.purpose is not Purpose.TRANSACTION:
                return {"status": "Rejected"}
        good = payload.get("connectorId", CONNECTOR) == CONNECTOR and self.remote_start(payload["idTag"], None, profile)
        return {"status": "Accepted" if good else "Rejected"}

    def _remote_stop(self, payload: Payload) -> Payload:
        return {"status": "Accepted" if self.remote_stop(str(payload["transactionId"])) else "Rejected"}

    def _reset(self, payload: Payload) -> Payload:
        self.reset("HardReset" if payload["type"] == "Hard" else "SoftReset")
        return {"status": "Accepted"}

    def _trigger(self, payload: Payload) -> Payload:
        wanted = payload["requestedMessage"]
        if payload.get("connectorId", CONNECTOR) not in EVERYTHING:
            return {"status": "Rejected"}
        tx = self.transaction
        actions: dict[str, Callable[[], None]] = {
            "BootNotification": self.boot,
            "Heartbeat": lambda: self.say("Heartbeat", dict),
            "StatusNotification": lambda: self._show(self._status, always=True),
            "MeterValues": self._meter_now,
        }
        if self.renewal.can:
            actions["SignChargePointCertificate"] = self.ask_for_certificate
        if wanted not in actions:
            return {"status": "NotImplemented"}
        if wanted == "MeterValues" and tx is None:
            return {"status": "Rejected"}
        self.after_reply(actions[wanted])
        return {"status": "Accepted"}

    def _meter_now(self) -> None:
        if self.transaction is not None:
            self._advance(self.clock.epoch_s())
            self.say_metered(self.transaction, self.pile.read(), "Trigger")

    def _change_configuration(self, payload: Payload) -> Payload:
        if payload["key"] == PASSWORD_KEY:
            key = bytes.fromhex(payload["value"])
            self.after_reply(lambda: self.link.change_password(key))
            return {"status": "Accepted"}
        setting = KEYS_16.get(payload["key"])
        if setting is None:
            return {"status": "NotSupported"}
        changed = self.variables.change(setting, payload["value"])
        self.retime()
        return {"status": "Accepted" if changed else "Rejected"}

    def _get_configuration(self, payload: Payload) -> Payload:
        asked = payload.get("key") or list(KEYS_16)
        known = [
            {
                "key": key,
                "readonly": KEYS_16[key][0] not in ("heartbeat", "meter"),
                "value": self.variables.value(KEYS_16[key]),
            }
            for key in asked
            if key in KEYS_16
        ]
        unknown = [key for key in asked if key not in KEYS_16]
        return {"configurationKey": known, **({"unknownKey": unknown} if unknown else {})}

    def _set_profile(self, payload: Payload) -> Payload:
        refusal = self.install(read_profile_16(payload["csChargingProfiles"], int(payload["connectorId"])))
        return {"status": "Accepted" if refusal is None else "Rejected"}

    def _clear_profile(self, payload: Payload) -> Payload:
        purpose = payload.get("chargingProfilePurpose")
        count = self.book.clear(
            payload.get("id"),
            payload.get("connectorId"),
            PURPOSES[purpose] if purpose else None,
            payload.get("stackLevel"),
        )
        return {"status": "Accepted" if self.cleared(count) else "Unknown"}

    def _composite(self, payload: Payload) -> Payload:
        connector, duration_s = payload["connectorId"], int(payload["duration"])
        if connector not in EVERYTHING:
            return {"status": "Rejected"}
        unit, now_s = payload.get("chargingRateUnit", "A"), self.clock.epoch_s()
        start_s = self.transaction.start_s if self.transaction else None
        periods = composite_schedule(self.book.active(), self.spec.supply, start_s, now_s, duration_s, unit)
        schedule = schedule_json(periods, unit, duration_s) | {"startSchedule": written(now_s)}
        return {
            "status": "Accepted",
            "connectorId": connector,
            "scheduleStart": written(now_s),
            "chargingSchedule": schedule,
        }

    def _change_availability(self, payload: Payload) -> Payload:
        if payload["connectorId"] not in EVERYTHING:
            return {"status": "Rejected"}
        return {"status": self.set_operative(payload["type"] == "Operative")}

    def _unlock(self, payload: Payload) -> Payload:
        if payload["connectorId"] != CONNECTOR:
            return {"status": "NotSupported"}
        self.after_reply(lambda: self._stop_now("UnlockCommand", True))
        return {"status": "Unlocked"}
