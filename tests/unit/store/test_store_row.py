"""Rows: defaults of their own, and no name that is no column."""

from __future__ import annotations

import pytest

from csms.store.tables import Notice


def test_what_is_not_given_has_its_default_and_lists_are_not_shared() -> None:
    one, other = Notice(station_id="A"), Notice(station_id="B")
    one.detail["seen"] = True
    assert (one.id, other.detail) == (None, {})


def test_a_misspelt_column_is_told() -> None:
    with pytest.raises(TypeError, match="no no_such"):
        Notice(station_id="A", no_such={})  # type: ignore[call-arg]
