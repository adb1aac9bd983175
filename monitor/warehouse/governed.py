"""Sessions as the one set of facts has them: with repaired times and registers, and the rule that doubts them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Protocol

from csms.store.rollup_reading import StoredRollup
from csms.store.tables import Session
from monitor.store.governance_tables import GovernedOrder, Kind


class Facts(Protocol):
    """Where facts are found by the keys of their source."""

    def facts_of(self, kind: Kind, keys: Sequence[str], name: str = "") -> dict[str, GovernedOrder]:
        """By key."""
        ...


class NoFacts:
    """Nothing was gathered."""

    def facts_of(self, kind: Kind, keys: Sequence[str], name: str = "") -> dict[str, GovernedOrder]:
        """None of them."""
        return {}


def repaired(session: Session, fact: GovernedOrder | None) -> Session:
    """The session with the times, registers and energy of its fact; as it was told where it is none (yet)."""
    if fact is None or session.ended_at is None:
        return session
    return session.model_copy(
        update={
            "started_at": fact.start,
            "ended_at": fact.end,
            "energy_wh": fact.energy_wh,
            "start_register_wh": fact.meter_start_wh,
            "end_register_wh": fact.meter_stop_wh,
        }
    )


def moved(registers: Iterable[StoredRollup], offset: timedelta) -> list[StoredRollup]:
    """Values of a station whose clock is behind by `offset`, at the times of ours."""
    return [replace(one, first_at=one.first_at + offset, last_at=one.last_at + offset) for one in registers]


def doubt_of(fact: GovernedOrder | None) -> str:
    """The rule that doubts it; what a person released is doubted no more."""
    return "" if fact is None or fact.released else fact.cause


def by_session(facts: Facts, sessions: Iterable[Session]) -> Mapping[int, GovernedOrder]:
    """Facts by number of their session."""
    keys = [str(session.id) for session in sessions]
    return {int(key): fact for key, fact in facts.facts_of(Kind.STATIONS, keys).items()}


def strayed(sessions: Iterable[Session], facts: Mapping[int, GovernedOrder]) -> dict[int, date]:
    """Sessions that an earlier load may have put into another UTC day than theirs, with the day that is theirs."""
    pairs = [(session, fact) for session in sessions if (fact := facts.get(session.id)) is not None]
    return {
        session.id: fact.start.date()
        for session, fact in pairs
        if fact.version > 1 or fact.start.date() != session.started_at.date()
    }
