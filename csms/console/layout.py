"""Plain tables: they fit the width, columns are shortened in the middle; only a last column of texts that people must
read whole may run over it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text as Styled

from csms.texts.visible import visible

GAP = "  "
WIDTH_MIN = 6
"""A column is not shortened below this many cells."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `right` for numbers, `whole` when its cells may not be shortened, `over` when they may also be longer
    than there is room (the last one only)."""

    title: str
    right: bool = False
    whole: bool = False
    over: bool = False


Cell = str | Styled


def shorten(text: str, width: int) -> str:
    """`text` in at most `width` terminal cells, cut in the middle so that both ends of an id stay readable."""
    if cell_len(text) <= width:
        return text
    if width <= 1:
        return "…"[:width]
    tail = (width - 1) // 2
    head = width - 1 - tail
    return set_cell_size(text, head).rstrip() + "…" + _last_cells(text, tail)


def _last_cells(text: str, width: int) -> str:
    start = len(text)
    while start > 0 and cell_len(text[start - 1 :]) <= width:
        start -= 1
    return text[start:]


def widths(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int) -> list[int]:
    """Cells for each column: what it needs, the widest shortened first until all fit into `width`."""
    needed = [max([cell_len(c.title), *(cell_len(str(row[i])) for row in rows)]) for i, c in enumerate(columns)]
    room = width - len(GAP) * (len(columns) - 1)
    while sum(needed) > room:
        flexible = [i for i, column in enumerate(columns) if not column.whole and needed[i] > WIDTH_MIN]
        over = [i for i in flexible if columns[i].over]
        flexible = over or flexible  # what may run over the edge leaves the room to the others
        if not flexible:
            break
        widest = max(flexible, key=lambda i: needed[i])
        needed[widest] -= 1
    return needed


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int) -> list[Styled]:
    """The lines of a table with its head."""
    sizes = widths(columns, rows, width)
    head = _line([Styled(column.title, "bold") for column in columns], columns, sizes)
    return [head, *(_line(row, columns, sizes) for row in rows)]


def _line(row: Sequence[Cell], columns: Sequence[Column], sizes: Sequence[int]) -> Styled:
    cells = [_cell(cell, column, size) for cell, column, size in zip(row, columns, sizes, strict=True)]
    line = Styled(GAP, no_wrap=True, overflow="ignore").join(cells)
    line.rstrip()
    return line


def _cell(cell: Cell, column: Column, size: int) -> Styled:
    style = cell.style if isinstance(cell, Styled) else ""
    words = visible(str(cell))
    words = words if column.over else shorten(words, size)
    fill = " " * max(size - cell_len(words), 0)
    return Styled(fill + words if column.right else words + fill, style)
