"""A canvas of braille dots: two columns and four rows of dots in each terminal cell. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.text import Text as Styled

COLUMNS, ROWS = 2, 4
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_EMPTY = 0x2800


@dataclass(slots=True)
class Canvas:
    """`width` x `height` cells. Row 0 of the dots is at the bottom; dots outside are left out.

    Layers are drawn in the order of `styles`: in a cell with dots of a line, only the topmost line shows; areas mix,
    and the one with more dots gives the colour.
    """

    width: int
    height: int
    styles: Mapping[str, str]
    lines: frozenset[str] = frozenset()
    _cells: dict[tuple[int, int], dict[str, int]] = field(default_factory=dict)

    @property
    def dot_columns(self) -> int:
        """Dots from left to right."""
        return self.width * COLUMNS

    @property
    def dot_rows(self) -> int:
        """Dots from bottom to top."""
        return self.height * ROWS

    def dot(self, layer: str, x: int, y: int) -> None:
        """Set one dot."""
        if not (0 <= x < self.dot_columns and 0 <= y < self.dot_rows):
            return
        row, within = divmod(self.dot_rows - 1 - y, ROWS)
        cell = self._cells.setdefault((row, x // COLUMNS), {})
        cell[layer] = cell.get(layer, 0) | _BITS[within][x % COLUMNS]

    def column(self, layer: str, x: int, bottom: int, top: int) -> None:
        """Set the dots of column `x` from `bottom` up to below `top`."""
        for y in range(max(0, bottom), min(top, self.dot_rows)):
            self.dot(layer, x, y)

    def rows(self) -> list[Styled]:
        """The picture, top row first."""
        return [self._row(row) for row in range(self.height)]

    def _row(self, row: int) -> Styled:
        line = Styled(no_wrap=True, overflow="crop")
        for column in range(self.width):
            bits, style = self._cell(self._cells.get((row, column), {}))
            line.append(chr(_EMPTY + bits) if bits else " ", style)
        return line

    def _cell(self, layers: Mapping[str, int]) -> tuple[int, str]:
        drawn: Sequence[str] = [layer for layer in self.styles if layer in layers]
        lines = [layer for layer in drawn if layer in self.lines]
        if lines:
            return layers[lines[-1]], self.styles[lines[-1]]
        if not drawn:
            return 0, ""
        bits = 0
        for layer in drawn:
            bits |= layers[layer]
        return bits, self.styles[max(drawn, key=lambda layer: layers[layer].bit_count())]
