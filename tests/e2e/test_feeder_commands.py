"""`csms feeder` against a real server: the tree is shown, changed, kept over a restart, and wins over the settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.running import SETTINGS, Server, csms

TREE = (
    SETTINGS
    + """
lowest_cap_kw = 50.0

[[feeders]]
id = "T2"
parent = "T1"
rating_kw = 60.0

[[limit_sources]]
name = "north-grid"
feeders = ["T2"]
"""
)


@pytest.fixture
def server(tmp_path: Any) -> Iterator[Server]:
    running = Server(tmp_path / "tree", settings=TREE)
    running.start()
    yield running
    running.stop()


def told(server: Server, *arguments: str, code: int = 0) -> Any:
    done = csms("feeder", *arguments, "--json", "--url", server.api_url)
    assert done.returncode == code, done.stderr + done.stdout
    return json.loads(done.stdout if code == 0 or "results" in done.stdout else done.stderr)


def shown(server: Server, *arguments: str) -> str:
    done = csms("feeder", *arguments, "--url", server.api_url)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_a_tree_is_changed_and_kept(server: Server) -> None:
    tree = {one["feeder_id"]: one for one in told(server, "list")["feeders"]}
    assert (tree["T1"]["stations"], tree["T1"]["origin"], tree["T2"]["parent_id"]) == (
        ["CP-1", "CP-2"],
        "settings",
        "T1",
    )
    assert "100.0" in shown(server, "list")
    made = told(server, "set", "东区", "--parent", "T1", "--rating-kw", "40", "--lowest-cap-kw", "20")
    assert (made["rating_w"], made["lowest_cap_w"], made["origin"]) == (40_000, 20_000, "administrator")
    changed = told(server, "set", "东区", "--rating-kw", "45")
    assert (changed["rating_w"], changed["lowest_cap_w"], changed["parent_id"]) == (45_000, 20_000, "T1")
    assert told(server, "set", "东区", "--phase-a", "63")["phase_a"] == 63
    assert told(server, "set", "东区", "--rating-kw", "45")["phase_bounds_a"] == [0, 0, 0], "what is not given stays"
    assert "Each phase carries A" in shown(server, "show", "东区")
    moved = told(server, "move", "CP-*", "--to", "东区", "--lower-floors")["results"]
    assert [(one["station_id"], one["ok"]) for one in moved] == [("CP-1", True), ("CP-2", True)]
    assert "CP-1, CP-2" in shown(server, "show", "东区")
    server.stop()
    server.start()
    assert told(server, "show", "东区")["stations"] == ["CP-1", "CP-2"], "although the settings say T1"
    audit = server.api.get("/api/v1/audit", params={"limit": 50}).text
    assert "PUT /stations/{station_id}/feeder" in audit
    assert "PUT /feeders/{feeder_id}" in audit
    assert told(server, "set", "东区", "--phase-a", "0")["phase_a"] is None
    for station in ("CP-1", "CP-2"):
        told(server, "move", station, "--to", "T1")
    assert "removed" in shown(server, "remove", "东区")


@pytest.mark.req("GL-I7")
def test_refusals_have_their_codes(server: Server) -> None:
    for arguments, code in [
        (("set", "T3", "--rating-kw", "10", "--parent", "T9"), "unknown_parent"),
        (("set", "T1", "--parent", "T2"), "circle"),
        (("set", "T2", "--rating-kw", "101"), "rating_above_parent"),
        (("set", "T2", "--lowest-cap-kw", "61"), "lowest_cap_above_rating"),
        (("set", "T3#", "--rating-kw", "1"), "bad_feeder_id"),
        (("remove", "T1"), "feeder_in_use"),
        (("remove", "T2"), "feeder_named"),
        (("remove", "T9"), "unknown_feeder"),
        (("show", "T9"), "unknown_feeder"),
    ]:
        found = told(server, *arguments, code=1)
        assert found["code"] == code, found
    refused = told(server, "move", "CP-1", "--to", "T9", code=1)["results"][0]
    assert refused["status"] == "unknown_feeder"
    assert csms("feeder", "set", "T4", "--url", server.api_url).returncode == 2
    assert csms("feeder", "set", "T2", "--rating-kw", "-1", "--url", server.api_url).returncode == 2
    assert csms("feeder", "set", "T2", "--base-load-kw", "1,2", "--url", server.api_url).returncode == 2
    answer = server.api.put("/api/v1/feeders/T2", json={"rating_w": -5})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert [one["origin"] for one in told(server, "list")["feeders"]] == ["settings", "settings"]


def test_stations_stay_where_they_are_when_their_nameplate_is_changed(server: Server) -> None:
    told(server, "move", "CP-1", "--to", "T2", "--lower-floors")
    answer = server.api.put("/api/v1/stations/CP-1", json={"evses": [{"evse_id": 1, "phases": 1, "rotation": "STR"}]})
    assert (answer.status_code, answer.json()["feeder_id"]) == (200, "T2")
    answer = server.api.put("/api/v1/stations/CP-1", json={"feeder_id": "T1"})
    assert answer.json()["feeder_id"] == "T1"
    assert told(server, "show", "T1")["stations"] == ["CP-1", "CP-2"]
