"""Every outlet as a small field: a page is sent all of them once and from then on what changes."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui.element import Element

from monitor.dashboard.history import Json
from monitor.dashboard.web.figures import evse_family
from monitor.dashboard.web.palette import FAMILIES

CELLS_MAX = 1500
Cell = tuple[str, str]
"""Station and EVSE, as `CP-1/2`, and the family of its state."""


def comb_cells(stations: Sequence[Json]) -> list[Cell]:
    """In the order of the stations; so many as somebody can look at."""
    cells = (
        (f"{station['station_id']}/{evse['evse_id']}", evse_family(station, evse))
        for station in stations
        for evse in station["evses"]
    )
    return [cell for _, cell in zip(range(CELLS_MAX), cells, strict=False)]


def changes(before: Sequence[Cell], after: Sequence[Cell]) -> list[tuple[int, str]] | None:
    """Which fields have which family now; None when they are other fields than before."""
    if [name for name, _ in before] != [name for name, _ in after]:
        return None
    both = enumerate(zip(before, after, strict=True))
    return [(place, new[1]) for place, (old, new) in both if old != new]


class Comb(Element, component="comb.js"):
    """On a page; `show` what it shows from now on."""

    def __init__(self) -> None:
        super().__init__()
        self.classes("comb")
        self._shown: list[Cell] = []
        self._props["cells"] = []
        self._props["letters"] = dict(FAMILIES)

    def show(self, cells: list[Cell]) -> None:
        """What it is told is what changed; other fields are sent anew."""
        if cells is self._shown:
            return
        changed = changes(self._shown, cells)
        self._shown = cells
        if changed is None:
            self._props["cells"] = cells
            self.update()
        elif changed:
            self.run_method("change", changed)
