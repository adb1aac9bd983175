"""Which last words of an operation are good ones."""

from __future__ import annotations

import pytest
from rich.text import Text as Styled

from csms.console import units
from csms.console.following import status


@pytest.mark.parametrize(
    ("word", "colour"),
    [
        ("Installed", units.GOOD),
        ("Started", units.GOOD),
        ("Stopped", units.GOOD),
        ("certificate Accepted", units.GOOD),
        ("nothing_followed", units.BAD),
        ("UploadFailed", units.BAD),
        ("Cancelled", ""),
    ],
)
def test_the_colour_of_an_operation_that_has_ended(word: str, colour: str) -> None:
    shown = status({"status": word, "ended_at": "2026-01-01T00:00:00+00:00"})
    assert isinstance(shown, Styled)
    assert (shown.plain, shown.style) == (word, colour)
