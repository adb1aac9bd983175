"""Meter values: stored as they came, and turned into the live view (energy, power, SOC) of EVSE and session.

Field rules: registers that restart with each session (RB-50), phases without a total (RB-40), samples older than
what is known (RB-36, history only), reports outside a session (RB-46), reports for a session that has ended (RB-53).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache, partial
from operator import itemgetter

from msgspec import Struct

from csms.model.bounds import METER_REGISTER_WH_MAX
from csms.model.event import Metered
from csms.model.inbound import Acknowledged, MeterReport
from csms.model.meter import (
    CURRENT_IMPORT,
    ENERGY_REGISTER,
    POWER_IMPORT,
    SOC,
    VOLTAGE,
    Sample,
    Samples,
    Shape,
    SignedValue,
    Together,
)
from csms.station.context import EVSE_ID_MAX, Handlers, StationContext
from csms.station.state import EvseState, OpenSession
from csms.station.work import Work
from csms.store import changes
from csms.store.change import Change, SampleBatch
from csms.store.station_tables import SignedValue as SignedRow

NOMINAL_VOLTAGE_V = 230.0
PROGRESS_EVERY = timedelta(minutes=1)
REGISTER_NOISE_WH = 1.0
"""A stop register may be one below the start by rounding (lbbrhzn/ocpp#1810)."""
NO_REGISTERS_WH = (2**31 - 1, 2**32 - 1)
"""What a meter writes that could not be read, or a counter that cannot count further."""


BEGIN = "Transaction.Begin"
_INSIDE = frozenset({"Inlet", "EV", "Body", "Cable", "Upstream"})
"""Where a value is not what the EVSE delivers, unless nothing else is told."""

SHAPES_KEPT_MAX = 4096

_ACKNOWLEDGED = Acknowledged()


class Reading(Struct, frozen=True, gc=False):
    """What one point in time says in sum; None where the station told nothing."""

    time: datetime
    register_wh: float | None
    power_w: float | None
    soc: float | None


async def report(context: StationContext, station_id: str, message: MeterReport, received_at: datetime) -> Acknowledged:
    """Store every sample, whatever transaction the station names (SR-01)."""
    work = plan(context, station_id, message, received_at) or await _late(context, station_id, message, received_at)
    await context.store.writer.commit(work.changes)
    if work.after is not None:
        work.after()
    return _ACKNOWLEDGED


def plan(context: StationContext, station_id: str, message: MeterReport, received_at: datetime) -> Work | None:
    """What a report asks for; None when the transaction that it names has to be looked up."""
    evse = context.stations[station_id].evses.get(message.evse_id)
    session = _session_of(evse, message)
    if session is None and message.transaction_id:
        return None
    evse_id = message.evse_id if evse is not None else _number(message)
    samples, session_id = message.samples, session.session_id if session else None
    batch = SampleBatch(station_id, evse_id, received_at, samples, session_id, message.transaction_id)
    written = [changes.add_samples(batch)]
    if message.signed:
        written += signed_rows(station_id, batch.evse_id, message.signed, received_at, session_id, batch.transaction_id)
    if evse is None:
        return Work(written, _ACKNOWLEDGED)
    found = readings(samples)
    if session is not None:
        written += apply_to_session(session, found, received_at)
    return Work(written, _ACKNOWLEDGED, partial(publish, context, evse, session_id, samples, found, received_at))


async def _late(context: StationContext, station_id: str, message: MeterReport, received_at: datetime) -> Work:
    """A report that names a transaction which does not run: an ended one, or one that nobody knows."""
    ended = await context.store.reader.session_by_transaction(station_id, message.transaction_id)
    evse = context.stations[station_id].evses.get(message.evse_id)
    samples, session_id = message.samples, ended.id if ended else None
    batch = SampleBatch(station_id, _number(message), received_at, samples, session_id, message.transaction_id)
    after = partial(publish, context, evse, session_id, samples, readings(samples), received_at) if evse else None
    signed = signed_rows(station_id, batch.evse_id, message.signed, received_at, session_id, batch.transaction_id)
    return Work([changes.add_samples(batch), *signed], _ACKNOWLEDGED, after)


def _number(message: MeterReport) -> int:
    """The EVSE that a report names; 0 for the station and for garbage.

    A report alone makes no EVSE known: what says how it is, or that a session begins, does.
    """
    return message.evse_id if 1 <= message.evse_id <= EVSE_ID_MAX else 0


def _session_of(evse: EvseState | None, message: MeterReport) -> OpenSession | None:
    """The running session, if the report names it or names none and is not older than it."""
    if evse is None or evse.session is None:
        return None
    session = evse.session
    if message.transaction_id:
        return session if message.transaction_id == session.transaction_id else None
    started = all(sample.time >= session.started_at for sample in message.samples)
    return session if started else None


def apply_to_session(session: OpenSession, found: Sequence[Reading], received_at: datetime) -> list[Change]:
    """Carry the newest readings into the session; returns what to store of it, now and then only (`progress`)."""
    flags = len(session.flags)
    advance(session, found)
    return due_progress(session, received_at, now=len(session.flags) != flags)


def due_progress(session: OpenSession, received_at: datetime, *, now: bool) -> list[Change]:
    """The progress when its time has come, or `now` that something odd must not be forgotten."""
    saved_at = session.saved_at  # a clock that was set back would take that long again, so it is due then too
    if not now and saved_at is not None and saved_at <= received_at < saved_at + PROGRESS_EVERY:
        return []
    session.saved_at = received_at
    return [progress(session)]


def advance(session: OpenSession, found: Sequence[Reading], *, live: bool = True) -> None:
    """Energy, power and SOC after these readings; older ones than those known change nothing (RB-36).

    What is told late (`live` False) counts for the energy only.
    """
    for reading in found:
        if session.last_sample_at is not None and reading.time < session.last_sample_at:
            continue
        _take_register(session, reading)
        session.last_sample_at = reading.time
        if live:
            session.power_w = reading.power_w if reading.power_w is not None else session.power_w
            session.soc = reading.soc if reading.soc is not None else session.soc


def progress(session: OpenSession) -> Change:
    """How far a session has come. Its samples tell the same, so it is stored only every PROGRESS_EVERY."""
    return changes.update_session(
        session.session_id,
        start_register_wh=session.start_register_wh,
        last_register_wh=session.last_register_wh,
        energy_wh=session.energy_wh,
        last_power_w=session.power_w,
        last_soc=session.soc,
        last_sample_at=session.last_sample_at,
        charging_state=session.charging_state,
        charging_s=session.charging_s,
        seq_first=session.events.first,
        last_seq_no=session.events.last,
        seq_missing=[list(gap) for gap in session.events.missing] or None,
        flags=list(session.flags),
    )


def _take_register(session: OpenSession, reading: Reading) -> None:
    register_wh = reading.register_wh
    if register_wh is None:
        return
    if session.start_register_wh is None:
        session.start_register_wh = register_wh
    if register_wh < session.start_register_wh - REGISTER_NOISE_WH:
        session.start_register_wh = 0.0
        session.flag("register_reset")
    session.last_register_wh = register_wh
    session.energy_wh = max(session.energy_wh, register_wh - session.start_register_wh)


def start_flags(register_wh: float) -> list[str]:
    """`start_register_odd` for a register that no meter shows (RB-49); its energy is not to be trusted."""
    odd = register_wh < 0 or register_wh in NO_REGISTERS_WH or believable(register_wh) is None
    return ["start_register_odd"] if odd else []


def believable(register_wh: float) -> float | None:
    """A register, unless it is beyond what any meter counts to: nothing is reckoned with that."""
    return register_wh if abs(register_wh) <= METER_REGISTER_WH_MAX else None


def end_register(session: OpenSession, register_wh: float) -> float | None:
    """The register of a stop when it fits the samples (RB-47, RB-48), else None; deviations are flagged."""
    start_wh = session.start_register_wh if session.start_register_wh is not None else register_wh
    if "register_reset" in session.flags:
        return None
    if register_wh < start_wh:
        session.flag("stop_below_start")
        return None
    if believable(register_wh) is None or register_wh - start_wh < session.energy_wh - REGISTER_NOISE_WH:
        session.flag("stop_register_odd")
        return None
    return register_wh


def publish(
    context: StationContext,
    evse: EvseState,
    session_id: int | None,
    samples: Samples,
    found: Sequence[Reading],
    received_at: datetime,
) -> None:
    """Show the newest power of the EVSE and tell the listeners; older samples are history only (RB-36)."""
    for reading in found:
        if reading.power_w is not None and (evse.power_at is None or reading.time >= evse.power_at):
            evse.power_w, evse.power_at = reading.power_w, reading.time
    if found:
        context.bus.publish(Metered(evse.ref, session_id, samples, received_at))


def readings(samples: Samples | Sequence[Sample]) -> Sequence[Reading]:
    """One reading per point in time, in order."""
    if type(samples) is Together and (pick := _picker(samples.shape)) is not None:
        return (Reading(samples.time, *pick((*samples.values, None))),)
    return _by_time(samples)


@lru_cache(maxsize=SHAPES_KEPT_MAX)
def _picker(shape: Shape) -> Callable[[Sequence[float | None]], tuple[float | None, ...]] | None:
    """Picks register, power and SOC out of values with a None behind them, which stands for what is not there.

    None when a measurand is there more than once or by phases: then it takes longer.
    """
    found: dict[str, int] = {}
    for place, (measurand, phase, _, location, _) in enumerate(shape.quantities):
        if phase or measurand in found or (location in _INSIDE and measurand != SOC):
            return None
        found[measurand] = place
    if POWER_IMPORT not in found and CURRENT_IMPORT in found:
        return None
    return itemgetter(*(found.get(measurand, -1) for measurand in (ENERGY_REGISTER, POWER_IMPORT, SOC)))


def _by_time(samples: Iterable[Sample]) -> Sequence[Reading]:
    times: dict[datetime, list[Sample]] = {}
    for sample in samples:
        times.setdefault(sample.time, []).append(sample)
    return [
        Reading(time, _total(group, ENERGY_REGISTER), _power(group), _total(group, SOC))
        for time, group in sorted(times.items())
    ]


def _total(samples: Sequence[Sample], measurand: str) -> float | None:
    """The row without phase, else the sum of the phase rows L1, L2, L3 (also written L1-N).

    What was at the beginning is told beside what is now by some stations, in any order (pain 23).
    """
    rows = [s for s in samples if s.measurand == measurand and s.location not in _INSIDE]
    rows = rows or [s for s in samples if s.measurand == measurand]
    rows = [s for s in rows if s.context != BEGIN] or rows
    whole = [s.value for s in rows if not s.phase]
    if whole:
        return whole[-1]
    phases = {s.phase: s.value for s in rows if s.phase.removesuffix("-N") in ("L1", "L2", "L3")}
    return sum(phases.values()) if phases else None


def _power(samples: Sequence[Sample]) -> float | None:
    """Metered power in W: the measurand, else current times voltage by phase."""
    power_w = _total(samples, POWER_IMPORT)
    if power_w is not None:
        return power_w
    current = {s.phase.removesuffix("-N"): s.value for s in samples if s.measurand == CURRENT_IMPORT and s.phase != "N"}
    voltage = {s.phase.removesuffix("-N"): s.value for s in samples if s.measurand == VOLTAGE}
    if not current:
        return None
    fallback_v = voltage.get("", NOMINAL_VOLTAGE_V)
    return sum(amps * voltage.get(phase, fallback_v) for phase, amps in current.items())


def signed_rows(
    station_id: str,
    evse_id: int,
    signed: Sequence[SignedValue],
    received_at: datetime,
    session_id: int | None,
    transaction_id: str = "",
) -> list[Change]:
    """Signed values as rows: evidence for whoever must prove an amount of energy."""
    return [
        changes.add_row(
            SignedRow(
                station_id=station_id,
                evse_id=evse_id,
                session_id=session_id,
                transaction_id=transaction_id,
                time=value.time,
                received_at=received_at,
                measurand=value.measurand,
                context=value.context,
                signing=value.signing,
                encoding=value.encoding,
                public_key=value.public_key,
                data=value.data,
            )
        )
        for value in signed
    ]


HANDLERS: Handlers = {MeterReport: report}
