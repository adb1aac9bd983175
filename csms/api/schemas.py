"""What the operations routes say and take. Units stand in the names; times are UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Watt = Annotated[int, Field(ge=0, le=10**10)]
WattHours = Annotated[float, Field(ge=0, le=10**9, allow_inf_nan=False)]


class Out(BaseModel):
    """An answer."""

    model_config = ConfigDict(frozen=True)


class Body(BaseModel):
    """A request; names that are not known are refused, so that a misspelt one is not silently ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(Out):
    """RFC 9457 problem document; `code` is stable, `detail` is for people."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str


class Health(Out):
    """The process answers; `clock_time` is the server's clock, which may run faster than life.

    `status` is degraded while the database takes nothing (`store`: why, as a stable code; `store_refused`: calls since
    the start), while less space is free on its disk than was set, while frames cannot be kept (`traces`: why), or for a
    day after somebody set the machine's clock.
    """

    status: Literal["ok", "degraded"] = "ok"
    version: str
    clock_time: datetime
    store: str = "ok"
    store_refused: int = 0
    disk_free_mb: int | None = None
    clock_stepped: bool = False
    traces: str = "ok"


class StationTotals(Out):
    """Stations known and connected; `by_version` counts the connected ones by OCPP version."""

    total: int
    online: int
    by_version: dict[str, int]


class SessionTotals(Out):
    """Sessions that run and that ended."""

    open: int
    ended: int


class ProfileTotals(Out):
    """Charging profiles sent, promised by stations, and shown by metering to be kept (None: not counted)."""

    sent: int
    accepted: int
    seen: int | None


class PlanTotals(Out):
    """Plans made, and the largest certified gap of any of them (None: no plan yet)."""

    count: int
    gap_max: float | None


class FeederOut(Out):
    """One feeder now; `cap_w` holds for base load and charging together, the other figures are charging alone.

    `unproven_w`: ratings of outlets that count in full now, because no limit is known to act there; `uncontrollable_w`:
    ratings of outlets whose stations take no limit in any form.
    """

    feeder_id: str
    parent_id: str | None
    cap_w: int | None
    upper_bound_w: int | None
    planned_w: int | None
    metered_w: int | None
    base_w: int | None
    unproven_w: int | None
    uncontrollable_w: int | None


class FeedersOut(Out):
    """All feeders, parents before children."""

    clock_time: datetime
    feeders: list[FeederOut]


class Overview(Out):
    """Is everything fine, and what needs me?

    `energy_wh`: of all sessions, those that run as metered now; `energy_today_wh`: of those among them that run or
    ended today by the server's local time.
    """

    clock_time: datetime
    clock_speed: float
    stations: StationTotals
    connectors_by_status: dict[str, int]
    sessions: SessionTotals
    power_w: float
    energy_wh: float
    energy_today_wh: float
    samples: int
    feeders: list[FeederOut]
    plans: PlanTotals
    profiles: ProfileTotals
    province: dict[str, int]
    gateway: dict[str, int]


class LiveSession(Out):
    """A session that runs now."""

    session_id: int
    transaction_id: str
    connector_id: int
    started_at: datetime
    id_token: str
    energy_wh: float
    power_w: float | None
    soc_percent: float | None
    charging_state: str
    wanted_wh: float | None
    departure_at: datetime | None


class EvseOut(Out):
    """One EVSE: nameplate, state, live power. `connectors`: status by number; `rotation` as in bodies."""

    evse_id: int
    kind: str
    phases: int
    rotation: str
    current_max_a: float
    power_max_w: int
    status: str
    connectors: dict[int, str]
    power_w: float | None
    session: LiveSession | None


class StationOut(Out):
    """One station. `registered` False: let in as a stranger.

    `stage` is seen, approved, commissioned or rejected; `registration` is what its last boot was answered.
    """

    station_id: str
    registered: bool
    site_id: str
    feeder_id: str
    online: bool
    protocol: str
    vendor: str
    model: str
    serial: str
    firmware: str
    stage: str
    registration: str
    boot_reason: str
    iccid: str
    imsi: str
    meter_type: str
    meter_serial: str
    booted_at: datetime | None
    last_seen_at: datetime | None
    power_w: float
    evses: list[EvseOut]


class StationsOut(Out):
    """Stations in the order of their ids."""

    clock_time: datetime
    stations: list[StationOut]


class ProfileOut(Out):
    """A charging profile as sent. `seen_at`: when metering first showed that it is kept."""

    profile_id: int
    evse_id: int
    session_id: int | None
    purpose: str
    limit_w: int
    status: str
    sent_at: datetime
    answered_at: datetime | None
    seen_at: datetime | None
    content: dict[str, Any]


class SessionOut(Out):
    """A session. `status`: open, aside (it runs without an EVSE of its own) or ended. `flags` names deviations;
    `seq_missing`: ranges of event numbers that never came. `cost`: what the driver was told at the end.
    """

    session_id: int
    station_id: str
    evse_id: int
    connector_id: int
    transaction_id: str
    id_token: str
    status: str
    started_at: datetime
    ended_at: datetime | None
    stop_reason: str
    charging_state: str
    energy_wh: float
    power_w: float | None
    soc_percent: float | None
    wanted_wh: float | None
    departure_at: datetime | None
    flags: list[str]
    remote_start_id: int | None
    reservation_id: int | None
    charging_s: int | None
    cable_max_a: int | None
    phases_used: int | None
    cost: float | None
    seq_missing: list[tuple[int, int]]
    ev_needs: dict[str, Any] | None
    ev_schedule: dict[str, Any] | None


class SessionsOut(Out):
    """Sessions, newest first; ask again with `before_id = next_before_id` for older ones."""

    clock_time: datetime
    sessions: list[SessionOut]
    next_before_id: int | None


class SampleOut(Out):
    """One metered value in its base unit."""

    time: datetime
    measurand: str
    phase: str
    context: str
    location: str
    value: float
    unit: str


class SamplesOut(Out):
    """Samples of a session in order of time; `truncated` when `limit` cut them off."""

    session_id: int
    samples: list[SampleOut]
    truncated: bool


class PlanOut(Out):
    """The plan in force for a feeder; `gap` is the certified relative distance of `objective` to `lower_bound`."""

    feeder_id: str
    made_at: datetime
    cause: str
    method: str
    objective: float
    lower_bound: float
    gap: float
    solve_s: float
    content: dict[str, Any]


class PartnerOut(Out):
    """One partner platform: messages by state, and what holds them up.

    `queued`, `sent` and `retry` are on their way, `dead` were given up. `token` is none, fresh or stale; `paused` says
    why nothing is sent until someone corrects keys or clock, empty otherwise; `barred` why the platform gives no token,
    which is asked for again by itself. `lanes`: how many calls may be under way to it now. `calls` are those of the
    platform to us since the server started, `last_refusal` is what was wrong with the last one of those that were
    refused.
    """

    partner: str
    profile: str
    profile_state: str
    queued: int
    sent: int
    retry: int
    acked: int
    dead: int
    attempts: int
    last_error: str
    token: str
    paused: str
    barred: str
    lanes: int
    unreachable: bool
    calls: int
    calls_refused: int
    called_at: datetime | None
    last_refusal: str


class ProvinceOut(Out):
    """The provincial interface; no partner when it is switched off."""

    clock_time: datetime
    partners: list[PartnerOut]


class EvseBody(Body):
    """Nameplate of one EVSE; `power_max_w` left out: current x 230 V x phases (for DC: of its input).

    `rotation`: to which phases of its feeder its own three are wired, such as `STR`; empty: nobody knows, so that what
    it draws from fewer than three counts on all of them.
    """

    evse_id: int = Field(default=1, ge=1, le=256)
    kind: Literal["ac", "dc"] = "ac"
    phases: Literal[1, 2, 3] = 3
    current_max_a: float = Field(default=32.0, gt=0, le=2000, allow_inf_nan=False)
    power_max_w: int | None = Field(default=None, gt=0, le=10**7)
    rotation: Literal["", "RST", "RTS", "SRT", "STR", "TRS", "TSR"] = ""


class StationBody(Body):
    """A station to register or change."""

    site_id: str = Field(default="", max_length=64)
    feeder_id: str = Field(default="", max_length=64)
    evses: list[EvseBody] = Field(default_factory=lambda: [EvseBody()], min_length=1, max_length=64)


class NeedsBody(Body):
    """What the driver wants from this plug-in; a value left out is unknown."""

    energy_wh: WattHours | None = None
    departure: AwareDatetime | None = None
