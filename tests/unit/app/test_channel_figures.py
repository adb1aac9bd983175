"""The figures of the channels of limits, as Prometheus reads them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from csms.app.channel_figures import ChannelFigures
from csms.charging.counters import Counters
from csms.grid.ven import Ven


def figures(shown: ChannelFigures) -> dict[str, str]:
    lines = "".join(shown.lines()).splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


@pytest.mark.req("GL-B5", "GL-B6")
def test_what_stations_say_that_holds_them_is_counted_by_cause_and_answer() -> None:
    counters = Counters(read_back_asked=5, read_back=2, read_back_above=1, read_back_silent=2)
    counters.proof_asked, counters.proof_shown, counters.proof_odd = 3, 2, 1
    found = figures(ChannelFigures(counters))
    assert found['csms_composite_schedules_asked_total{cause="restart"}'] == "5"
    assert found['csms_composite_schedules_total{cause="restart",result="agreed"}'] == "2"
    assert found['csms_composite_schedules_total{cause="restart",result="disagreed"}'] == "1"
    assert found['csms_composite_schedules_total{cause="restart",result="unanswered"}'] == "2"
    assert found['csms_composite_schedules_total{cause="told",result="disagreed"}'] == "1"
    assert not any("mqtt" in name or "openadr" in name for name in found), "channels that nobody set up have no figures"


def test_the_broker_and_the_vtns() -> None:
    mqtt = SimpleNamespace(
        connected=True,
        connections=3,
        traffic=Counter({"in": 7, "out": 9}),
        counts=Counter({"connections": 3, "accepted": 2, "stale_version": 1, "read_again": 4}),
        acknowledgements_owed=1,
    )
    ven = cast(Any, Ven.__new__(Ven))
    ven.counts, ven._owed = Counter({"polls_ok": 4, "polls_unavailable": 1, "reports_taken": 2}), [1]
    ven.polled_at = datetime(2026, 1, 1, tzinfo=UTC)
    found = figures(ChannelFigures(Counters(), cast(Any, mqtt), [("openadr:utility", ven)]))
    assert (found["csms_mqtt_connected"], found["csms_mqtt_reconnects_total"]) == ("1", "2")
    assert found['csms_mqtt_messages_total{direction="in"}'] == "7"
    assert found['csms_mqtt_results_total{result="stale_version"}'] == "1"
    assert 'csms_mqtt_results_total{result="read_again"}' not in found
    assert found["csms_mqtt_acknowledgements_owed"] == "1"
    assert found['csms_openadr_polls_total{vtn="openadr:utility",result="unavailable"}'] == "1"
    assert found['csms_openadr_reports_total{vtn="openadr:utility",result="taken"}'] == "2"
    assert found['csms_openadr_polled_at_seconds{vtn="openadr:utility"}'] == "1767225600"
    assert found['csms_openadr_reports_owed{vtn="openadr:utility"}'] == "1"
