"""What to load a central system with, and what came of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any


class Mode(StrEnum):
    """How the stations behave."""

    CLOSED = "closed"
    PACED = "paced"
    IDLE = "idle"
    STORM = "storm"
    STARTS = "starts"


class Message(StrEnum):
    """What they send in the modes `closed` and `paced`."""

    METER = "meter"
    EVENT = "event"
    STATUS = "status"
    HEARTBEAT = "heartbeat"


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """`at_once`: connections under way at a time. `in_flight`: calls under way at a time in the closed loop, for which
    the stations take turns; 0: one of each station. `inside`: meter values belong to a transaction. Seconds are of
    the wall; `warm_up_s` of them pass before anything counts. `ca`: file of the certificate that signed the server's.
    `password`: of all stations.
    """

    url: str
    ocpp: str = "1.6"
    mode: Mode = Mode.CLOSED
    message: Message = Message.METER
    stations: int = 100
    first: int = 0
    seconds: float = 10.0
    interval_s: float = 10.0
    warm_up_s: float = 1.0
    at_once: int = 200
    in_flight: int = 0
    inside: bool = True
    prefix: str = "LOAD"
    ca: str = ""
    insecure: bool = False
    password: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError for what cannot be run."""
        if not self.url.startswith(("ws://", "wss://")):
            raise ValueError(f"a central system's address begins with ws:// or wss://, not {self.url!r}")
        if self.ocpp not in ("1.6", "2.0.1"):
            raise ValueError(f"OCPP 1.6 or 2.0.1, not {self.ocpp!r}")
        if self.message is Message.EVENT and self.ocpp == "1.6":
            raise ValueError("OCPP 1.6 has no TransactionEvent; use --message meter")
        if self.stations < 1 or self.seconds <= 0 or self.interval_s <= 0 or self.at_once < 1:
            raise ValueError("stations, seconds, interval and at-once are above 0")
        if self.in_flight < 0 or (self.in_flight and self.mode is not Mode.CLOSED):
            raise ValueError("in-flight belongs to the closed loop and is 0 or more")

    def name(self, number: int) -> str:
        """The id of a station."""
        return f"{self.prefix}{number:05d}"

    def share(self, part: int, parts: int) -> LoadPlan:
        """What the `part`-th of `parts` processes does."""
        begin, end = (self.stations * n // parts for n in (part, part + 1))
        at_once, in_flight = (-(-whole // parts) for whole in (self.at_once, self.in_flight))
        stations = max(end - begin, 1)
        return replace(self, first=begin, stations=stations, at_once=at_once, in_flight=in_flight)


@dataclass(slots=True)
class Counts:
    """What one process saw; `tenths`: answer times of each tenth of the time, in order."""

    connected: int = 0
    refused: int = 0
    connect_s: float = 0.0
    answered: int = 0
    errors: int = 0
    lost: int = 0
    unanswered: int = 0
    tenths: list[dict[int, int]] = field(default_factory=list)
    transaction_ids: list[str] = field(default_factory=list)


@dataclass(slots=True)
class LoadResult:
    """All processes together; times in ms, CPU in seconds and µs, memory in MiB and KiB. None: not asked or not known.

    CPU and memory are those of the server's processes: while stations connected, and while messages were counted.
    """

    mode: str
    ocpp: str
    message: str
    stations: int
    connected: int
    refused: int
    lost: int
    connect_s: float
    seconds: float
    answered: int
    errors: int
    unanswered: int
    rate_per_s: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    p99_first_tenth_ms: float | None
    p99_last_tenth_ms: float | None
    ids_unique: bool | None
    connect_cpu_s: float | None
    cpu_s: float | None
    cpu_us_per_call: float | None
    rss_before_mib: float | None
    rss_connected_mib: float | None
    rss_counting_mib: float | None
    rss_after_mib: float | None
    kib_per_station: float | None

    def as_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)
