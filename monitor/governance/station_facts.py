"""Facts from what stations told over OCPP: sessions and their samples, as the central system stores them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np

from monitor.governance.facts import Facts, Orders, Samples, facts, table
from monitor.governance.told_states import ToldState, told_statuses

REGISTER_WH = "Energy.Active.Import.Register"
COLUMN_OF = {
    REGISTER_WH: "register_wh",
    "Power.Active.Import": "power_w",
    "SoC": "soc_percent",
}
"""Measurand -> column; values of single phases are left out."""

Outlet = tuple[str, int | str]
"""Station and EVSE, or what a partner calls a connector."""


class ToldSession(Protocol):
    """A stored session, in UTC and Wh."""

    @property
    def id(self) -> int:
        """Its number."""

    @property
    def station_id(self) -> str:
        """Where."""

    @property
    def evse_id(self) -> int | str:
        """At which outlet."""

    @property
    def transaction_id(self) -> str:
        """What its source calls it."""

    @property
    def started_at(self) -> datetime:
        """Its begin."""

    @property
    def ended_at(self) -> datetime | None:
        """Its end."""

    @property
    def start_register_wh(self) -> float | None:
        """The register at the begin."""

    @property
    def end_register_wh(self) -> float | None:
        """The register at the end."""

    @property
    def energy_wh(self) -> float:
        """What flowed."""


class ToldSample(Protocol):
    """A stored value in its base unit."""

    @property
    def time(self) -> datetime:
        """When it was metered."""

    @property
    def measurand(self) -> str:
        """What was metered."""

    @property
    def phase(self) -> str:
        """Of which phase, empty for all."""

    @property
    def value(self) -> float:
        """In Wh, W or percent."""


@dataclass(frozen=True, slots=True)
class StationFacts:
    """Facts, and what the codes in them stand for: the session of each order, stations, and outlets (connectors)."""

    facts: Facts
    session_ids: Sequence[int]
    stations: Sequence[str]
    outlets: Sequence[Outlet]


def station_facts(
    sessions: Sequence[ToldSession],
    samples_of: Mapping[int, Iterable[ToldSample]],
    rated_w: Mapping[Outlet, float],
    now: datetime,
    states: Iterable[ToldState] = (),
    offset: timedelta = timedelta(),
) -> StationFacts:
    """Facts of sessions with their samples by session id; `rated_w` by station and EVSE, where it is known.

    A connector is an EVSE: one session holds it at a time. `states` are those of a single station, whose clock is
    behind ours by `offset`; times of sessions and samples are moved by whoever gives them.
    """
    stations = sorted({session.station_id for session in sessions})
    evses = {evse: code for code, evse in enumerate(sorted({(s.station_id, s.evse_id) for s in sessions}))}
    numbers = {n: code for code, n in enumerate(dict.fromkeys((s.station_id, s.transaction_id) for s in sessions))}
    orders = table(
        Orders,
        key=[numbers[s.station_id, s.transaction_id] for s in sessions],
        operator=[0] * len(sessions),
        station=[stations.index(s.station_id) for s in sessions],
        connector=[evses[s.station_id, s.evse_id] for s in sessions],
        start_s=[s.started_at.timestamp() for s in sessions],
        end_s=[_known(s.ended_at.timestamp() if s.ended_at else None) for s in sessions],
        energy_wh=[s.energy_wh for s in sessions],
        meter_start_wh=[_known(s.start_register_wh) for s in sessions],
        meter_stop_wh=[_known(s.end_register_wh) for s in sessions],
        rated_w=[_known(rated_w.get((s.station_id, s.evse_id))) for s in sessions],
    )
    columns: dict[str, list[float]] = {name: [] for name in ("order", "connector", "at_s", *COLUMN_OF.values())}
    for row, session in enumerate(sessions):
        for at_s, cells in sorted(_moments(samples_of.get(session.id, ())).items()):
            columns["order"].append(row)
            columns["connector"].append(evses[session.station_id, session.evse_id])
            columns["at_s"].append(at_s)
            for name in COLUMN_OF.values():
                columns[name].append(cells.get(name, np.nan))
    told = told_statuses(states, {evse: code for (_, evse), code in evses.items() if isinstance(evse, int)}, offset)
    found = facts(now.timestamp(), orders, table(Samples, **columns), told)
    return StationFacts(found, [s.id for s in sessions], stations, list(evses))


def _known(value: float | None) -> float:
    return np.nan if value is None else value


def _moments(samples: Iterable[ToldSample]) -> dict[float, dict[str, float]]:
    """What was metered together, by its time."""
    found: dict[float, dict[str, float]] = {}
    for sample in samples:
        if sample.measurand in COLUMN_OF and not sample.phase:
            found.setdefault(sample.time.timestamp(), {})[COLUMN_OF[sample.measurand]] = sample.value
    return found
