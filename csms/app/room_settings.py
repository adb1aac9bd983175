"""The settings of gateway, charging room and traces, as those rooms want them."""

from __future__ import annotations

import platform
from zoneinfo import ZoneInfo

from csms.app.sections import AdmissionSection
from csms.app.settings import Settings
from csms.charging.planner import NeedsPolicy
from csms.charging.profiles import ProfileRules
from csms.charging.settings import ChargingSettings
from csms.gateway.admission import AdmissionLimits
from csms.gateway.server import GatewaySettings
from csms.gateway.socket import Limits
from csms.model.authentication import SecurityProfile
from csms.model.station import Protocol
from csms.station.files import MB, FileLimits
from csms.trace.service import TraceSettings


def charging_settings(settings: Settings) -> ChargingSettings:
    """Of the charging room."""
    section = settings.charging
    return ChargingSettings(
        lease_s=section.lease_s,
        replan_s=section.replan_s,
        debounce_s=section.debounce_s,
        ramp_s=section.ramp_s,
        notice_s=section.notice_s,
        cut_off_after_s=section.cut_off_after_s,
        floor_a=section.floor_a,
        floor_share=section.floor_share,
        tilt_per_h=section.tilt_per_h,
        reserve_share=section.reserve_share,
        needs=NeedsPolicy(section.default_energy_kwh * 1000, section.default_stay_h * 3600),
        profiles=ProfileRules(periods_max=section.periods_max),
    )


def gateway_settings(settings: Settings) -> GatewaySettings:
    """Of the gateway."""
    return GatewaySettings(
        host=settings.ocpp_host,
        ports={SecurityProfile(profile): port for profile, port in settings.station_ports.items()},
        versions=[Protocol(f"ocpp{version}") for version in settings.ocpp_versions],
        assume_ocpp16=settings.assume_ocpp16,
        call_timeout_s=settings.call_timeout_s,
        zone=ZoneInfo(settings.station_time_zone or settings.time_zone),
        limits=Limits(
            ping_interval_s=settings.ping_interval_s,
            ping_timeout_s=settings.ping_interval_s,
            handshake_s=settings.admission.handshake_s,
            message_bytes_max=settings.admission.frame_bytes_max,
        ),
        admission=_admission(settings.admission),
    )


def _admission(section: AdmissionSection) -> AdmissionLimits:
    return AdmissionLimits(
        trusted_proxies=frozenset(section.trusted_proxies),
        failures_free=section.failures_free,
        failures_wait_s=section.failures_wait_s,
        failures_wait_max_s=section.failures_wait_max_s,
        address_failures_per_s=section.address_failures_per_s,
        address_failures_burst=section.address_failures_burst,
        addresses_max=section.addresses_max,
        handshakes_max=section.handshakes_max,
        handshakes_per_address_max=section.handshakes_per_address_max,
        duplicate_ping_s=section.duplicate_ping_s,
        messages_per_s=section.messages_per_s,
        messages_burst=section.messages_burst,
        excess_s=section.excess_s,
        authorize_per_s=section.authorize_per_s,
        authorize_burst=section.authorize_burst,
        message_ids_kept=section.message_ids_kept,
        refuse_reused_ids=section.reused_message_ids == "refuse",
        commands_waiting_max=section.commands_waiting_max,
    )


def file_limits(settings: Settings) -> FileLimits:
    """How large files of stations may be."""
    return FileLimits(settings.files.upload_max_mb * MB, settings.files.firmware_max_mb * MB)


def trace_settings(settings: Settings) -> TraceSettings:
    """Of the traces."""
    section = settings.traces
    return TraceSettings(
        folder=settings.traces_folder,
        writer=platform.node() or "csms",
        keep_days=section.keep_days,
        bytes_max=section.max_mb * MB,
        free_min_bytes=settings.disk_free_min_mb * MB,
        id_tokens=section.id_tokens,
    )
