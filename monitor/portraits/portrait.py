"""What is known of each subject, and the groups they form, put together. Pure.

Frequency counts what came after a subject's first session over the time that was left to it: the first one is why it
is in the data at all. Who has fewer than five sessions has a portrait that is mostly everybody's: it says "not enough
data" and belongs to no group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from monitor.portraits.beliefs import Belief, Shares, dispersion, levels, rates, shares
from monitor.portraits.facts import Array, Ints, Sessions
from monitor.portraits.segments import Segments, segments

SESSIONS_MIN = 5
USERS_MIN = 5
"""No figure that leaves stands for fewer users."""
MONTH_DAYS = 365.25 / 12.0
WATCHED_DAYS_MIN = 1.0


@dataclass(frozen=True)
class Portraits:
    """Beliefs in the order of `sessions.names`; energy as log kWh of a session. `dc`, `cheap`: None where unknown."""

    sessions: Sessions
    per_month: Belief
    log_energy: Belief
    hours: Shares
    dc: Shares | None
    cheap: Shares | None
    enough: Ints
    groups: Segments

    @property
    def users_known(self) -> bool:
        """Whether sessions tell their users; else each subject counts as one."""
        return bool((self.sessions.user >= 0).any())

    def may_be_shown(self, row: int) -> bool:
        """A pile that fewer than five known users had is a portrait of them, and not shown; users and vehicles are who
        they are.
        """
        return self.sessions.of != "pile" or not self.users_known or int(self.sessions.users()[row]) >= USERS_MIN

    def of(self, row: int) -> dict[str, Any]:
        """One subject; its numbers with 90 % intervals."""
        found: dict[str, Any] = {"sessions": int(self.sessions.counts[row]), "enough": bool(row in set(self.enough))}
        found["per_month"] = _told(self.per_month, row)
        found["energy_kwh"] = {name: float(np.exp(value)) for name, value in _told(self.log_energy, row).items()}
        found["hours"] = self.hours.mean[row].tolist()
        found["dc_share"] = _told(self.dc.of(1), row) if self.dc else None
        found["cheap_share"] = _told(self.cheap.of(1), row) if self.cheap else None
        found["cheap_more_than_all"] = float(self.cheap.chance_above(1)[row]) if self.cheap else None
        place = np.flatnonzero(self.enough == row)
        found["groups"] = self.groups.chances[place[0]].tolist() if len(place) else None
        return found

    def summary(self) -> dict[str, Any]:
        """What may leave: groups of at least five users each, and what is withheld."""
        told = [self._group(number) for number in range(self.groups.count)]
        shown = [one for one in told if one["users"] >= USERS_MIN]
        return {
            "subjects": len(self.sessions.names),
            "sessions": len(self.sessions.subject),
            "span_days": self.sessions.span_days,
            "not_enough_data": len(self.sessions.names) - len(self.enough),
            "withheld_groups": len(told) - len(shown),
            "users_known": self.users_known,
            "groups": shown,
        }

    def _group(self, number: int) -> dict[str, Any]:
        """A group: members by their probabilities, and weighted means."""
        chances = self.groups.chances[:, number]
        members = self.enough[self.groups.chances.argmax(axis=1) == number]
        hours = chances @ self.hours.mean[self.enough] / chances.sum()

        def mean(values: Array) -> float:
            return float(chances @ values[self.enough] / chances.sum())

        return {
            "members": float(chances.sum()),
            "users": self._users(members),
            "sure": float(chances[self.groups.chances.argmax(axis=1) == number].mean()) if len(members) else 0.0,
            "per_month": mean(self.per_month.mean),
            "energy_kwh": float(np.exp(mean(self.log_energy.mean))),
            "hours": hours.tolist(),
            "dc_share": mean(self.dc.mean[:, 1]) if self.dc else None,
            "cheap_share": mean(self.cheap.mean[:, 1]) if self.cheap else None,
        }

    def _users(self, members: Ints) -> int:
        """Different users behind these subjects; where users are not known each subject counts as one."""
        users = self.sessions.user[np.isin(self.sessions.subject, members)]
        known = len(np.unique(users[users >= 0]))
        return known if known else len(members)


def portraits(sessions: Sessions, cheap_hours: Sequence[int] = (), seed: int = 0) -> Portraits:
    """Portraits of all subjects; `cheap_hours`: those of the day in which energy is cheap, if prices differ."""
    subjects = len(sessions.names)
    first = np.full(subjects, np.inf)
    np.minimum.at(first, sessions.subject, sessions.at_day)
    watched = np.maximum(sessions.at_day.max() - first, WATCHED_DAYS_MIN) / MONTH_DAYS
    evenly = dispersion(sessions.subject, sessions.at_day, subjects)
    per_month = rates(np.maximum(sessions.counts - 1.0, 0.0), watched, evenly)
    given = sessions.energy_kwh > 0
    log_energy = levels(np.log(sessions.energy_kwh[given]), sessions.subject[given], subjects)
    hours = shares(_counted(sessions.subject, sessions.hour, subjects, 24))
    known = np.isfinite(sessions.dc)
    dc = (
        shares(_counted(sessions.subject[known], sessions.dc[known].astype(np.int64), subjects, 2))
        if known.any()
        else None
    )
    is_cheap = np.isin(sessions.hour, list(cheap_hours)).astype(np.int64)
    cheap = shares(_counted(sessions.subject, is_cheap, subjects, 2)) if len(cheap_hours) else None
    enough = np.flatnonzero(sessions.counts >= SESSIONS_MIN).astype(np.int64)
    features = _features(per_month, log_energy, hours, dc)[enough]
    return Portraits(sessions, per_month, log_energy, hours, dc, cheap, enough, segments(features, seed))


def _counted(subject: Ints, part: Ints, subjects: int, parts: int) -> Array:
    """[subjects, parts] how often."""
    return np.bincount(subject * parts + part, minlength=subjects * parts).reshape(subjects, parts).astype(float)


def _features(per_month: Belief, log_energy: Belief, hours: Shares, dc: Shares | None) -> Array:
    """What groups are told by: log frequency, log energy, the mean hour around that of all, share of DC as an angle."""
    angle = np.exp(2j * np.pi * (np.arange(24) + 0.5) / 24.0)
    away = np.angle((hours.mean @ angle) * np.conj(hours.overall @ angle))
    columns = [np.log(np.maximum(per_month.mean, 1e-3)), log_energy.mean, away]
    if dc is not None:
        columns.append(np.arcsin(np.sqrt(dc.mean[:, 1])))
    return np.column_stack(columns)


def _told(belief: Belief, row: int) -> dict[str, float]:
    return {"mean": float(belief.mean[row]), "low": float(belief.low[row]), "high": float(belief.high[row])}
