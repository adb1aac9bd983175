"""Every outlet as a field: which there are, and what is told when some change."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.dashboard.history import Snapshot
from monitor.dashboard.web.api import Api
from monitor.dashboard.web.comb import CELLS_MAX, changes, comb_cells
from monitor.dashboard.web.hub import Hub
from monitor.dashboard.web.palette import FAMILIES
from monitor.dashboard.web.visitors import Visitors


def station(name: str, *states: str, online: bool = True) -> dict:
    evses = [{"evse_id": place, "status": state} for place, state in enumerate(states, 1)]
    return {"station_id": name, "online": online, "evses": evses}


def test_a_field_for_each_outlet() -> None:
    cells = comb_cells([station("A", "Charging", "Faulted"), station("B", "Available", online=False)])
    assert cells == [("A/1", "charging"), ("A/2", "faulted"), ("B/1", "offline")]
    assert len(comb_cells([station("A", *["Available"] * (CELLS_MAX + 9))])) == CELLS_MAX


families = st.lists(st.sampled_from(sorted(FAMILIES)), min_size=3, max_size=3)


@given(families, families)
def test_what_is_told_leads_from_one_to_the_other(before: list[str], after: list[str]) -> None:
    old, new = (list(zip("abc", one, strict=True)) for one in (before, after))
    told = changes(old, new)
    assert told is not None
    shown = dict(enumerate(before)) | dict(told)
    assert [shown[place] for place in range(3)] == after
    assert all(before[place] != family for place, family in told)


def test_other_outlets_are_sent_anew() -> None:
    assert changes([("a", "charging")], [("b", "charging")]) is None
    assert changes([], [("a", "charging")]) is None


async def test_what_pages_have_in_common_is_made_once_of_each_snapshot() -> None:
    hub = Hub(Api("http://127.0.0.1:9"), Visitors(lambda: 0.0))
    made: list[str] = []

    def make() -> str:
        made.append("made")
        return f"picture {len(made)}"

    hub.snapshot = Snapshot({"clock_time": "2026-01-01T00:00:00+00:00", "feeders": []})
    assert {hub.shared("load en", make) for _ in range(50)} == {"picture 1"}
    assert hub.shared("load zh", make) == "picture 2"
    hub.snapshot = Snapshot({"clock_time": "2026-01-01T00:00:01+00:00", "feeders": []})
    assert hub.shared("load en", make) == "picture 3"
