"""A station that speaks OCPP 2.0.1: what it says about its charging, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from device_sim.outgoing import Payload
from device_sim.pile import Reading
from device_sim.profile_book import Rules
from device_sim.profiles_on_wire import PURPOSES, read_profile_201, schedule_json
from device_sim.readings import sampled_201
from device_sim.smart_charging import Profile, Purpose, composite_schedule
from device_sim.station import Station, Transaction, written
from device_sim.variables import PASSWORD_VARIABLE, VARIABLES_201

STATUSES = {"available": "Available", "unavailable": "Unavailable"}  # everything else is Occupied
STATES = {"charging": "Charging", "suspended_ev": "SuspendedEV", "suspended_evse": "SuspendedEVSE"}
STOPPED = {  # why a transaction ended -> stoppedReason, triggerReason
    "EVDisconnected": ("EVDisconnected", "EVDeparted"),
    "Remote": ("Remote", "RemoteStop"),
    "PowerLoss": ("PowerLoss", "AbnormalCondition"),
    "DeAuthorized": ("DeAuthorized", "Deauthorized"),
    "UnlockCommand": ("Remote", "UnlockCommand"),
    "ImmediateReset": ("ImmediateReset", "ResetCommand"),
}
EVSE, CONNECTOR = 1, 1
EVERYTHING = (0, EVSE)
TOKEN_TYPE = "ISO14443"


class Station201(Station):
    """OCPP 2.0.1 with one EVSE and one connector."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.handlers = {
            "RequestStartTransaction": self._request_start,
            "RequestStopTransaction": self._request_stop,
            "Reset": self._reset,
            "TriggerMessage": self._trigger,
            "SetVariables": self._set_variables,
            "GetVariables": self._get_variables,
            "SetChargingProfile": self._set_profile,
            "ClearChargingProfile": self._clear_profile,
            "GetCompositeSchedule": self._composite,
            "GetTransactionStatus": self._transaction_status,
            "DataTransfer": lambda payload: {"status": "UnknownVendorId"},
            "ChangeAvailability": self._change_availability,
            "UnlockConnector": self._unlock,
            "ClearCache": lambda payload: {"status": "Accepted"},
            "CertificateSigned": self.certificate_signed,
        }

    def rules(self) -> Rules:
        """As its SmartChargingCtrlr says."""
        v = self.variables
        return Rules(
            periods_max=v.periods_max,
            stack_level_max=v.stack_level_max,
            profiles_max=v.profiles_max,
            refuses_duplicates=True,
        )

    # -- outward -----------------------------------------------------------------------------------------------------

    def boot_payload(self) -> Payload:
        """BootNotificationRequest."""
        return {
            "reason": self.boot_reason,
            "chargingStation": {
                "vendorName": "csms-sim",
                "model": f"{self.spec.kind.upper()}-{self.spec.rated_w / 1000:.0f}kW",
                "serialNumber": self.serial_number,
                "firmwareVersion": "1.0.0",
            },
        }

    def shown_as(self, status: str) -> str:
        """Available, Unavailable or Occupied."""
        return STATUSES.get(status, "Occupied")

    def say_status(self, status: str) -> None:
        """StatusNotificationRequest; what happens inside a transaction is told by TransactionEvent."""
        payload = {
            "timestamp": written(self.pile.at_s),
            "connectorStatus": self.shown_as(status),
            "evseId": EVSE,
            "connectorId": CONNECTOR,
        }
        self.say("StatusNotification", lambda: payload)

    def say_authorize(self, tag: str, decided: Callable[[bool], None]) -> None:
        """AuthorizeRequest; without an answer the pile trusts the card."""
        self.say(
            "Authorize",
            lambda: {"idToken": {"idToken": tag, "type": TOKEN_TYPE}},
            on_result=lambda result: decided(result["idTokenInfo"]["status"] == "Accepted"),
            on_failure=lambda: decided(True),
        )

    def _event(self, tx: Transaction, kind: str, trigger: str, reading: Reading, context: str, **more: Any) -> None:
        info = {"transactionId": tx.local_id, **more.pop("info", {})}
        values = sampled_201(reading, context) if context else []
        payload: Payload = {
            "eventType": kind,
            "timestamp": written(reading.at_s),
            "triggerReason": trigger,
            "seqNo": tx.seq_no,
            "transactionInfo": info,
            "evse": {"id": EVSE, "connectorId": CONNECTOR},
            "offline": not self.link.online,
            **more,
        }
        if values:
            payload["meterValue"] = [{"timestamp": written(reading.at_s), "sampledValue": values}]
        tx.seq_no += 1
        self.say(
            "TransactionEvent",
            lambda: payload,
            durable=True,
            samples=len(values),
            on_result=lambda result: self._judged(tx, result),
        )

    def _judged(self, tx: Transaction, result: Payload) -> None:
        status = result.get("idTokenInfo", {}).get("status", "Accepted")
        if status != "Accepted" and self.transaction is tx:
            self._stop_now("DeAuthorized", True)

    def say_started(self, tx: Transaction, reading: Reading) -> None:
        """TransactionEvent Started, seqNo 0."""
        remote = {} if tx.remote_start_id is None else {"remoteStartId": tx.remote_start_id}
        self._event(
            tx,
            "Started",
            "Authorized" if tx.remote_start_id is None else "RemoteStart",
            reading,
            "Transaction.Begin",
            info={"chargingState": "EVConnected", **remote},
            idToken={"idToken": tx.tag, "type": TOKEN_TYPE if tx.remote_start_id is None else "Central"},
        )

    def say_metered(self, tx: Transaction, reading: Reading, context: str) -> None:
        """TransactionEvent Updated with a sample."""
        trigger = "Trigger" if context == "Trigger" else "MeterValuePeriodic"
        self._event(tx, "Updated", trigger, reading, context, info=self._state_of(tx))

    def say_state(self, tx: Transaction, reading: Reading) -> None:
        """TransactionEvent Updated: the charging state changed."""
        self._event(tx, "Updated", "ChargingStateChanged", reading, "", info=self._state_of(tx))

    def _state_of(self, tx: Transaction) -> dict[str, str]:
        return {"chargingState": STATES.get(tx.state, "EVConnected")}

    def say_ended(self, tx: Transaction, reading: Reading, reason: str) -> None:
        """TransactionEvent Ended with the last sample."""
        stopped, trigger = STOPPED[reason]
        state = "Idle" if reason == "EVDisconnected" else "EVConnected"
        info = {"stoppedReason": stopped, "chargingState": state}
        self._event(tx, "Ended", trigger, reading, "Transaction.End", info=info)

    def say_signing_request(self, request: str) -> None:
        """SignCertificateRequest."""
        self.say("SignCertificate", lambda: {"csr": request, "certificateType": "ChargingStationCertificate"})

    # -- inward ------------------------------------------------------------------------------------------------------

    def _request_start(self, payload: Payload) -> Payload:
        profile: Profile | None = None
        if "chargingProfile" in payload:
            profile = read_profile_201(payload["chargingProfile"], EVSE)
            if profile.purpose is not Purpose.TRANSACTION:
                return {"status": "Rejected"}
        here = payload.get("evseId", EVSE) == EVSE
        good = here and self.remote_start(payload["idToken"]["idToken"], int(payload["remoteStartId"]), profile)
        return {"status": "Accepted" if good else "Rejected"}

    def _request_stop(self, payload: Payload) -> Payload:
        return {"status": "Accepted" if self.remote_stop(payload["transactionId"]) else "Rejected"}

    def _reset(self, payload: Payload) -> Payload:
        return {"status": self.reset("ImmediateReset", when_idle=payload["type"] == "OnIdle")}

    def _trigger(self, payload: Payload) -> Payload:
        wanted = payload["requestedMessage"]
        if payload.get("evse", {}).get("id", EVSE) not in EVERYTHING:
            return {"status": "Rejected"}
        actions: dict[str, Callable[[], None]] = {
            "Heartbeat": lambda: self.say("Heartbeat", dict),
            "StatusNotification": lambda: self._show(self._status, always=True),
            "MeterValues": self._meter_now,
            "TransactionEvent": self._meter_now,
            "BootNotification": self.boot,
        }
        if self.renewal.can:
            actions["SignChargingStationCertificate"] = self.ask_for_certificate
        if wanted not in actions:
            return {"status": "NotImplemented"}
        needs_transaction = wanted in ("MeterValues", "TransactionEvent") and self.transaction is None
        if needs_transaction or (wanted == "BootNotification" and self.outgoing.accepted):  # F06.FR.17
            return {"status": "Rejected"}
        self.after_reply(actions[wanted])
        return {"status": "Accepted"}

    def _meter_now(self) -> None:
        if self.transaction is not None:
            self._advance(self.clock.epoch_s())
            self.say_metered(self.transaction, self.pile.read(), "Trigger")

    def _set_variables(self, payload: Payload) -> Payload:
        results = [self._set_variable(item) for item in payload["setVariableData"]]
        self.retime()
        return {"setVariableResult": results}

    def _set_variable(self, item: Payload) -> Payload:
        status, setting = self._lookup(item)
        if (item["component"]["name"], item["variable"]["name"]) == PASSWORD_VARIABLE:
            status, password = "Accepted", item["attributeValue"].encode()
            self.after_reply(lambda: self.link.change_password(password))
        elif setting is not None:
            status = "Accepted" if self.variables.change(setting, item["attributeValue"]) else "Rejected"
        return {"attributeStatus": status, "component": item["component"], "variable": item["variable"]}

    def _get_variables(self, payload: Payload) -> Payload:
        return {"getVariableResult": [self._get_variable(item) for item in payload["getVariableData"]]}

    def _get_variable(self, item: Payload) -> Payload:
        status, setting = self._lookup(item)
        found = {} if setting is None else {"attributeValue": self.variables.value(setting)}
        return {"attributeStatus": status, "component": item["component"], "variable": item["variable"], **found}

    def _lookup(self, item: Payload) -> tuple[str, tuple[str, str] | None]:
        component, variable = item["component"]["name"], item["variable"]["name"]
        setting = VARIABLES_201.get((component, variable))
        if setting is not None:
            return "Accepted", setting
        known = any(name == component for name, _ in VARIABLES_201)
        return ("UnknownVariable" if known else "UnknownComponent"), None

    def _set_profile(self, payload: Payload) -> Payload:
        refusal = self.install(read_profile_201(payload["chargingProfile"], int(payload["evseId"])))
        if refusal is None:
            return {"status": "Accepted"}
        return {"status": "Rejected", "statusInfo": {"reasonCode": refusal[:20]}}

    def _clear_profile(self, payload: Payload) -> Payload:
        criteria = payload.get("chargingProfileCriteria", {})
        purpose = criteria.get("chargingProfilePurpose")
        count = self.book.clear(
            payload.get("chargingProfileId"),
            criteria.get("evseId"),
            PURPOSES[purpose] if purpose else None,
            criteria.get("stackLevel"),
        )
        return {"status": "Accepted" if self.cleared(count) else "Unknown"}

    def _composite(self, payload: Payload) -> Payload:
        evse, duration_s = payload["evseId"], int(payload["duration"])
        if evse not in EVERYTHING:
            return {"status": "Rejected"}
        unit, now_s = payload.get("chargingRateUnit", "A"), self.clock.epoch_s()
        start_s = self.transaction.start_s if self.transaction else None
        periods = composite_schedule(self.book.active(), self.spec.supply, start_s, now_s, duration_s, unit)
        schedule = schedule_json(periods, unit, duration_s) | {"evseId": evse, "scheduleStart": written(now_s)}
        return {"status": "Accepted", "schedule": schedule}

    def _transaction_status(self, payload: Payload) -> Payload:
        queued = self.outgoing.durable_count > 0
        if "transactionId" not in payload:
            return {"messagesInQueue": queued}
        return {"ongoingIndicator": self.transaction_name() == payload["transactionId"], "messagesInQueue": queued}

    def _change_availability(self, payload: Payload) -> Payload:
        if payload.get("evse", {}).get("id", EVSE) not in EVERYTHING:
            return {"status": "Rejected"}
        return {"status": self.set_operative(payload["operationalStatus"] == "Operative")}

    def _unlock(self, payload: Payload) -> Payload:
        if payload["evseId"] != EVSE or payload["connectorId"] != CONNECTOR:
            return {"status": "UnknownConnector"}
        if self.transaction is not None:
            return {"status": "OngoingAuthorizedTransaction"}
        return {"status": "Unlocked"}
