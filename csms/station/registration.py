"""Which stations exist: registered by configuration, API or command line, or met as strangers; restored at start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from csms.model.authentication import SecurityProfile
from csms.model.errors import UnknownStation
from csms.model.ids import EvseRef, is_station_id
from csms.model.meter import Sample
from csms.model.smart_charging import EvNeeds
from csms.model.station import (
    ConnectorStatus,
    CurrentKind,
    EvseRating,
    RegistrationStatus,
    Stage,
    StationIdentity,
)
from csms.station import lifecycle, metering, proving
from csms.station.context import StationContext, StationSettings
from csms.station.sessions import ASIDE, open_session
from csms.station.state import EvseState, Needs, OpenSession, StationState
from csms.station.wishes import firmware_of
from csms.store import changes
from csms.store.change import Change
from csms.store.samples import StoredSample
from csms.store.supply_tables import StationPlaceRow
from csms.store.tables import Evse, Session, Station
from firmware_profiles import FirmwareProfile

VOLTAGE_V = 230.0

CATCH_UP_ROWS = 1000
"""Samples read at a time; a minute of a session has some dozens."""


@dataclass(frozen=True, slots=True)
class Registration:
    """A station as someone registers it: where it stands and the nameplate of each EVSE."""

    station_id: str
    feeder_id: str = ""
    site_id: str = ""
    evses: Mapping[int, EvseRating] = field(default_factory=dict)
    registered: bool = True

    def __post_init__(self) -> None:
        """Raises ValueError for an id that cannot stand in an OCPP URL and for numbers that no EVSE has."""
        if not is_station_id(self.station_id):
            raise ValueError(f"{self.station_id!r} cannot be a station id: 1 to 48 characters without / \\ : or blanks")
        if any(evse_id < 1 for evse_id in self.evses):
            raise ValueError("EVSE numbers start at 1")


def rating(kind: str, phases: int, current_max_a: float, power_max_w: int, rotation: str = "") -> EvseRating:
    """A nameplate from plain values; ValueError says what cannot be."""
    if kind not in tuple(CurrentKind):
        raise ValueError(f"an EVSE is ac or dc, not {kind!r}")
    if phases not in (1, 2, 3) or not current_max_a > 0 or not power_max_w > 0:
        raise ValueError("an EVSE has 1 to 3 phases and a positive current and power")
    if rotation and sorted(rotation) != ["R", "S", "T"]:
        raise ValueError(f"a rotation is an order of the phases R, S and T such as STR, not {rotation}")
    return EvseRating(CurrentKind(kind), phases, current_max_a, power_max_w, rotation)


def stranger(station_id: str, settings: StationSettings) -> Registration:
    """How an unknown station that is let in is treated until someone registers it."""
    evses = {1: settings.default_rating}
    return Registration(station_id, settings.default_feeder, settings.default_site, evses, registered=False)


async def register(context: StationContext, registered: Registration) -> None:
    """Store the station and its EVSEs, then show them; live connectors and sessions of a known station stay."""
    feeder_id = registered.feeder_id or context.settings.default_feeder
    site_id = registered.site_id or context.settings.default_site
    live = context.stations.get(registered.station_id) or _newcomer(context, registered)
    proven = _proof(context, registered, live)
    if registered.registered and live.stage is Stage.SEEN:
        live.stage, live.boot_wish = Stage.COMMISSIONED, RegistrationStatus.ACCEPTED
    station = Station(
        id=registered.station_id,
        registered=registered.registered,
        site_id=site_id,
        feeder_id=feeder_id,
        stage=live.stage,
        boot_wish=live.boot_wish,
        registration=live.registration,
    )
    rows = [_evse_row(registered.station_id, evse_id, nameplate) for evse_id, nameplate in registered.evses.items()]
    nameplates = (changes.put_evse(row) for row in rows)
    await context.store.writer.commit([changes.register_station(station), *nameplates, *proven])
    live = context.stations.setdefault(registered.station_id, live)
    live.feeder_id, live.site_id, live.registered = feeder_id, site_id, registered.registered
    context.count_stranger(live)
    for evse_id, nameplate in registered.evses.items():
        known = live.evses.get(evse_id)
        if known is None:
            live.evses[evse_id] = EvseState(EvseRef(registered.station_id, evse_id), nameplate, registered=True)
        else:
            known.rating, known.registered = nameplate, True
    lifecycle.pursue(context, live)


async def put_on(context: StationContext, station_id: str, feeder_id: str, beside: Sequence[Change] = ()) -> None:
    """Store on which feeder a station hangs, with what stands beside it, then show it. Raises UnknownStation."""
    live = context.stations.get(station_id)
    if live is None:
        raise UnknownStation(f"no station {station_id!r} is registered")
    place = StationPlaceRow(station_id=station_id, feeder_id=feeder_id, moved_at=context.clock.now())
    moved = changes.set_columns(Station, {"id": station_id}, feeder_id=feeder_id)
    await context.store.writer.commit([changes.put_row(place), moved, *beside])
    live.feeder_id = feeder_id


def nameplates_of_make(context: StationContext, station: StationState) -> list[Change]:
    """It has told what it is: outlets that nobody registered count with what the make can give, if that is more.

    Never with less: a firmware profile may be wrong about the one station, and a load must not be underrated.
    """
    rated = rating_of_make(firmware_of(station))
    if rated is None or rated.power_max_w <= context.settings.default_rating.power_max_w:
        station.unlisted_rating = None
        return []
    station.unlisted_rating = rated
    if station.registered:
        return []
    weaker = [evse for evse in station.evses.values() if evse.rating.power_max_w < rated.power_max_w]
    for evse in weaker:
        evse.rating = rated
    return [changes.put_evse(_evse_row(station.station_id, evse.ref.evse_id, rated)) for evse in weaker]


def rating_of_make(known: FirmwareProfile | None) -> EvseRating | None:
    """The nameplate of an outlet by the firmware profile; None where it does not say enough."""
    if known is None or not known.hw.kind or known.hw.power_w_max is None:
        return None
    phases, power_w = known.hw.phases or 3, known.hw.power_w_max
    return rating(known.hw.kind, phases, known.hw.current_a_max or power_w / phases / VOLTAGE_V, power_w)


def _newcomer(context: StationContext, registered: Registration) -> StationState:
    """A station that nobody has met: whoever registers it wants it in service, a stranger has only been seen.

    One that came with a certificate waits for approval, because that decides whose certificate it is.
    """
    if registered.registered:
        return StationState(registered.station_id, "", "", {})
    wish = context.settings.unknown_boot
    if registered.station_id in context.claims and wish is RegistrationStatus.ACCEPTED:
        wish = RegistrationStatus.PENDING
    return StationState(registered.station_id, "", "", {}, stage=Stage.SEEN, boot_wish=wish, registration=wish)


def _proof(context: StationContext, registered: Registration, live: StationState) -> list[Change]:
    """Who registers a stranger approves what it told; a stranger's certificate is noted until then."""
    claimed = context.claims.pop(registered.station_id, "")
    if registered.registered:
        return proving.bind(context, live) if live.stage is Stage.SEEN else []
    if not claimed:
        return []
    live.proof.claimed, live.proof.profile = claimed, SecurityProfile.CERTIFICATE
    return [proving.proof_row(context, live.station_id, live.proof)]


def _evse_row(station_id: str, evse_id: int, nameplate: EvseRating) -> Evse:
    return Evse(
        station_id=station_id,
        evse_id=evse_id,
        kind=nameplate.kind,
        phases=nameplate.phases,
        current_max_a=nameplate.current_max_a,
        power_max_w=nameplate.power_max_w,
        rotation=nameplate.rotation,
    )


def _identity(row: Station) -> StationIdentity:
    facts = (row.vendor, row.model, row.serial, row.firmware, row.iccid, row.imsi, row.meter_type, row.meter_serial)
    return StationIdentity(*facts)


async def restore(context: StationContext) -> None:
    """Bring the live state back from the store: nothing is connected yet, sessions go on where they were."""
    reader = context.store.reader
    proofs = await proving.restore(context)
    for row in await reader.stations():
        state = StationState(row.id, row.feeder_id, row.site_id, {})
        state.booted_at, state.last_seen_at, state.registered = row.booted_at, row.last_seen_at, row.registered
        state.protocol = row.protocol
        state.identity = _identity(row)
        state.proof = proofs.get(row.id, state.proof)
        state.stage, state.boot_wish = Stage(row.stage), RegistrationStatus(row.boot_wish)
        state.registration = RegistrationStatus(row.registration)
        state.booted = row.booted_at is not None and state.registration is RegistrationStatus.ACCEPTED
        context.stations[row.id] = state
        nameplates_of_make(context, state)
        context.count_stranger(state)
    for evse in await reader.evses():
        nameplate = rating(evse.kind, evse.phases, evse.current_max_a, evse.power_max_w, evse.rotation)
        ref = EvseRef(evse.station_id, evse.evse_id)
        context.stations[evse.station_id].evses[evse.evse_id] = EvseState(ref, nameplate, registered=True)
    for connector in await reader.connectors():
        evse_state = context.evse(connector.station_id, connector.evse_id)
        if evse_state is not None:
            evse_state.connectors[connector.connector_id] = ConnectorStatus(connector.status)
        elif connector.evse_id == 0:
            context.stations[connector.station_id].status = ConnectorStatus(connector.status)
    for stored in await reader.open_sessions():
        session, evse_state = open_session(stored, certain=False), context.evse(stored.station_id, stored.evse_id)
        if stored.status == ASIDE:
            context.stations[stored.station_id].aside[stored.transaction_id] = session
        elif evse_state is not None:
            evse_state.session = session
            _restore_wants(evse_state, stored)
        await _catch_up(context, session)


def _restore_wants(evse: EvseState, row: Session) -> None:
    """What is stored beside the car's word, and is not the same, the driver said."""
    car = EvNeeds.read(row.ev_needs)
    energy_wh = row.wanted_wh if row.wanted_wh != car.energy_wh else None
    departure = row.departure_at if row.departure_at != car.departure else None
    evse.want(driver=Needs(energy_wh, departure), car=car)


async def _catch_up(context: StationContext, session: OpenSession) -> None:
    """Samples that came after the progress of a session was stored last."""
    since = session.last_sample_at
    while rows := await context.store.reader.samples(session.session_id, since=since, limit=CATCH_UP_ROWS):
        metering.advance(session, metering.readings([_sample(row) for row in rows]))
        if len(rows) < CATCH_UP_ROWS or rows[-1].time == since:
            return
        since = rows[-1].time


def _sample(row: StoredSample) -> Sample:
    return Sample(row.time, row.measurand, row.value, row.unit, row.phase, row.context, row.location)
