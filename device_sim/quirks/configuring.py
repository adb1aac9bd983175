"""Its configuration keys: how they are written, what they say, which can be changed. OCPP 1.6 only."""

from __future__ import annotations

from typing import Any

from device_sim.behaviour import Quirk
from device_sim.link import Refused
from device_sim.outgoing import Payload
from device_sim.variables import KEYS_16, Variables
from firmware_profiles import FirmwareProfile

LIST_KEY = "MeterValuesSampledData"
VENDOR_KEY = {"key": "VendorKey", "readonly": True, "value": "1"}
MORE_KEYS = ("AllowOfflineTxForUnknownId",)
FALSE_OF = {"true": "false", "TRUE": "FALSE", "True": "False", "1": "0"}


class Configuring(Quirk):
    """Keys pass through `_own` on their way out and through `_standard` on their way in."""

    def __init__(self, profile: FirmwareProfile) -> None:
        self._cfg, self._setup = profile.cfg, profile.setup
        self._all_or_nothing = profile.meter.one_measurand_rejects_list
        self._reboots_when_read = profile.meter.readback_reboots
        self._undeclared = profile.ocpp.smart_charging_undeclared
        self._written: dict[str, str] = {}
        self._standards = {self._own(key): key for key in (*KEYS_16, *MORE_KEYS, *profile.cfg.key_names)}

    def rebooted(self) -> None:
        """What was changed is gone, where it does not last."""
        if self._cfg.keys_lost_on_reboot:
            self._written.clear()
            kept = self.station.variables
            self.station.variables = Variables(
                periods_max=kept.periods_max, stack_level_max=kept.stack_level_max, profiles_max=kept.profiles_max
            )

    # -- ChangeConfiguration -----------------------------------------------------------------------------------------

    def heard(self, action: str, payload: Payload) -> Payload | None:
        """Refusals, and the keys that the simulated station itself does not let anybody write."""
        if action == "GetConfiguration":
            self._count_keys(payload.get("key", []))
            payload.update(self._translated(payload))
        if action != "ChangeConfiguration":
            return None
        key = self._standards.get(str(payload.get("key")), "")
        if not key and str(payload.get("key")) in KEYS_16:
            return {"status": "NotSupported"}  # a key that this make spells otherwise
        payload["key"] = key or payload.get("key")
        if key in self._setup.readonly_keys:
            return {"status": "Rejected"}
        return self._measurands(str(payload.get("value"))) if key == LIST_KEY else None

    def _measurands(self, text: str) -> Payload:
        legal = self._setup.legal_measurands
        wanted = [name.strip() for name in text.split(",")]
        known = [name for name in wanted if not legal or name in legal]
        if not known or (self._all_or_nothing and known != wanted):
            return {"status": "Rejected"}
        self._written[LIST_KEY] = ",".join(known)
        return {"status": "Accepted"}

    # -- GetConfiguration --------------------------------------------------------------------------------------------

    def _count_keys(self, keys: list[str]) -> None:
        if self._cfg.max_keys_per_get is not None and len(keys) > self._cfg.max_keys_per_get:
            raise Refused("OccurenceConstraintViolation", "")

    def _translated(self, payload: Payload) -> Payload:
        """Names of its own become those of the standard; those that it spells otherwise are unknown to it."""
        asked = payload.get("key") or []
        return {"key": [self._standards.get(key, f"?{key}") for key in asked]} if asked else {}

    def answered(self, action: str, payload: Payload, answer: Payload) -> Payload:
        """The keys as this make shows them; RebootRequired where it says so; a reboot for having asked."""
        if action == "ChangeConfiguration":
            required = payload.get("key") in self._cfg.reboot_required and answer.get("status") == "Accepted"
            return {"status": "RebootRequired"} if required else answer
        if action != "GetConfiguration":
            return answer
        shown = [self._shown(entry) for entry in self._known(answer["configurationKey"], payload.get("key"))]
        if self._reboots_when_read and any(entry["key"] == LIST_KEY for entry in shown):
            self.station.after_reply(lambda: self.station.reboot("Unknown"))
        unknown = [key.removeprefix("?") for key in answer.get("unknownKey", [])]
        return {"configurationKey": shown, **({"unknownKey": unknown} if unknown else {})}

    def _known(self, entries: list[dict[str, Any]], asked: list[str] | None) -> list[dict[str, Any]]:
        if self._cfg.no_standard_keys:
            return [VENDOR_KEY]
        most = self._cfg.max_keys_per_get
        if asked or most is None:
            return entries
        return [*entries, {"key": "GetConfigurationMaxKeys", "readonly": True, "value": str(most)}]

    def _shown(self, entry: dict[str, Any]) -> dict[str, Any]:
        key = entry["key"]
        value = self._written.get(key) or self._cfg.declares.get(key) or self._styled(str(entry["value"]))
        if self._undeclared and key == "SupportedFeatureProfiles":
            value = ",".join(name for name in value.split(",") if name != "SmartCharging")
        return entry | {
            "key": self._own(key),
            "value": value,
            "readonly": entry["readonly"] or key in self._setup.readonly_keys,
        }

    def _styled(self, value: str) -> str:
        true = self._cfg.bool_style
        return {"true": true, "false": FALSE_OF[true]}.get(value, value)

    def _own(self, key: str) -> str:
        name = self._cfg.key_names.get(key, key)
        return name.lower() if self._cfg.key_case == "lower" else name
