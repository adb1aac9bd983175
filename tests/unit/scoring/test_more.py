"""Complaints and promotions by hand: what is not known counts nowhere, what cannot be is refused by its line."""

from __future__ import annotations

import pytest

from monitor.scoring.more import figures_of_more, read_more
from monitor.scoring.table import TableUnusable

HEAD = "operator,month,complaints,promoted_orders,promoted_taken\n"


def test_by_hand() -> None:
    rows = read_more(HEAD + "a,2026-03,3,200,50\nb,2026-03,0,,\nc,2026-03,,0,0\na,2026-02,9,,\nd,2026-03,2,,\n")
    found = figures_of_more(rows, "2026-03", {"a": 1000.0, "b": 50.0, "c": 10.0})
    assert [(one.operator, one.indicator, one.value, one.samples) for one in found] == [
        ("a", "complaint_rate", 0.003, 1000.0),
        ("a", "promotion_response", 0.25, 200),
        ("b", "complaint_rate", 0.0, 50.0),
    ], "nothing of who told nothing, of another month, or of complaints without orders"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("a,2026-03,-1,,", "line 2: complaints is a whole number"),
        ("a,2026-03,1.5,,", "line 2: complaints is a whole number"),
        ("a,2026-03,,10,", "line 2: promoted_orders and promoted_taken are told together"),
        ("a,2026-03,,10,11", "line 2: more orders took"),
        (",2026-03,1,,", "line 2: an operator and a month"),
        ("a,2026-03,1,,\na,2026-03,2,,", "line 3: a 2026-03 was told before"),
    ],
)
def test_what_cannot_be_is_refused(lines: str, said: str) -> None:
    with pytest.raises(TableUnusable, match=said):
        read_more(HEAD + lines + "\n")


def test_columns_are_needed() -> None:
    with pytest.raises(TableUnusable, match="lacks the columns month"):
        read_more("operator,complaints,promoted_orders,promoted_taken\n")
