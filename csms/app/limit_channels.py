"""Channels of limits beside HTTP: their settings, and the work that is made of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import tzinfo
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator, model_validator

from csms.app.grid import LimitSourceSettings
from csms.app.section import Section, SettingsInvalid
from csms.charging.feeder import FeederTree
from csms.grid.file_plug import FilePlug
from csms.grid.openadr2 import Ven2, Ven2Rule, installed
from csms.grid.openadr3 import Agreed
from csms.grid.openadr3_periods import Release
from csms.grid.peer import Peer, source_of
from csms.grid.plug import LimitPlug, load_plug
from csms.grid.responses import ResponseBook
from csms.grid.service import LimitService
from csms.grid.ven import Ven, VenRule
from csms.grid.vtn import Vtn, VtnAddress
from csms.model.clock import Clock

Name = Annotated[str, Field(min_length=1, max_length=64)]
Share = Annotated[float, Field(ge=0, le=1)]
Kilowatts = Annotated[float, Field(ge=0)]
Channel = tuple[str, LimitPlug]
Metered = Callable[[str], int]


class MappedSettings(Section):
    """What events of a VTN mean here. `targets`: feeder by target; `feeders`: those of events for everybody."""

    name: Name
    feeders: list[str] = Field(default_factory=list)
    targets: dict[str, str] = Field(default_factory=dict)
    levels: dict[int, Share] = Field(default_factory=dict)

    @field_validator("levels")
    @classmethod
    def _known_levels(cls, value: dict[int, float]) -> dict[int, float]:
        if not set(value) <= {1, 2, 3}:
            raise ValueError("levels are 1, 2 and 3; at 0 nothing is limited")
        return value

    @property
    def mapped(self) -> frozenset[str]:
        """All feeders named here."""
        return frozenset(self.feeders) | frozenset(self.targets.values())


class OpenAdrSettings(MappedSettings):
    """An OpenADR 3 VTN that states limits. `name`: as in `limit_sources`; `programs`: ids or names, none: all it shows.

    `emergency_kw`: what feeders are held at while it tells of a grid emergency; `unit`: where it names none.
    `notifier`: it may wake us over MQTT (3.1). `response_price`: what is paid for responses (yuan per kWh) where an
    event has no PRICE.
    """

    url: str
    version: Literal["3.0", "3.1"] = "3.1"
    client_id: str = Field(min_length=1, max_length=4096)
    client_secret: SecretStr
    token_url: str = ""
    scope: str = ""
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    ven_name: str = Field(default="csms", min_length=1, max_length=128)
    programs: list[str] = Field(default_factory=list)
    emergency_kw: dict[str, Kilowatts] = Field(default_factory=dict)
    unit: Literal["KW", "W", "MW"] = "KW"
    poll_s: float = Field(default=20.0, ge=10, le=300)
    report_s: float = Field(default=300.0, ge=0)
    notifier: bool = False
    response_price: float = Field(default=0.0, ge=0, le=100_000)

    @field_validator("url", "token_url")
    @classmethod
    def _https(cls, value: str) -> str:
        if value and not value.startswith("https://"):
            raise ValueError("it begins with https://, the secret goes there")
        return value

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> OpenAdrSettings:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        return self


class OpenAdr2Settings(MappedSettings):
    """An OpenADR 2.0b VTN (`pip install 'csms[openadr2]'`). `fingerprint`: of its certificate, if it signs messages.

    `poll_s` 0: as often as it asks for.
    """

    url: str
    ven_name: str = Field(default="csms", min_length=1, max_length=128)
    ven_id: str = Field(default="", max_length=128)
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    fingerprint: str = ""
    unit: Literal["KW", "W", "MW"] = "KW"
    poll_s: float = Field(default=0.0, ge=0, le=300)

    @field_validator("url")
    @classmethod
    def _https(cls, value: str) -> str:
        if not value.startswith("https://"):
            raise ValueError("it begins with https://")
        return value

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> OpenAdr2Settings:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        return self


class LimitFileSettings(Section):
    """A file that somebody writes limits to. `name`: as in `limit_sources`."""

    name: Name
    path: Path
    feeders: list[str] = Field(default_factory=list)
    poll_s: float = Field(default=1.0, ge=0.1, le=60)


class LimitPlugSettings(Section):
    """A channel of your own. `plug`: `package.module:name`, called with its peer and `options`."""

    name: Name
    plug: str = Field(pattern=r"^[\w.]+:\w+$")
    feeders: list[str] = Field(default_factory=list)
    options: dict[str, Any] = Field(default_factory=dict)


class ChannelSettings(Protocol):
    """The sections of all channels."""

    time_zone: str
    limit_sources: list[LimitSourceSettings]
    openadr: list[OpenAdrSettings]
    openadr2: list[OpenAdr2Settings]
    limit_files: list[LimitFileSettings]
    limit_plugs: list[LimitPlugSettings]


def limit_channels(
    settings: ChannelSettings,
    clock: Clock,
    limits: LimitService,
    metered_w: Metered,
    responses: ResponseBook | None = None,
) -> list[Channel]:
    """All channels by the name of their work. Raises SettingsInvalid."""
    sources = {source.name: source for source in settings.limit_sources}
    made: list[Channel] = []
    zone = ZoneInfo(settings.time_zone)
    for vtn in settings.openadr:
        peer = _peer(vtn.name, "openadr3", vtn.mapped, sources, limits.feeders, vtn.url)
        made.append((f"openadr:{vtn.name}", _ven(vtn, peer, clock, limits.feeders, metered_w, zone, responses)))
    for old in settings.openadr2:
        peer = _peer(old.name, "openadr2", old.mapped, sources, limits.feeders, old.url)
        made.append((f"openadr2:{old.name}", _ven2(old, peer, clock, limits.feeders)))
    for file in settings.limit_files:
        peer = _peer(file.name, "file", file.feeders, sources, limits.feeders)
        made.append((f"limit-file:{file.name}", FilePlug(file.path, peer, clock, file.poll_s)))
    for plug in settings.limit_plugs:
        peer = _peer(plug.name, "plug", plug.feeders, sources, limits.feeders)
        made.append((f"limit-plug:{plug.name}", _own(plug, peer)))
    names = [name for name, _ in made]
    if len(set(names)) < len(names):
        raise SettingsInvalid("two channels of limits of one kind have the same name")
    return made


def _peer(
    name: str,
    channel: str,
    named: Sequence[str] | frozenset[str],
    sources: dict[str, LimitSourceSettings],
    tree: FeederTree,
    url: str = "",
) -> Peer:
    """It may limit what `limit_sources` binds it to, else what its own section names."""
    source = sources.get(name)
    if source is not None and source.signed and channel != "plug":
        raise SettingsInvalid(f"{channel} {name}: limit_sources demands signatures, and what comes this way has none")
    bound = frozenset(source.feeders if source is not None and source.feeders else named)
    unknown = sorted({*bound, *named} - {*tree.ids})
    if unknown or not bound:
        told = f"there is no feeder {unknown[0]!r}" if unknown else "it names no feeder that it may limit"
        raise SettingsInvalid(f"{channel} {name}: {told}")
    host = urlsplit(url).hostname or "" if url else ""
    return Peer(source_of(name), channel, name, host if _is_address(host) else "", bound)


def _is_address(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False


def _ven(
    vtn: OpenAdrSettings,
    peer: Peer,
    clock: Clock,
    tree: FeederTree,
    metered_w: Metered,
    zone: tzinfo,
    responses: ResponseBook | None,
) -> Ven:
    unknown = sorted(set(vtn.emergency_kw) - {*tree.ids})
    if unknown:
        raise SettingsInvalid(f"openadr {vtn.name}: emergency_kw: there is no feeder {unknown[0]!r}")
    agreed = Agreed(
        ven_name=vtn.ven_name,
        release=Release(vtn.version),
        feeders=tuple(vtn.feeders),
        targets=vtn.targets,
        levels=vtn.levels,
        emergency_w={feeder_id: round(kw * 1000) for feeder_id, kw in vtn.emergency_kw.items()},
        rating_w=_Ratings(vtn.mapped, tree),
        unit=vtn.unit,
        response_price=vtn.response_price,
        zone=zone,
    )
    address = VtnAddress(
        url=vtn.url,
        client_id=vtn.client_id,
        client_secret=vtn.client_secret.get_secret_value(),
        token_url=vtn.token_url,
        scope=vtn.scope,
        ca=vtn.ca,
        certificate=vtn.certificate,
        key=vtn.key,
    )
    try:
        http = Vtn(address)
    except OSError as fault:
        raise SettingsInvalid(f"openadr {vtn.name}: {fault}") from None
    rule = VenRule(agreed, tuple(vtn.programs), vtn.poll_s, vtn.report_s, vtn.notifier)
    return Ven(rule, http, peer, clock, metered_w, responses)


def _ven2(vtn: OpenAdr2Settings, peer: Peer, clock: Clock, tree: FeederTree) -> Ven2:
    if not installed():
        raise SettingsInvalid(f"openadr2 {vtn.name}: this needs openleadr: pip install 'csms[openadr2]'")
    rule = Ven2Rule(
        agreed=Agreed(
            ven_name=vtn.ven_name,
            feeders=tuple(vtn.feeders),
            targets=vtn.targets,
            levels=vtn.levels,
            rating_w=_Ratings(vtn.mapped, tree),
            unit=vtn.unit,
        ),
        url=vtn.url,
        ven_id=vtn.ven_id,
        ca=vtn.ca,
        certificate=vtn.certificate,
        key=vtn.key,
        fingerprint=vtn.fingerprint,
        poll_s=vtn.poll_s,
    )
    try:
        return Ven2(rule, peer, clock)
    except OSError as fault:
        raise SettingsInvalid(f"openadr2 {vtn.name}: {fault}") from None


class _Ratings(Mapping[str, int]):
    """The ratings of some feeders as they are now."""

    def __init__(self, feeders: Collection[str], tree: FeederTree) -> None:
        self._feeders, self._tree = feeders, tree

    def __getitem__(self, feeder_id: str) -> int:
        return self._tree.feeder(feeder_id).rating_w

    def __iter__(self) -> Iterator[str]:
        return iter(self._feeders)

    def __len__(self) -> int:
        return len(self._feeders)


def _own(plug: LimitPlugSettings, peer: Peer) -> LimitPlug:
    try:
        return load_plug(plug.plug, peer, plug.options)
    except ValueError as fault:
        raise SettingsInvalid(f"limit_plugs {plug.name}: {fault}") from None
