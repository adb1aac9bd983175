"""Planted groups are found, noise has none, little data is called so, and nobody can be found in what leaves."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from monitor.portraits import beliefs
from monitor.portraits.facts import Array, Ints, Sessions, SessionsBroken
from monitor.portraits.portrait import MONTH_DAYS, Portraits, portraits

KINDS = ((4.0, 12.0, 21.0, 0.05), (9.0, 30.0, 13.0, 0.9), (2.0, 45.0, 7.0, 0.6))
"""Sessions a month, kWh, hour, DC share."""


def _people(
    sizes: tuple[int, ...], seed: int = 0, months: float = 6.0, alike: bool = False
) -> tuple[Sessions, Ints, Array]:
    """Sessions of planted groups, who is of which, and everybody's true rate; `alike`: all of one kind."""
    rng = np.random.default_rng(seed)
    kind = np.repeat(np.arange(len(sizes)), sizes)
    rows, rates = [], []
    for person, which in enumerate(kind):
        per_month, kwh, hour, dc = KINDS[0 if alike else which]
        rate = per_month * rng.gamma(8.0, 1 / 8.0)
        own = hour + rng.normal(scale=0.7)
        days = np.sort(rng.uniform(0, months * MONTH_DAYS, rng.poisson(rate * months)))
        rates.append(rate)
        for day in days:
            at = int(np.floor(own + rng.normal(scale=1.5))) % 24
            rows.append((person, at, day, kwh * rng.lognormal(0.0, 0.4), float(rng.random() < dc)))
    subject, at, day, energy, fast = (np.array(column) for column in zip(*rows, strict=True))
    names = [f"u{person}" for person in range(len(kind))]
    return Sessions(names, subject, at, day, energy, fast, subject.copy()), kind, np.array(rates)


@pytest.mark.parametrize("seed", range(3))
def test_planted_groups_are_found(seed: int) -> None:
    sessions, kind, _ = _people((60, 50, 40), seed)
    found = portraits(sessions)
    assert found.groups.count == 3
    assert adjusted_rand_score(kind[found.enough], found.groups.chances.argmax(axis=1)) > 0.95
    assert found.groups.chances.sum(axis=1) == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(6))
def test_where_all_are_alike_there_is_one_group(seed: int) -> None:
    sessions, _, _ = _people((60, 50, 40), seed, alike=True)
    assert portraits(sessions).groups.count == 1


def test_rates_are_nearer_to_the_truth_than_counts_and_their_intervals_hold() -> None:
    better, held = [], []
    for seed in range(10):
        sessions, _, true = _people((200,), seed, months=1.0)
        found = portraits(sessions)
        first = np.full(200, np.inf)
        np.minimum.at(first, sessions.subject, sessions.at_day)
        came = np.isfinite(first)
        raw = (sessions.counts[came] - 1) / (np.maximum(MONTH_DAYS - first[came], 1.0) / MONTH_DAYS)
        told = [one[came] for one in (found.per_month.mean, found.per_month.low, found.per_month.high)]
        better.append(np.mean((told[0] - true[came]) ** 2) < np.mean((raw - true[came]) ** 2))
        held.append(np.mean((told[1] <= true[came]) & (true[came] <= told[2])))
    assert all(better)
    assert 0.85 < np.mean(held) < 0.95


def test_who_came_once_looks_like_everybody_and_is_called_so() -> None:
    sessions, _, _ = _people((100,), 1)
    kept = (sessions.subject != 7) | (np.arange(len(sessions.subject)) == np.flatnonzero(sessions.subject == 7)[0])
    once = Sessions(
        sessions.names,
        *(getattr(sessions, name)[kept] for name in ("subject", "hour", "at_day", "energy_kwh", "dc", "user")),
    )
    told = portraits(once, cheap_hours=range(22, 24)).of(7)
    other = portraits(once).of(8)
    assert (told["sessions"], told["enough"], told["groups"]) == (1, False, None)
    assert told["dc_share"]["high"] - told["dc_share"]["low"] > other["dc_share"]["high"] - other["dc_share"]["low"]
    assert 0.0 < told["cheap_more_than_all"] < 1.0
    assert sum(told["hours"]) == pytest.approx(1.0)


def test_who_charges_when_it_is_cheap_is_told_apart() -> None:
    sessions, kind, _ = _people((60, 60), 2)
    chance = portraits(sessions, cheap_hours=(19, 20, 21, 22, 23)).cheap
    assert chance is not None
    above = chance.chance_above(1)
    assert np.mean(above[kind == 0] > 0.9) > 0.85
    assert np.mean(above[kind == 1] < 0.1) > 0.85


def test_no_group_of_fewer_than_five_users_leaves() -> None:
    sessions, _, _ = _people((60, 60), 0)
    found = portraits(sessions)
    few = np.zeros((len(found.enough), 2))
    few[:, 0] = 1.0
    few[:4] = (0.0, 1.0)
    told = Portraits(**{**found.__dict__, "groups": type(found.groups)(few, ())}).summary()
    assert told["withheld_groups"] == 1
    assert [group["users"] for group in told["groups"]] == [len(found.enough) - 4]
    few[4] = (0.0, 1.0)
    assert Portraits(**{**found.__dict__, "groups": type(found.groups)(few, ())}).summary()["withheld_groups"] == 0


def test_piles_of_one_user_are_a_group_of_one_user() -> None:
    """Ten piles that one person uses stand for one user, not for ten."""
    sessions, _, _ = _people((40,), 0)
    one = Sessions(**{**sessions.__dict__, "user": np.zeros(len(sessions.subject), dtype=np.int64)})
    assert portraits(one).summary()["groups"] == []


def test_how_evenly_people_come_is_measured() -> None:
    rng = np.random.default_rng(0)
    poisson = np.concatenate([np.sort(rng.uniform(0, 140, rng.poisson(60))) for _ in range(40)])
    who = np.repeat(np.arange(40), len(poisson) // 40 + 1)[: len(poisson)]
    daily = np.tile(np.arange(140.0), 40)
    assert 0.8 < beliefs.dispersion(who, rng.permutation(poisson), 40) < 1.2
    assert beliefs.dispersion(np.repeat(np.arange(40), 140), daily, 40) == beliefs.DISPERSIONS[0]
    bursts = np.repeat(rng.uniform(0, 140, 400), 5)
    assert beliefs.dispersion(np.repeat(np.arange(40), 50), bursts, 40) > 3.0
    assert beliefs.dispersion(np.array([0, 1]), np.array([0.0, 3.0]), 2) == 1.0


def test_shares_by_hand() -> None:
    """All alike: a great concentration and the pooled share; quite apart: each its own."""
    alike = beliefs.shares(np.tile([30.0, 70.0], (20, 1)))
    assert alike.concentration > 1000
    assert alike.of(0).mean == pytest.approx(0.3, abs=0.01)
    apart = beliefs.shares(np.array([[100.0, 0.0], [0.0, 100.0]] * 10))
    assert apart.of(0).mean[:2] == pytest.approx([1.0, 0.0], abs=0.02)


def test_levels_are_drawn_by_how_much_subjects_differ() -> None:
    rng = np.random.default_rng(0)
    subject = np.repeat(np.arange(50), 4)
    same = beliefs.levels(rng.normal(size=200), subject, 50)
    assert np.ptp(same.mean) < 0.8
    differ = beliefs.levels(np.repeat(np.arange(50.0), 4) + 0.1 * rng.normal(size=200), subject, 51)
    assert differ.mean[:50] == pytest.approx(np.arange(50.0), abs=0.3)
    assert differ.mean[50] == pytest.approx(24.5, abs=0.1)
    assert differ.high[50] - differ.low[50] > 20


def test_no_session_is_refused() -> None:
    nothing = np.empty(0)
    with pytest.raises(SessionsBroken):
        Sessions(
            [], nothing.astype(np.int64), nothing.astype(np.int64), nothing, nothing, nothing, nothing.astype(np.int64)
        )
