"""States of both generations of OCPP, as the rules know them; and what a day of told states and prices is judged by."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from csms.model.clock import system_clock
from csms.store import changes
from csms.store.engine import open_store
from monitor.governance.facts import Status, facts
from monitor.governance.hashing import FILE_NAME as SALT
from monitor.governance.partner_orders import priced, read_partner_order
from monitor.governance.rules.judge import judge
from monitor.governance.told_states import WORDS, told_statuses
from tests.unit.governance.test_gathering import START, fill, order, pushed, run, session

NOW = datetime(2026, 4, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Change:
    """A told change."""

    state: str
    at: datetime = START
    evse_id: int = 1


def story(*words: str) -> list[Change]:
    """A state each minute."""
    return [Change(word, START + timedelta(minutes=place)) for place, word in enumerate(words)]


def illegal(changes: Sequence[Change]) -> list[int]:
    """Which of the kept states cannot follow."""
    told = told_statuses(changes, {1: 0}, timedelta())
    broken = judge(facts(NOW.timestamp(), statuses=told)).verdicts["Q11"].broken
    return [place for place, found in enumerate(broken.tolist()) if found]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("Available", "Preparing", "Charging", "SuspendedEV", "Finishing", "Available"), []),
        (("Available", "Finishing"), [1]),
        (("Charging", "Preparing", "Charging"), [1]),
        (("Available", "Occupied", "EVConnected", "Charging", "Idle", "Available"), []),
    ],
)
def test_each_generation_is_judged_by_what_it_can_say(words: tuple[str, ...], found: list[int]) -> None:
    assert illegal(story(*words)) == found


def test_states_of_other_outlets_and_unknown_words_are_left_out_and_clocks_are_moved() -> None:
    changes = [Change("Charging"), Change("Charging", evse_id=0), Change("Humming"), Change("Faulted")]
    told = told_statuses(changes, {1: 7}, timedelta(hours=8))
    assert told.status.tolist() == [Status.CHARGING, Status.FAULTED]
    assert set(told.connector.tolist()) == {7}
    assert told.at_s[0] == (START + timedelta(hours=8)).timestamp()


def test_every_state_of_the_rules_has_a_word() -> None:
    assert set(WORDS.values()) == set(Status)


def tell(folder: Path, *told: tuple[str, datetime]) -> None:
    """Write states of an outlet into the central system's database."""

    async def written() -> None:
        store = await open_store(f"sqlite+aiosqlite:///{folder / 'csms.db'}", system_clock())
        try:
            for state, at in told:
                change = changes.add_state_change("cp-1", 1, 1, state=state, at=at, received_at=at)
                await store.writer.commit([change])
            with_order = [row.state for row in await store.reader.states_of("cp-1", START, NOW)]
            assert with_order == [state for state, at in sorted(told, key=lambda pair: pair[1]) if START <= at < NOW]
        finally:
            await store.close()

    asyncio.run(written())


def test_a_day_says_what_was_broken_by_states_and_by_missing_samples(tmp_path: Path) -> None:
    fill(tmp_path, [(session(1, START, id_token="card-1"), [*range(20), 60])])
    hour = timedelta(hours=1)
    tell(
        tmp_path,
        ("Available", START - hour),
        ("Finishing", START - hour / 2),
        ("Available", START - hour / 3),
        ("Charging", START),
        ("SuspendedEV", START + hour / 2),
        ("Available", START + hour),
    )
    assert run(tmp_path, "gather")["doubted"] == 1
    (row,) = run(tmp_path, "orders")
    assert row["cause"] == "Q07"
    (day,) = run(tmp_path, "scores")
    assert day["broken"] == {"Q07": 1, "Q11": 1, "Q12": 1}, "from minute 19 on nothing was metered while it charged"


def test_users_have_names_that_tell_nobody_who_they_are(tmp_path: Path) -> None:
    cards = ["card-1", "card-2", "card-1", ""]
    sessions = [session(n + 1, START + timedelta(hours=2 * n), id_token=card) for n, card in enumerate(cards)]
    fill(tmp_path, [(one, range(61)) for one in sessions])
    run(tmp_path, "gather")
    names = [row["user_hash"] for row in run(tmp_path, "orders")]
    assert names[0] == names[2] != names[1]
    assert names[3] == ""
    assert not any("card" in name for name in names)
    assert (tmp_path / SALT).stat().st_mode & 0o077 == 0


PARTS = [
    {"DetailPower": 3.0, "ElecPrice": 1.2, "ServicePrice": 0.5},
    {"DetailPower": "4.00", "ElecPrice": "0.60", "SevicePrice": "0.40"},
]


def test_money_of_a_partners_order_is_judged_by_its_priced_parts(tmp_path: Path) -> None:
    fee = 3 * 1.7 + 4 * 1.0
    right, wrong = order("P1", TotalMoney=fee, ChargeDetails=PARTS), order("P2", TotalMoney=fee + 1, ConnectorID="C2")
    pushed(tmp_path, "123456789", right, wrong | {"ChargeDetails": PARTS, "VIN": "LSV1"})
    run(tmp_path, "gather")
    rows = {row["number"]: row for row in run(tmp_path, "orders")}
    assert (rows["P1"]["cause"], rows["P2"]["cause"]) == ("", "Q15")
    assert rows["P1"]["price_yuan_per_kwh"] == pytest.approx(fee / 7)
    assert rows["P1"]["periods"] == 2
    assert (rows["P1"]["vehicle_hash"], len(rows["P2"]["vehicle_hash"])) == ("", 24)


@pytest.mark.parametrize(
    "parts",
    [None, [], "none", [{"DetailPower": 1}], [{"DetailPower": "x", "ElecPrice": 1, "ServicePrice": 1}], [1],
     [{"DetailPower": 0, "ElecPrice": 1, "ServicePrice": 1}],
     [{"DetailPower": 1, "ElecPrice": None, "ServicePrice": 1}],
     [{"DetailPower": "nan", "ElecPrice": 1, "ServicePrice": 1}], [*PARTS, {}]],
)  # fmt: skip
def test_parts_that_cannot_be_read_leave_the_price_unknown(parts: Any) -> None:
    cells = {name: str(value) for name, value in order("P1").items()}
    read = read_partner_order(cells, "123456789", NOW)
    assert not isinstance(read, list)
    assert priced({"ChargeDetails": parts}, read) == read


def test_transitions_of_the_later_generation_are_all_legal() -> None:
    later = ["Available", "EVConnected", "Charging", "SuspendedEV", "SuspendedEVSE", "Idle"]
    pairs = [(a, b) for a in later for b in later]
    assert all(not illegal(story(*pair)) for pair in pairs), [pair for pair in pairs if illegal(story(*pair))]
