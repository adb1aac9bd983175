"""What the planters of habits say they planted is there, and what they leave alone is sound."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import rules_habit_faults as faults
from benchmarks.rules_world import DAY_S, Session, packed, world


@pytest.fixture
def sessions() -> list[Session]:
    return world(5, stations=2, each=2, days=10)


def test_states_are_planted_where_they_are_said_to_be(sessions: list[Session]) -> None:
    before = packed(sessions).statuses
    planted = faults.states(np.random.default_rng(1), sessions, 3)
    after = packed(sessions).statuses
    told = set(zip(after.connector.tolist(), after.at_s.tolist(), strict=True))
    assert len(planted) == 9
    assert planted <= told
    assert not planted & set(zip(before.connector.tolist(), before.at_s.tolist(), strict=True))


def test_true_claims_fit_the_heartbeats_and_planted_ones_do_not() -> None:
    lives = faults.lives(np.random.default_rng(2), 4, 20, 2, (0.5, 1.0))
    beats = lives.heartbeats
    assert sum(effect > 0 for effect in lives.effects) == 2 * 2 + 2
    for row, effect in enumerate(lives.effects):
        begin_s, end_s = lives.claims.from_s[row], lives.claims.to_s[row]
        mine = beats.at_s[beats.station == lives.claims.station[row]]
        inside = np.sort(mine[(mine > begin_s) & (mine < end_s)])
        if lives.claims.online[row]:
            silent_s = float(np.diff(np.r_[begin_s, inside, end_s]).max())
            assert (silent_s > 3 * faults.BEAT_S) is (effect > 0)
        else:
            assert len(inside) == (effect > 0)


def test_days_lose_or_gain_the_orders_that_they_are_said_to(sessions: list[Session]) -> None:
    def counted(some: list[Session]) -> dict[tuple[int, int], int]:
        found: dict[tuple[int, int], int] = {}
        for one in some:
            code = one.pile.station, faults.local_day(one.start_s)
            found[code] = found.get(code, 0) + 1
        return found

    before = counted(sessions)
    kept, planted = faults.counts(np.random.default_rng(3), sessions, (0.0, 3.0), 2)
    after = counted(kept)
    assert {code for code in before if before[code] != after.get(code, 0)} == set(planted)
    assert all(after.get(code, 0) == round(size * before[code]) for code, (size, _) in planted.items())
    assert len({one.key for one in kept}) == len(kept)


def test_a_drift_begins_at_nothing_and_ends_at_its_size(sessions: list[Session]) -> None:
    before = {one.key: one.power_w.copy() for one in sessions}
    planted = faults.meters(np.random.default_rng(4), sessions, [1], (0.05,), slow=True)
    assert planted == {1: 0.05}
    first_s = min(one.start_s for one in sessions)
    for one in sessions:
        share = np.nanmax(np.abs(one.power_w / np.where(before[one.key] == 0, np.nan, before[one.key]) - 1))
        early = one.start_s < first_s + 3 * DAY_S
        assert share == pytest.approx(0.0, abs=1e-12) or (one.pile.connector == 1 and not early)
        assert share <= 0.05 + 1e-9
    last = max((one for one in sessions if one.pile.connector == 1), key=lambda one: one.start_s)
    assert abs(float(last.power_w.max() / before[last.key].max()) - 1) > 0.03


def test_a_power_told_as_a_multiple_leaves_the_register_alone(sessions: list[Session]) -> None:
    registers = [one.register_wh.copy() for one in sessions]
    power_w = [one.power_w.copy() for one in sessions]
    planted = faults.hours(np.random.default_rng(5), sessions, (3.0,), 2)
    assert len(planted) == 2
    for row, one in enumerate(sessions):
        assert np.array_equal(one.register_wh, registers[row])
        assert np.allclose(one.power_w, power_w[row] * planted.get(row, 1.0))
