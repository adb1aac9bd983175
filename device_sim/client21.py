"""A station that speaks OCPP 2.1: what differs from 2.0.1. The pile only charges, so a setpoint below zero is zero."""

from __future__ import annotations

from typing import Any

from device_sim.client201 import EVSE, Station201
from device_sim.outgoing import Payload
from device_sim.pile import Reading
from device_sim.profiles_on_wire import read_profile_201
from device_sim.speaker import NEVER_S
from device_sim.station import Transaction, written

LIMITS = ("limit", "limit_L2", "limit_L3")
SETPOINTS = ("setpoint", "setpoint_L2", "setpoint_L3")
CURVE = "curve"
DER_MEMBERS = {
    "enterService": "enterService",
    "fixedPFAbsorb": "fixedPF",
    "fixedPFInject": "fixedPF",
    "fixedVar": "fixedVar",
    "freqDroop": "freqDroop",
    "gradient": "gradient",
    "limitMaxDischarge": "limitMaxDischarge",
    CURVE: "curve",
}
"""The member of a control as it is set and as it is reported, which is also the list of the report."""
DEFAULTS_ONLY = ("enterService", "gradient")


class Station21(Station201):
    """OCPP 2.1 with one EVSE and one connector."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._dynamic: dict[int, tuple[Payload, int]] = {}
        self._pull_s: dict[int, float] = {}
        self._priority: Payload | None = None
        self._controls: dict[str, Payload] = {}
        self._tariffs: dict[str, int] = {}
        self._resuming = False
        self.handlers |= {
            "UpdateDynamicSchedule": self._update_dynamic,
            "UsePriorityCharging": self._use_priority,
            "NotifyAllowedEnergyTransfer": lambda payload: {"status": "Accepted"},
            "SetDefaultTariff": self._set_tariff,
            "GetTariffs": self._get_tariffs,
            "ClearTariffs": self._clear_tariffs,
            "SetDERControl": self._set_control,
            "GetDERControl": self._get_controls,
            "ClearDERControl": self._clear_controls,
            "GetPeriodicEventStream": lambda payload: {},
        }

    # -- time --------------------------------------------------------------------------------------------------------

    def _next_due_s(self) -> float:
        return min(super()._next_due_s(), *self._pull_s.values(), NEVER_S)

    def _happen(self, now_s: float) -> None:
        super()._happen(now_s)
        for number in [number for number, due_s in self._pull_s.items() if due_s <= now_s]:
            self._pull(number)

    # -- dynamic profiles and priority (K21, K28) --------------------------------------------------------------------

    def _set_profile(self, payload: Payload) -> Payload:
        json, evse = payload["chargingProfile"], int(payload["evseId"])
        if json["chargingProfilePurpose"] == "PriorityCharging":
            self._priority = json
            return {"status": "Accepted"}
        dynamic = json["chargingProfileKind"] == "Dynamic"
        periods = [period for schedule in json["chargingSchedule"] for period in schedule["chargingSchedulePeriod"]]
        if dynamic and (len(periods) != 1 or periods[0]["startPeriod"] != 0):  # K28.FR.03
            return {"status": "Rejected", "statusInfo": {"reasonCode": "InvalidSchedule"}}
        number = int(json["id"])
        answer = super()._set_profile({"evseId": evse, "chargingProfile": self._as_201(json)})
        if answer["status"] == "Accepted":
            self._dynamic.pop(number, None)
            self._pull_s.pop(number, None)
            if dynamic:
                self._dynamic[number] = (json, evse)
                self._pull_again(number)
        return answer

    def _as_201(self, json: Payload) -> Payload:
        """The same limits in the form of 2.0.1; a dynamic schedule counts from its last news (K28.FR.13)."""
        dynamic = json["chargingProfileKind"] == "Dynamic"
        start = {"startSchedule": written(self.clock.epoch_s())} if dynamic else {}
        schedules = [
            {
                **schedule,
                **start,
                "chargingSchedulePeriod": [
                    {**period, "limit": _most(period, schedule["chargingRateUnit"])}
                    for period in schedule["chargingSchedulePeriod"]
                ],
            }
            for schedule in json["chargingSchedule"]
        ]
        kind = "Absolute" if dynamic else json["chargingProfileKind"]
        return {**json, "chargingProfileKind": kind, "chargingSchedule": schedules}

    def _update_dynamic(self, payload: Payload) -> Payload:
        number = int(payload["chargingProfileId"])
        if number not in self._dynamic or number not in self.book.installed:  # K28.FR.11
            return {"status": "Rejected", "statusInfo": {"reasonCode": "InvalidProfile"}}
        self._take_figures(number, payload["scheduleUpdate"])
        return {"status": "Accepted"}

    def _take_figures(self, number: int, figures: Payload) -> None:
        json, evse = self._dynamic[number]
        schedule = json["chargingSchedule"][0]
        period = {**schedule["chargingSchedulePeriod"][0], **figures}
        json = {**json, "chargingSchedule": [{**schedule, "chargingSchedulePeriod": [period]}]}
        self._dynamic[number] = (json, evse)
        self.install(read_profile_201(self._as_201(json), evse))
        self._pull_again(number)

    def _pull_again(self, number: int) -> None:
        interval_s = self._dynamic[number][0].get("dynUpdateInterval")
        if interval_s:
            self._pull_s[number] = self.clock.epoch_s() + float(interval_s)

    def _pull(self, number: int) -> None:
        """PullDynamicScheduleUpdateRequest, when its time has come (K28.FR.10)."""
        if number not in self.book.installed:
            self._dynamic.pop(number, None)
            self._pull_s.pop(number, None)
            return
        self._pull_again(number)
        self.say("PullDynamicScheduleUpdate", lambda: {"chargingProfileId": number}, on_result=self._pulled(number))

    def _pulled(self, number: int) -> Any:
        def take(answer: Payload) -> None:
            if answer["status"] == "Accepted" and number in self._dynamic and number in self.book.installed:
                self._take_figures(number, answer.get("scheduleUpdate", {}))

        return take

    def _use_priority(self, payload: Payload) -> Payload:
        if self.transaction is None or self.transaction_name() != payload["transactionId"]:
            return {"status": "Rejected", "statusInfo": {"reasonCode": "TxNotFound"}}
        if self._priority is None:
            return {"status": "NoProfile"}
        self.after_reply(lambda: self._apply_priority(bool(payload["activate"])))
        return {"status": "Accepted"}

    def _apply_priority(self, active: bool) -> None:
        """The priority profile stands over those of the transaction as long as it is active (K21.FR.04, .07)."""
        name = self.transaction_name()
        if self._priority is None or name is None:
            return
        top = {"chargingProfilePurpose": "TxProfile", "transactionId": name, "stackLevel": self.rules().stack_level_max}
        if active:
            self.install(read_profile_201(self._as_201({**self._priority, **top}), EVSE))
        else:
            self.cleared(self.book.clear(int(self._priority["id"])))
        self.say("NotifyPriorityCharging", lambda: {"transactionId": name, "activated": active})

    # -- tariffs, restarts -------------------------------------------------------------------------------------------

    def _event(self, tx: Transaction, kind: str, trigger: str, reading: Reading, context: str, **more: Any) -> None:
        """A transaction names its tariff once, at its start (I07.FR.32)."""
        if kind == "Started" and self._tariffs:
            more["info"] = {**more.get("info", {}), "tariffId": next(reversed(self._tariffs))}
        super()._event(tx, kind, trigger, reading, context, **more)

    def _set_tariff(self, payload: Payload) -> Payload:
        name = payload["tariff"]["tariffId"]
        if name in self._tariffs:  # I07.FR.04
            return {"status": "DuplicateTariffId"}
        self._tariffs = {name: int(payload["evseId"])}
        return {"status": "Accepted"}

    def _get_tariffs(self, payload: Payload) -> Payload:
        kept = [{"tariffId": name, "tariffKind": "DefaultTariff", "evseIds": [EVSE]} for name in self._tariffs]
        return {"status": "Accepted", "tariffAssignments": kept} if kept else {"status": "NoTariff"}

    def _clear_tariffs(self, payload: Payload) -> Payload:
        wanted = payload.get("tariffIds", list(self._tariffs))
        gone = {name: self._tariffs.pop(name, None) is not None for name in wanted}
        results = [{"tariffId": name, "status": "Accepted" if had else "NoTariff"} for name, had in gone.items()]
        return {"clearTariffsResult": results or [{"status": "NoTariff"}]}

    def _reset(self, payload: Payload) -> Payload:
        if payload["type"] != "ImmediateAndResume":
            return super()._reset(payload)
        self._resuming = self.transaction is not None
        self.after_reply(lambda: self.reboot("RemoteReset"))
        return {"status": "Accepted"}

    def resumed(self) -> None:
        """A transaction that outlived a restart goes on (E17)."""
        if self._resuming and self.transaction is not None:
            self._event(self.transaction, "Updated", "TxResumed", self.pile.read(), "")
        self._resuming = False
        super().resumed()

    # -- DER control (R04) -------------------------------------------------------------------------------------------

    def _set_control(self, payload: Payload) -> Payload:
        same = [
            name
            for name, control in self._controls.items()
            if (control["controlType"], control["isDefault"]) == (payload["controlType"], payload["isDefault"])
            and name != payload["controlId"]
        ]
        for name in same:
            self._controls[name] = {**self._controls[name], "superseded": True}
        self._controls[payload["controlId"]] = payload
        return {"status": "Accepted", **({"supersededIds": same[:24]} if same else {})}

    def _matching(self, payload: Payload) -> dict[str, Payload]:
        names = ("isDefault", "controlType", "controlId")
        return {
            name: control
            for name, control in self._controls.items()
            if all(payload.get(key, control[key]) == control[key] for key in names)
        }

    def _get_controls(self, payload: Payload) -> Payload:
        found = self._matching(payload)
        if not found:
            return {"status": "NotFound"}
        report: dict[str, Any] = {"requestId": payload["requestId"]}
        for control in found.values():
            member = next(name for name in DER_MEMBERS if name in control)
            entry = {"id": control["controlId"], DER_MEMBERS[member]: control[member]}
            if member not in DEFAULTS_ONLY:
                entry |= {"isDefault": control["isDefault"], "isSuperseded": control.get("superseded", False)}
            if member == CURVE:
                entry["curveType"] = control["controlType"]
            report.setdefault(member, []).append(entry)
        self.after_reply(lambda: self.say("ReportDERControl", lambda: report))
        return {"status": "Accepted"}

    def _clear_controls(self, payload: Payload) -> Payload:
        gone = self._matching(payload)
        for name in gone:
            del self._controls[name]
        return {"status": "Accepted" if gone else "NotFound"}


def _most(period: Payload, unit: str) -> float:
    """What may flow at most: the limits of the phases, else the setpoints; watts together, amperes by phase."""
    figures = [float(period[name]) for name in LIMITS if name in period]
    figures = figures or [max(0.0, float(period[name])) for name in SETPOINTS if name in period]
    if not figures:
        return 0.0
    return min(figures) if unit == "A" else sum(figures)
