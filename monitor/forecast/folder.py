"""Reads a folder of series: `volume.csv` or `volume.csv.gz`, the time in the first column, one column for each series.

Further files of the same layout may be read as inputs that are known in advance, like `e_price.csv.gz`. Hours that are
missing and cells that hold no number are unknown; times must not go back.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np

from monitor.forecast.panel import Array, Panel, PanelBroken

VOLUME = "volume"
STEPS_MAX = 2_000_000
"""More than fifty years of quarter-hours: a time that is further away is a slip of the pen."""


def read_folder(folder: Path, inputs: Sequence[str] = ()) -> Panel:
    """The panel of a folder; raises PanelBroken or OSError."""
    times, names, values = read_csv(_file(folder, VOLUME))
    step = step_of(times)
    places = _places(times, times[0], step)
    panel = Panel(times[0], step, names, _spread(values, places, places[-1] + 1))
    more = {name: _input(_file(folder, name), panel) for name in inputs}
    return Panel(panel.start, panel.step, panel.names, panel.values, more)


def _file(folder: Path, name: str) -> Path:
    for path in (folder / f"{name}.csv.gz", folder / f"{name}.csv"):
        if path.is_file():
            return path
    raise PanelBroken(f"{folder} holds neither {name}.csv nor {name}.csv.gz")


def _lines(path: Path) -> Iterator[list[str]]:
    reader = gzip.open if path.suffix == ".gz" else open
    with reader(path, "rt", encoding="utf-8-sig") as text:
        yield from csv.reader(text)


def read_csv(path: Path) -> tuple[list[datetime], tuple[str, ...], Array]:
    """Times, names of columns, and [times, names] values, NaN where there is no number; raises PanelBroken, OSError."""
    try:
        times, names, rows = _read(path)
    except (EOFError, UnicodeDecodeError, csv.Error, zlib.error) as fault:
        raise PanelBroken(f"{path.name}: {fault}") from fault
    if len({time.tzinfo is None for time in times}) > 1:
        raise PanelBroken(f"{path.name}: some times have a zone, some have none")
    if len(times) < 2 or any(later <= earlier for earlier, later in pairwise(times)):
        raise PanelBroken(f"{path.name}: at least two rows are expected, each later than the one before")
    return times, names, np.array(rows)


def _read(path: Path) -> tuple[list[datetime], tuple[str, ...], list[list[float]]]:
    lines = _lines(path)
    names = tuple(next(lines, [])[1:])
    if not names or len(set(names)) < len(names):
        raise PanelBroken(f"{path.name}: a head line with one name for each series is expected, none twice")
    times, rows = [], []
    for number, line in enumerate(lines, 2):
        if len(line) != len(names) + 1:
            raise PanelBroken(f"{path.name}:{number}: {len(line)} cells, the head has {len(names) + 1}")
        times.append(_time(line[0], f"{path.name}:{number}"))
        rows.append([_number(cell) for cell in line[1:]])
    return times, names, rows


def _time(text: str, where: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as fault:
        raise PanelBroken(f"{where}: {text!r} is not a time") from fault


def _number(cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        return np.nan
    return value if np.isfinite(value) else np.nan


def step_of(times: Sequence[datetime]) -> timedelta:
    """The most frequent distance of times."""
    return Counter(later - earlier for earlier, later in pairwise(times)).most_common(1)[0][0]


def _places(times: Sequence[datetime], start: datetime, step: timedelta) -> list[int]:
    """Which step each time is; raises PanelBroken for one between two steps."""
    for time in times:
        if (time - start) % step:
            raise PanelBroken(f"{time} lies between two steps of {step} from {start}")
    places = [(time - start) // step for time in times]
    if places[-1] >= STEPS_MAX:
        raise PanelBroken(f"from {start} to {times[-1]} are more than {STEPS_MAX} steps of {step}")
    return places


def _spread(values: Array, places: Sequence[int], steps: int) -> Array:
    found = np.full((steps, values.shape[1]), np.nan)
    inside = [(row, place) for row, place in enumerate(places) if 0 <= place < steps]
    found[[place for _, place in inside]] = values[[row for row, _ in inside]]
    return found


def _input(path: Path, panel: Panel) -> Array:
    times, names, values = read_csv(path)
    if missing := set(panel.names) - set(names):
        raise PanelBroken(f"{path.name} says nothing of {', '.join(sorted(missing)[:5])}")
    spread = _spread(values, _places(times, panel.start, panel.step), panel.steps)
    return spread[:, [names.index(name) for name in panel.names]]
