"""What GetCompositeSchedule answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from device_sim.behaviour import Quirk
from device_sim.outgoing import Payload
from device_sim.quirks.obeying import stepped
from firmware_profiles import FirmwareProfile

IMPOSSIBLE_S = 1_006_632_455
NOISE = 1.0000000000000002
Schedule = dict[str, Any]


class Composing(Quirk):
    """Changes a true answer into the one that the profile knows."""

    def __init__(self, profile: FirmwareProfile) -> None:
        self._limits, self._how = profile.limits, profile.limits.composite

    def answered(self, action: str, payload: Payload, answer: Payload) -> Payload:
        """The schedule stands under `chargingSchedule` (1.6) or `schedule` (2.0.1)."""
        if action != "GetCompositeSchedule" or answer.get("status") != "Accepted":
            return answer
        if self._how == "rejected":
            return {"status": "Rejected"}
        name = "chargingSchedule" if "chargingSchedule" in answer else "schedule"
        if self._how in ("none", "not_executed"):
            return {"status": "Accepted"}
        return answer | {name: CHANGES[self._how](self, self._true(dict(answer[name])))}

    def _true(self, schedule: Schedule) -> Schedule:
        """What it will do, in its own steps."""
        if schedule["chargingRateUnit"] != "A":
            return schedule
        rated_a = self.station.spec.supply.current_max_a
        return _changed(
            schedule, lambda period: period | {"limit": stepped(self._limits, float(period["limit"]), rated_a)}
        )

    def _empty(self, schedule: Schedule) -> Schedule:
        schedule.pop("startSchedule", None)
        return schedule | {"chargingSchedulePeriod": []}

    def _unlimited(self, schedule: Schedule) -> Schedule:
        supply = self.station.spec.supply
        rated_a = supply.current_max_a
        rated = rated_a if schedule["chargingRateUnit"] == "A" else rated_a * supply.voltage_v * supply.phases
        return _changed(
            schedule, lambda period: period | ({"limit": -1, "numberPhases": -1} if period["limit"] >= rated else {})
        )

    def _other_unit(self, schedule: Schedule) -> Schedule:
        supply = self.station.spec.supply
        watts = supply.voltage_v * supply.phases
        to_a = schedule["chargingRateUnit"] == "W"
        factor = 1 / watts if to_a else watts
        turned = _changed(schedule, lambda period: period | {"limit": round(period["limit"] * factor, 1)})
        return turned | {"chargingRateUnit": "A" if to_a else "W"}

    def _impossible(self, schedule: Schedule) -> Schedule:
        return _changed(schedule, lambda period: period | {"startPeriod": IMPOSSIBLE_S})

    def _noisy(self, schedule: Schedule) -> Schedule:
        return _changed(schedule, lambda period: period | {"limit": period["limit"] * NOISE})


def _changed(schedule: Schedule, change: Callable[[Schedule], Schedule]) -> Schedule:
    return schedule | {"chargingSchedulePeriod": [change(period) for period in schedule["chargingSchedulePeriod"]]}


CHANGES: dict[str, Callable[[Composing, Schedule], Schedule]] = {
    "true": lambda composing, schedule: schedule,
    "empty": Composing._empty,
    "unlimited": Composing._unlimited,
    "other_unit": Composing._other_unit,
    "impossible": Composing._impossible,
    "noisy": Composing._noisy,
}
