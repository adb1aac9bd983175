"""Every request of 2.0.1 that a station sends, beside the `ocpp` package.

What it accepts we accept; what it refuses we refuse with a code it could have given, or note as tolerated.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from csms.model.station import Protocol
from csms.ocpp201.actions import OUTGOING
from tests.support.equivalence import FULL, compare
from tests.support.examples import actions

REQUESTS = [action for action in actions(Protocol.OCPP201) if action not in OUTGOING]


@pytest.mark.req("SR-02", "HP-D2", "HP-D3", "HP-D5", "HP-D6", "HP-D7")
@pytest.mark.parametrize("action", REQUESTS)
def test_same_verdicts_on_damaged_messages(
    action: str, volume: int, record_property: Callable[[str, object], None]
) -> None:
    row = compare(Protocol.OCPP201, action, volume)
    record_property("equivalence", row)
    assert row["messages"] >= volume
    assert row["valid"] >= volume // 10
    assert row["missed"] == [] or volume < FULL
