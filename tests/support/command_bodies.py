"""One good body for each command of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.support.signing import certificate, pem, rsa_key

PROFILE: Mapping[str, Any] = {
    "profile_id": 5,
    "purpose": "TxProfile",
    "transaction_id": "42",
    "unit": "A",
    "periods": [{"start_s": 0, "limit": 16.0}, {"start_s": 900, "limit": 8.0, "phases": 3}],
}
GOOD: Mapping[str, Mapping[str, Any]] = {
    "remote_start": {"id_token": "CARD", "evse_id": 1},
    "remote_stop": {"transaction_id": "42"},
    "reset": {"hard": True},
    "trigger": {"message": "MeterValues", "evse_id": 1},
    "set_variables": {"values": {"HeartbeatInterval": "60"}},
    "get_variables": {"names": ["HeartbeatInterval"]},
    "set_charging_profile": {"evse_id": 1, "profile": PROFILE},
    "clear_charging_profile": {"profile_id": 5},
    "get_composite_schedule": {"evse_id": 1, "duration_s": 3600, "unit": "W"},
    "change_availability": {"evse_id": 1, "operative": False},
    "unlock_connector": {"evse_id": 1},
    "update_firmware": {"location": "https://files.example/fw", "retries": 2},
    "publish_firmware": {"location": "https://files.example/fw", "checksum": "0123456789abcdef" * 2},
    "unpublish_firmware": {"checksum": "0123456789abcdef" * 2},
    "request_log": {"kind": "security", "location": "https://files.example/logs"},
    "set_password": {"password": "sixteen-letters-"},
    "install_certificate": {"use": "CSMSRootCertificate", "certificate": pem(certificate(rsa_key()))},
    "get_installed_certificates": {"uses": ["CSMSRootCertificate"]},
    "delete_certificate": {
        "algorithm": "SHA256",
        "issuer_name_hash": "ab",
        "issuer_key_hash": "cd",
        "serial_number": "7",
    },
    "call": {"action": "ClearCache", "payload": {}},
    "data_transfer": {"vendor_id": "acme", "message_id": "hello", "data": "x"},
    "get_base_report": {"base": "ConfigurationInventory"},
    "get_report": {"names": ["EVSE/1.Power"], "criteria": ["Available"]},
    "set_network_profile": {"slot": 1, "url": "wss://csms.example", "security_profile": 2},
    "set_monitoring_base": {"base": "All"},
    "set_monitoring_level": {"severity": 4},
    "set_variable_monitoring": {"monitors": [{"name": "EVSE/1.Power", "kind": "Delta", "severity": 8}]},
    "clear_variable_monitoring": {"monitor_ids": [1, 2]},
    "get_monitoring_report": {"criteria": ["DeltaMonitoring"]},
    "customer_information": {"id_token": "CARD", "clear": True},
    "clear_cache": {},
    "get_local_list_version": {},
    "send_local_list": {"full": True, "tokens": []},
    "get_transaction_status": {"transaction_id": "42"},
    "reserve_now": {"id_token": "CARD", "expires_at": "2026-03-02T04:00:00Z", "evse_id": 1},
    "cancel_reservation": {"reservation_id": 7},
    "set_display_message": {"content": "Welcome"},
    "get_display_messages": {"priority": "InFront"},
    "clear_display_message": {"message_id": 3},
    "update_cost": {"transaction_id": "42", "total_cost": 1.5},
    "get_charging_profiles": {"evse_id": 1},
    "set_v2x_profile": {
        "evse_id": 1,
        "profile": {
            "profile_id": 7,
            "transaction_id": "t",
            "kind": "Dynamic",
            "update_interval_s": 60,
            "periods": [{"mode": "CentralSetpoint", "setpoint": -3000}],
        },
    },
    "update_dynamic_schedule": {"profile_id": 7, "figures": {"setpoint": 2000}},
    "use_priority_charging": {"transaction_id": "t"},
    "allow_energy_transfer": {"transaction_id": "t", "allowed": ["AC_BPT"]},
    "afrr_signal": {"signal": 1, "time": "2026-03-01T12:00:00Z"},
    "set_der_control": {
        "control_id": "a",
        "control_type": "VoltVar",
        "curve": {"points": [{"x": 95, "y": 44}, {"x": 105, "y": -44}], "unit": "PctMaxVar"},
    },
    "get_der_control": {"control_type": "VoltVar"},
    "clear_der_control": {"is_default": True, "control_id": "a"},
    "set_default_tariff": {
        "tariff": {"tariff_id": "T1", "currency": "CNY", "energy": {"prices": [{"price_kwh": 1.2}]}},
    },
    "get_tariffs": {},
    "clear_tariffs": {"tariff_ids": ["T1"]},
    "change_transaction_tariff": {"transaction_id": "t", "tariff": {"tariff_id": "T2", "currency": "CNY"}},
    "adjust_event_stream": {"stream_id": 3, "interval_s": 60},
    "get_event_streams": {},
    "request_battery_swap": {"id_token": "CARD"},
    "web_payment_started": {"evse_id": 1, "timeout_s": 120},
}

_DER: Mapping[str, Mapping[str, Any]] = {
    "FreqDroop": {
        "freq_droop": {"over_freq": 50.2, "under_freq": 49.8, "over_droop": 5, "under_droop": 5, "response_time_s": 1},
    },
    "FixedPFAbsorb": {"fixed_pf": {"displacement": 0.9, "excitation": True}},
    "FixedVar": {"fixed_var": {"setpoint": 10, "unit": "PctMaxVar"}},
    "LimitMaxDischarge": {
        "limit_max_discharge": {"power_monitoring_must_trip": {"points": [{"x": 1, "y": 2}], "unit": "PctWAvail"}}
    },
}
_MODES: Mapping[str, Mapping[str, Any]] = {
    "ChargingOnly": {"limit": 1000},
    "CentralSetpoint": {"setpoint": 1000, "setpoint_reactive": 10},
    "CentralFrequency": {"setpoint": 1000},
    "ExternalSetpoint": {"limit": 1000, "discharge_limit": -1000},
    "ExternalLimits": {},
    "LocalFrequency": {"frequency_curve": [{"frequency_hz": 50, "power_w": 0}, {"frequency_hz": 51, "power_w": 9}]},
    "Idle": {"start_s": 0},
    "LocalLoadBalancing": {"limit": 1000, "discharge_limit": -1000},
}
SEEDS: Mapping[str, list[dict[str, Any]]] = {
    "set_variables": [{"values": {"OCPPCommCtrlr.HeartbeatInterval": "60"}}],
    "get_variables": [{"names": ["OCPPCommCtrlr.HeartbeatInterval"]}],
    "set_der_control": [
        {"control_id": "a", "control_type": kind, "is_default": False, **setting} for kind, setting in _DER.items()
    ],
    "set_v2x_profile": [
        {
            "evse_id": 1,
            "profile": {
                "profile_id": 7,
                "purpose": "TxDefaultProfile",
                "kind": "Dynamic",
                "periods": [{"mode": mode, **figures}],
            },
        }
        for mode, figures in _MODES.items()
    ],
}
"""Bodies whose fields go together, of which others can be made one step at a time."""
