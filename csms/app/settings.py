"""Settings of the server: built-in defaults < `csms.toml` < `CSMS_*` variables < command line.

Nested names in variables take two underscores: `CSMS_CHARGING__LEASE_S=600`. Powers in the file are kW because people
write them; everything inside is W.
"""

from __future__ import annotations

import json
import os
import tomllib
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from csms.app.grid import FeederSettings, LimitSourceSettings
from csms.app.limit_channels import LimitFileSettings, LimitPlugSettings, OpenAdr2Settings, OpenAdrSettings
from csms.app.mqtt import BrokerUrl, MqttSection
from csms.app.province_settings import OperatorSettings, PartnerSettings, PriceSettings, SiteSettings
from csms.app.response import ResponseSection
from csms.app.section import Section, SettingsInvalid
from csms.model.bounds import ANSWERED_IDS_KEPT, CALLS_QUEUED_MAX, FRAME_BYTES_MAX, STRANGERS_MAX
from csms.trace.redaction import Cards

PORT_MAX = 65535
SETTINGS_FILE = "csms.toml"
FILE_VARIABLE = "CSMS_CONFIG"


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


class Settings(BaseSettings):
    """Everything `csms serve` can be told."""

    model_config = SettingsConfigDict(env_prefix="CSMS_", env_nested_delimiter="__", extra="ignore")

    data_dir: Path = Path("data")
    firmware_profiles_dir: Path | None = None
    database_url: str = ""
    ocpp_host: str = "0.0.0.0"
    ocpp_port: int = Field(default=9000, ge=0, le=65535)
    security_profiles: Annotated[list[Profile], *Several] = Field(default=[2, 3], min_length=1)
    profile_ports: dict[Profile, Annotated[int, Field(ge=0, le=65535)]] = {}
    tls_certificate: Annotated[list[Path], *Several] = []
    tls_key: Annotated[list[Path], *Several] = []
    tls_names: Annotated[list[str], *Several] = []
    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8080, ge=0, le=65535)
    public_url: str = ""
    accept_unknown: bool = False
    unknown_boot: Literal["Accepted", "Pending", "Rejected"] = "Accepted"
    strangers_max: int = Field(default=STRANGERS_MAX, ge=0)
    ocpp_versions: list[Literal["1.6", "2.0.1", "2.1"]] = Field(default=["1.6", "2.0.1", "2.1"], min_length=1)
    assume_ocpp16: bool = False
    unknown_tokens: bool = True
    refuse_concurrent: bool = False
    master_pass_group: str = ""
    keep_local_lists: bool = False
    read_device_model: bool = False
    heartbeat_s: int = Field(default=300, ge=10)
    meter_interval_s: int = Field(default=60, ge=1)
    call_timeout_s: float = Field(default=60.0, gt=0)
    boot_grace_s: float = Field(default=30.0, ge=0)
    remote_wait_s: float = Field(default=300.0, gt=0)
    ping_interval_s: float = Field(default=60.0, gt=0)
    time_zone: str = "Asia/Shanghai"
    station_time_zone: str | None = None
    log_level: str = "INFO"
    site: SiteSettings = SiteSettings()
    sites: list[SiteSettings] = Field(default_factory=list)
    operator: OperatorSettings = OperatorSettings()
    feeders: list[FeederSettings] = [FeederSettings(id="site", rating_kw=400.0)]
    limit_sources: list[LimitSourceSettings] = Field(default_factory=list)
    openadr: list[OpenAdrSettings] = Field(default_factory=list)
    openadr2: list[OpenAdr2Settings] = Field(default_factory=list)
    limit_files: list[LimitFileSettings] = Field(default_factory=list)
    limit_plugs: list[LimitPlugSettings] = Field(default_factory=list)
    stations: list[StationSettings] = Field(default_factory=list)
    charging: ChargingSection = ChargingSection()
    response: ResponseSection = ResponseSection()
    price: PriceSettings = PriceSettings()
    partners: list[PartnerSettings] = Field(default_factory=list)
    retention: RetentionSection = RetentionSection()
    files: FilesSection = FilesSection()
    certificates: CertificatesSection = CertificatesSection()
    firmware: FirmwareSection = FirmwareSection()
    alerts: AlertsSection = AlertsSection()
    mqtt: MqttSection = MqttSection()
    mqtt_url: BrokerUrl = ""
    traces: TracesSection = TracesSection()
    api: ApiSection = ApiSection()
    admission: AdmissionSection = AdmissionSection()
    disk_free_min_mb: int = Field(default=500, ge=0)

    @field_validator("time_zone", "station_time_zone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        try:
            ZoneInfo(value or "UTC")
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"{value!r} is no time zone; write one like Asia/Shanghai") from None
        return value

    @field_validator("public_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("public_url begins with http:// or https://")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Settings:
        if len(self.tls_certificate) != len(self.tls_key):
            raise ValueError("tls_certificate and tls_key go together, one key for each certificate")
        return self

    @model_validator(mode="after")
    def _ports_differ(self) -> Settings:
        ports = self.station_ports
        for profile, port in ports.items():
            same = [other for other, its in ports.items() if its == port and port]
            if len(same) > 1 and max(same) > 1:
                raise ValueError(f"security profile {profile} needs a port of its own, {port} is that of {same}")
            if port > PORT_MAX:
                raise ValueError(f"the port of security profile {profile} would be {port}: ocpp_port is too high")
        return self

    @property
    def station_ports(self) -> dict[int, int]:
        """The port of each security profile that is served: as set, else `ocpp_port` and the number of the profile."""
        return {
            profile: self.profile_ports.get(profile, self.ocpp_port and self.ocpp_port + profile)
            for profile in sorted(set(self.security_profiles))
        }

    @model_validator(mode="after")
    def _names_fit(self) -> Settings:
        feeders = [feeder.id for feeder in self.feeders]
        if not feeders or len(set(feeders)) < len(feeders):
            raise ValueError("there is at least one feeder and every feeder has its own id")
        lost = [s.id for s in self.stations if s.feeder and s.feeder not in feeders]
        lost += [f.id for f in self.feeders if f.parent and f.parent not in feeders]
        if lost:
            raise ValueError(f"{', '.join(lost)}: the feeder named there is not configured")
        for what, ids in (
            ("stations", [station.id for station in self.stations]),
            ("sites", [place.id for place in (self.site, *self.sites)]),
            ("partners", [partner.id for partner in self.partners]),
        ):
            if len(set(ids)) < len(ids):
                raise ValueError(f"two {what} have the same id")
        return self

    @property
    def store_url(self) -> str:
        """Where the database is: `database_url`, else a SQLite file in the data folder."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'csms.db'}"

    @property
    def broker_url(self) -> str:
        """The MQTT broker of grid operators, empty for none: `mqtt_url` (one plain variable), else `mqtt.url`."""
        return self.mqtt_url or self.mqtt.url

    @property
    def own_profiles(self) -> Path:
        """Where the user's own firmware profiles are."""
        return self.firmware_profiles_dir or self.data_dir / "firmware_profiles"

    @property
    def traces_folder(self) -> Path:
        """Where the files of traces are."""
        return self.traces.folder or self.data_dir / "traces"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line, then variables, then the file."""
        file = os.environ.get(FILE_VARIABLE, SETTINGS_FILE)
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, file)


def load_settings(file: Path | None = None, **given: Any) -> Settings:
    """Read the settings; `given` (command line) wins, None in it means "not given".

    Raises SettingsInvalid with one line for each fault, for an unreadable file, and for a name in the file that means
    nothing (a typing error must not pass silently).
    """
    if file is not None:
        if not file.is_file():
            raise SettingsInvalid(f"{file}: no such file")
        os.environ[FILE_VARIABLE] = str(file)
    try:
        _refuse_unknown_names()
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as fault:
        raise SettingsInvalid(_readable(fault)) from None


def _refuse_unknown_names() -> None:
    path = Path(os.environ.get(FILE_VARIABLE, SETTINGS_FILE))
    if not path.is_file():
        return
    try:
        names = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise SettingsInvalid(f"{path}: not readable as TOML: {fault}") from None
    unknown = sorted(set(names) - set(Settings.model_fields))
    if unknown:
        raise SettingsInvalid(f"{path}: unknown setting {', '.join(unknown)}")


def _readable(fault: ValidationError) -> str:
    lines = []
    for error in fault.errors():
        place = ".".join(str(part) for part in error["loc"]) or "settings"
        lines.append(f"{place}: {error['msg'].removeprefix('Value error, ')}")
    return "; ".join(lines)
