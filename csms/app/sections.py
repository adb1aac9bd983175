"""The sections of the settings file that have no room of their own."""

from __future__ import annotations

import json
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    NoDecode,
)

from csms.app.section import Section
from csms.model.bounds import ANSWERED_IDS_KEPT, CALLS_QUEUED_MAX, FRAME_BYTES_MAX
from csms.trace.redaction import Cards


def _several(value: object) -> object:
    """One or several: a list, or in a variable also `a,b`."""
    if not isinstance(value, str):
        return value if isinstance(value, list | tuple) else [value]
    return json.loads(value) if value.startswith("[") else [part.strip() for part in value.split(",") if part.strip()]


Several = (NoDecode, BeforeValidator(_several))


Profile = Annotated[int, Field(ge=0, le=3)]


class StationSettings(Section):
    """A registered station; all its EVSEs have the same nameplate. `serial`: what its certificate is made out to.

    `rotation`: to which phases of the feeder they are wired, such as `STR`: one for all EVSEs or a list of them.
    `security_profile`: the lowest that it may come by; higher ones that it has used count all the same.
    """

    id: str
    feeder: str = ""
    site: str = ""
    kind: str = "ac"
    phases: int = 3
    current_max_a: float = 32.0
    power_max_kw: float = 22.0
    evses: int = Field(default=1, ge=1, le=256)
    rotation: str | list[str] = ""
    serial: str = Field(default="", max_length=64)
    security_profile: Profile = 0

    @model_validator(mode="after")
    def _rotations(self) -> StationSettings:
        if any(one and sorted(one) != ["R", "S", "T"] for one in self.rotations) or len(self.rotations) != self.evses:
            raise ValueError("rotation is an order of R, S and T such as STR, one for all EVSEs or a list of as many")
        return self

    @property
    def rotations(self) -> list[str]:
        """By EVSE."""
        return [self.rotation] * self.evses if isinstance(self.rotation, str) else self.rotation


class ChargingSection(Section):
    """How charging is planned and commanded; with `control` off stations are only listened to and no cap is kept."""

    control: bool = True
    lease_s: float = Field(default=900.0, ge=60)
    replan_s: float = Field(default=300.0, gt=0)
    debounce_s: float = Field(default=2.0, ge=0)
    ramp_s: float = Field(default=15.0, ge=0)
    floor_a: float = Field(default=6.0, ge=0)
    floor_share: float = Field(default=0.25, ge=0, le=1)
    tilt_per_h: float = Field(default=0.05, ge=0)
    reserve_share: float = Field(default=0.02, ge=0, lt=0.5)
    default_energy_kwh: float = Field(default=40.0, gt=0)
    default_stay_h: float = Field(default=4.0, gt=0)
    periods_max: int = Field(default=2, ge=1)
    notice_s: float = Field(default=120.0, ge=0)
    cut_off_after_s: float = Field(default=60.0, ge=0)
    solver_processes: int = Field(default=0, ge=0, le=64)
    solver_from: int = Field(default=50, ge=1)
    forecast: bool = True
    forecast_age_max_s: float = Field(default=3 * 3600.0, gt=0)


class FilesSection(Section):
    """How large files may be: what stations upload, and firmware for them."""

    upload_max_mb: int = Field(default=200, gt=0)
    firmware_max_mb: int = Field(default=1000, gt=0)


class CertificatesSection(Section):
    """Certificates of stations and cars. `organization`: what stands in stations' certificates; empty: anything may.

    `ocsp_responders`: hosts that stations may have asked; `contract_url`: the contract certificate provider.
    `contract_roots`: PEM files of the authorities whose charging contracts are accepted (C07).
    `client_roots`: those whose certificates of stations are taken at security profile 3; none: this server's own.
    `revoked`: their revocation lists; `check_status`: their OCSP responders are asked, too. `expired_accepted`: the
    stations that are let in with a certificate that has ended, and held until they have renewed it.
    `authority_command`: a program that signs in place of the built-in authority: request in, chain out, both PEM.
    `renew_days`: so long before its end a station is asked to renew its certificate; 0: it never is.
    `allowed_roots`: PEM files of roots that stations may be given without a second person.
    """

    organization: str = Field(default="", max_length=64)
    ocsp_responders: list[str] = Field(default_factory=list)
    contract_roots: list[Path] = Field(default_factory=list)
    contract_url: str = ""
    client_roots: list[Path] = Field(default_factory=list)
    revoked: list[Path] = Field(default_factory=list)
    check_status: bool = False
    expired_accepted: list[str] = Field(default_factory=list)
    authority_command: list[str] = Field(default_factory=list)
    authority_timeout_s: float = Field(default=60.0, gt=0)
    renew_days: int = Field(default=45, ge=0)
    allowed_roots: list[Path] = Field(default_factory=list)

    @model_validator(mode="after")
    def _authority_is_trusted(self) -> CertificatesSection:
        if self.authority_command and not self.client_roots:
            raise ValueError("authority_command needs client_roots: the root below which that authority signs")
        return self

    @model_validator(mode="after")
    def _organization_is_named(self) -> CertificatesSection:
        if self.client_roots and not self.organization:
            raise ValueError(
                "client_roots need organization: an authority of others issues certificates to others, too"
            )
        return self


class FirmwareSection(Section):
    """Which firmware stations may be given. `unsigned_for`: ids (or patterns, `*` for all) of those that may be given
    firmware without its maker's signature. `maker_roots`: PEM files; signing certificates must be issued below one.
    """

    unsigned_for: list[str] = Field(default_factory=list)
    maker_roots: list[Path] = Field(default_factory=list)


class AlertsSection(Section):
    """Who else is told of an alert. `webhook`: where each one is posted to as JSON, with `webhook_token` as bearer."""

    webhook: str = ""
    webhook_token: SecretStr = SecretStr("")

    @field_validator("webhook")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("webhook begins with http:// or https://")
        return value


class RetentionSection(Section):
    """For how many days things are kept; 0: for ever. `rollup_days`: the quarter-hours; days stay for ever."""

    sample_days: int = Field(default=400, ge=0)
    rollup_days: int = Field(default=0, ge=0)
    plan_days: int = Field(default=400, ge=0)
    profile_days: int = Field(default=400, ge=0)
    notice_days: int = Field(default=400, ge=0)
    event_days: int = Field(default=400, ge=0)
    outbox_days: int = Field(default=90, ge=0)
    stream_days: int = Field(default=30, ge=0)
    v2x_days: int = Field(default=400, ge=0)
    state_days: int = Field(default=90, ge=0)
    file_days: int = Field(default=90, ge=0)
    security_event_days: int = Field(default=400, ge=0)
    alert_days: int = Field(default=400, ge=0)
    operation_days: int = Field(default=400, ge=0)


class TracesSection(Section):
    """What stations and this server say to each other, kept for some days; `folder`: in the data folder when empty.

    `id_tokens`: what is kept of the number of a card; `max_mb`: of all files together.
    """

    enabled: bool = True
    keep_days: int = Field(default=14, ge=0)
    max_mb: int = Field(default=10_000, ge=100)
    id_tokens: Cards = Cards.LAST4
    folder: Path | None = None


class ApiSection(Section):
    """The HTTP port: its certificate, proxies that may say whom they speak for, how often somebody may come.

    `client_roots`: PEM files; grid operators may prove themselves with certificates issued below one of them
    (`limit_sources`), unless they stand on one of the lists `client_revoked`.
    """

    tls_certificate: Path | None = None
    tls_key: Path | None = None
    client_roots: list[Path] = Field(default_factory=list)
    client_revoked: list[Path] = Field(default_factory=list)
    trusted_proxies: list[str] = Field(default_factory=list)
    requests_per_s: float = Field(default=100.0, gt=0)
    requests_burst: int = Field(default=1000, ge=1)
    open_requests_per_s: float = Field(default=50.0, gt=0)
    open_requests_burst: int = Field(default=500, ge=1)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: list[str]) -> list[str]:
        """Addresses or networks; a `*` would let everybody say whom they speak for."""
        return [one for one in value if ip_network(one)]

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> ApiSection:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together")
        if self.client_roots and self.tls_certificate is None:
            raise ValueError("client_roots needs tls_certificate: certificates are shown over TLS")
        return self


class AdmissionSection(Section):
    """How often stations may come and how much they may say; docs/reference/limits.md tells what happens beyond.

    `trusted_proxies`: addresses of proxies whose `X-Forwarded-For` is believed. `reused_message_ids`: what happens to a
    message with the id of another one.
    """

    trusted_proxies: list[str] = Field(default_factory=list)
    failures_free: int = Field(default=5, ge=1)
    failures_wait_s: float = Field(default=1.0, gt=0)
    failures_wait_max_s: float = Field(default=300.0, gt=0)
    address_failures_per_s: float = Field(default=0.5, gt=0)
    address_failures_burst: int = Field(default=50, ge=1)
    addresses_max: int = Field(default=10_000, ge=100)
    handshakes_max: int = Field(default=10_000, ge=1)
    handshakes_per_address_max: int = Field(default=4_000, ge=1)
    handshake_s: float = Field(default=10.0, gt=0)
    duplicate_ping_s: float = Field(default=5.0, gt=0, le=20)
    frame_bytes_max: int = Field(default=FRAME_BYTES_MAX, ge=1024, le=FRAME_BYTES_MAX)
    messages_per_s: float = Field(default=100.0, gt=0)
    messages_burst: int = Field(default=30_000, ge=1)
    excess_s: float = Field(default=3600.0, ge=0)
    authorize_per_s: float = Field(default=1.0, gt=0)
    authorize_burst: int = Field(default=120, ge=1)
    message_ids_kept: int = Field(default=ANSWERED_IDS_KEPT, ge=1, le=10_000)
    reused_message_ids: Literal["refuse", "accept"] = "refuse"
    commands_waiting_max: int = Field(default=CALLS_QUEUED_MAX, ge=1)

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, value: list[str]) -> list[str]:
        return [str(ip_address(one)) for one in value]
