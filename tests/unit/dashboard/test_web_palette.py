"""Words can be read on every surface, by day and by night (WCAG 2.2 AA)."""

from __future__ import annotations

from dataclasses import fields

import pytest

from monitor.dashboard.look import STATES
from monitor.dashboard.web.palette import FAMILIES, THEMES, Theme, contrast, variables

WORDS = ["ink", "quiet", "accent", *(field.name for field in fields(Theme) if field.name.endswith("_ink"))]
SURFACES = ("ground", "surface", "raised")


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#ffffff", "#777777") == contrast("#777777", "#ffffff")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("word", WORDS)
def test_words_stand_out(theme, surface, word) -> None:
    colours = THEMES[theme]
    assert contrast(getattr(colours, word), getattr(colours, surface)) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
def test_buttons_can_be_read(theme) -> None:
    assert contrast(THEMES[theme].on_accent, THEMES[theme].accent) >= 4.5


def test_every_state_has_a_letter_and_no_two_families_share_one() -> None:
    assert {family for _, _, family in STATES.values()} == set(FAMILIES)
    assert len(set(FAMILIES.values())) == len(FAMILIES)
    assert {family: sign for sign, _, family in STATES.values()} == FAMILIES


def test_colours_become_properties() -> None:
    assert "--charging-ink: #007272;" in variables(THEMES["light"])
