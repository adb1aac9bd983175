"""Settings of the server: built-in defaults < `csms.toml` < `CSMS_*` variables < command line.

Nested names in variables take two underscores: `CSMS_CHARGING__LEASE_S=600`. Powers in the file are kW because people
write them; everything inside is W.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from csms.app.dashboard import DashboardSection
from csms.app.drivers_section import DriversSection
from csms.app.grid import FeederSettings, LimitSourceSettings
from csms.app.limit_channels import LimitFileSettings, LimitPlugSettings, OpenAdr2Settings, OpenAdrSettings
from csms.app.mqtt import BrokerUrl, MqttSection
from csms.app.province_settings import OperatorSettings, PartnerSettings, PriceSettings, SiteSettings
from csms.app.reports import ReportsSection
from csms.app.response import ResponseSection
from csms.app.rounds import USUAL, RoundSettings
from csms.app.section import SettingsInvalid
from csms.app.sections import (
    AdmissionSection,
    AlertsSection,
    ApiSection,
    CertificatesSection,
    ChargingSection,
    FilesSection,
    FirmwareSection,
    Profile,
    RetentionSection,
    Several,
    StationSettings,
    TracesSection,
)
from csms.model.bounds import STRANGERS_MAX

PORT_MAX = 65535
SETTINGS_FILE = "csms.toml"
FILE_VARIABLE = "CSMS_CONFIG"


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
    rounds: list[RoundSettings] = list(USUAL)
    reports: ReportsSection = ReportsSection()
    dashboard: DashboardSection = DashboardSection()
    drivers: DriversSection = DriversSection()
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
