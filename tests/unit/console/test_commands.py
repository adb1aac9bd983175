"""The commands as a technician types them: tables, JSON with the names of the API, errors and exit codes."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest
from rich.cells import cell_len

from csms.model.inbound import StatusReport
from csms.model.station import ConnectorStatus, Stage
from tests.support.station_port import let_in
from tests.unit.console.conftest import run


async def test_station_list_as_table_and_json(served) -> None:
    table, document = await asyncio.gather(served.csms("station", "list"), served.csms("station", "list", "--json"))
    assert (table.code, document.code) == (0, 0), table.err + document.err
    lines = table.out.splitlines()
    assert lines[0].split()[:4] == ["Station", "EVSE", "State", "kW"]
    assert lines[1].split()[:5] == ["CP-1", "1", "Charging", "11.0", "1.5"]
    assert lines[-1].split()[:3] == ["CP-3", "1", "Offline"]
    assert max(cell_len(line) for line in lines) <= 100
    answer = (await served.at.http.get("/api/v1/stations")).json()
    assert document.document == answer


async def test_lists_can_be_filtered_and_empty(served) -> None:
    faulted, nothing = await asyncio.gather(
        served.csms("station", "list", "--status", "Faulted", "--json"),
        served.csms("station", "list", "--feeder", "nowhere"),
    )
    assert [s["station_id"] for s in faulted.document["stations"]] == ["CP-2"]
    assert (nothing.code, nothing.out) == (0, "Nothing to show.\n")


async def test_station_show(served) -> None:
    shown, unknown, unknown_json = await asyncio.gather(
        served.csms("station", "show", "CP-1"),
        served.csms("station", "show", "CP-0"),
        served.csms("station", "show", "CP-0", "--json"),
    )
    for words in (
        "Acme Pile 22",
        "yes, commissioned",
        "generic-ac-1.6",
        "ocpp1.6",
        "AC 3~ 32.0 A 22.1 kW",
        "TxProfile",
        "11.0 kW",
        "1.5 kWh",
    ):
        assert words in shown.out
    assert (unknown.code, unknown.out) == (1, "")
    assert "unknown_station" in unknown.err
    assert json.loads(unknown_json.err)["code"] == "unknown_station"


async def test_station_show_says_what_is_wrong(served) -> None:
    broken = StatusReport(1, 1, ConnectorStatus.FAULTED, "GroundFailure", "RCD 3")
    await served.at.service.receive("CP-1", broken, served.at.clock.now())
    shown, document = await asyncio.gather(
        served.csms("station", "show", "CP-1"), served.csms("station", "show", "CP-1", "--json")
    )
    assert "GroundFailure (RCD 3)" in shown.out
    assert "connector_faulted" in {finding["code"] for finding in document.document["findings"]}


async def test_stations_by_their_stage(served) -> None:
    await served.at.service.settle("CP-2", Stage.APPROVED)
    approved, shown = await asyncio.gather(
        served.csms("station", "list", "--stage", "approved", "--json"), served.csms("station", "list")
    )
    assert [station["station_id"] for station in approved.document["stations"]] == ["CP-2"]
    assert "(approved)" in shown.out
    assert "(commissioned)" not in shown.out


async def test_station_list_watch_looks_as_often_as_told(served) -> None:
    lines, some, screen = await asyncio.gather(
        served.csms("station", "list", "--watch", "--json", "--count", "2", "--every", "0.2"),
        served.csms("station", "list", "--watch", "--json", "--count", "1", "--status", "Faulted"),
        served.csms("station", "list", "--watch", "--count", "1"),
    )
    looks = [json.loads(line) for line in lines.out.splitlines()]
    assert [len(look["stations"]) for look in looks] == [3, 3]
    assert len(json.loads(some.out)["stations"]) == 1
    assert "CP-2" in screen.out


async def test_station_add_lets_a_station_in(served) -> None:
    nameplate = ("--kind", "dc", "--phases", "3", "--current-a", "200", "--power-kw", "120", "--evses", "2")
    done = await served.csms("station", "add", "DC-1", *nameplate, "--feeder", "north")
    assert (done.code, done.out) == (0, "Station DC-1 is registered and may connect.\n"), done.err
    assert let_in(served.at.service, "DC-1")
    evses = served.at.service.stations["DC-1"].evses
    assert [(evse.rating.kind, evse.rating.power_max_w) for evse in evses.values()] == [("dc", 120_000)] * 2
    refused, odd = await asyncio.gather(
        served.csms("station", "add", "CP-8", "--feeder", "nowhere"), served.csms("station", "add", "a b/c")
    )
    assert (refused.code, odd.code) == (1, 1)
    assert "unknown_feeder" in refused.err


async def test_sessions(served) -> None:
    table, document, shown, none = await asyncio.gather(
        served.csms("session", "list"),
        served.csms("session", "list", "--status", "open", "--json"),
        served.csms("session", "show", "1"),
        served.csms("session", "show", "99"),
    )
    assert [line.split()[0] for line in table.out.splitlines()[1:]] == ["2", "1"]
    assert [row["session_id"] for row in document.document["sessions"]] == [2]
    assert "0.7 kWh" in shown.out
    assert (none.code, "unknown_session" in none.err) == (1, True)


async def test_plan_and_province(served) -> None:
    plan, missing, explained, status, document = await asyncio.gather(
        served.csms("plan", "show", "site"),
        served.csms("plan", "show", "north"),
        served.csms("plan", "explain", "site"),
        served.csms("province", "status"),
        served.csms("province", "status", "--json"),
    )
    assert "1.0e-06" in plan.out
    assert "▄" * 48 + "█" * 48 in plan.out.replace("▅", "▄")
    assert "2026-03-02 07:10" in plan.out
    assert plan.out.splitlines()[-1].split() == ["CP-1/1", "1.2", "cap"]
    assert max(cell_len(line) for line in plan.out.splitlines()) <= 100
    assert (missing.code, "no_plan" in missing.err) == (1, True)
    assert "No forecast was used" in explained.out
    delivered = ["shandong", "p", "(assumed)", "up", "3", "7", "0", "fresh"]
    assert status.out.splitlines()[1].split() == [*delivered, "5", "(1", "refused)", "4001"]
    assert document.document["partners"][0]["acked"] == 7


async def test_given_up_messages_make_province_status_partly_good(served) -> None:
    served.at.province.dead = 3
    assert (await served.csms("province", "status")).code == 3


async def test_a_limit_is_set_shown_and_cancelled(served) -> None:
    done = await served.csms("limit", "set", "site", "--kw", "150", "--to", "+2h", "--id", "a1", "--reason", "peak")
    assert done.code == 0, done.err
    assert "limited to 150.0 kW until" in done.out
    (limit,) = served.limits.known("site")
    assert (limit.power_w, limit.reason, limit.source) == (150_000, "peak", "http")
    assert (limit.valid_from, limit.valid_to) == (served.at.clock.now(), served.at.clock.now() + timedelta(hours=2))
    shown, one = await asyncio.gather(served.csms("limit", "show"), served.csms("limit", "show", "site"))
    assert shown.out.splitlines()[1].split() == ["site", "200.0", "150.0", "90.0", "84.2", "60.0"]
    in_force = ["http", "a1", str(limit.version), "150.0", "kW", "04:10:00", "06:10:00", "in", "force"]
    assert one.out.splitlines()[-1].split() == in_force
    assert "Cap kW         150.0" in one.out
    cancelled = await served.csms("limit", "cancel", "site", "a1", "--json")
    assert cancelled.document["state"] == "cancelled"
    assert served.limits.known("site") == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("site", "-5000"), 2, "cannot be a limit"),
        (("site", "--kw=-5"), 2, "cannot be a limit"),
        (("site", "--kw", "nan"), 2, "cannot be a limit"),
        (("site",), 2, "give the limit once"),
        (("site", "5000", "--kw", "5"), 2, "give the limit once"),
        (("site", "many"), 2, "WATTS"),
        (("site", "9000", "--from", "soon"), 2, "soon is no time"),
        (("site", "1000"), 1, "below_floor"),
        (("site", "9000", "--from", "+2h", "--to", "+1h"), 1, "window_order"),
        (("nowhere", "9000"), 1, "unknown_feeder"),
    ],
)
async def test_a_limit_that_cannot_be_is_refused(served, arguments, code, words) -> None:
    done = await served.csms("limit", "set", *arguments)
    assert (done.code, done.out) == (code, "")
    assert words in " ".join(done.err.replace("│", " ").split())
    assert "Traceback" not in done.err
    assert served.limits.known("site") == []


async def test_words_follow_the_language(served) -> None:
    done, refused = await asyncio.gather(
        served.csms("station", "list", LANG="zh_CN.UTF-8"), served.csms("station", "show", "CP-0", CSMS_LANG="zh")
    )
    assert done.out.splitlines()[0].split()[0] == "充电桩"
    assert refused.err.startswith("被拒绝：")


@pytest.mark.parametrize(
    "arguments",
    [
        ("station", "list"), ("session", "list"), ("limit", "show"), ("limit", "set", "site", "9000"),
        ("plan", "show", "site"), ("plan", "explain", "site"), ("province", "status"), ("monitor", "live", "--once"),
    ],
)  # fmt: skip
async def test_no_server_is_exit_code_4(tmp_path, arguments) -> None:
    done = await run(*arguments, "--url", "http://127.0.0.1:9", cwd=tmp_path)
    assert (done.code, done.out) == (4, "")
    assert "No server answers at http://127.0.0.1:9" in done.err


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("station", "lst"), ("station", "show"), ("station", "list", "--what"),
     ("station", "list", "--url", "ftp://x"), ("session", "list", "--limit", "0"), ("serve", "--ocpp-port", "70000")],
)  # fmt: skip
async def test_wrong_usage_is_exit_code_2(tmp_path, arguments) -> None:
    done = await run(*arguments, cwd=tmp_path)
    assert (done.code, "Traceback" in done.err) == (2, False)


async def test_the_live_view_once(served) -> None:
    drawn, document = await asyncio.gather(
        served.csms("monitor", "live", "--once"), served.csms("monitor", "live", "--json")
    )
    assert drawn.code == 0, drawn.err
    assert len(drawn.out.splitlines()) == 24
    assert "144.2 / 200.0 kW" in drawn.out
    assert document.document["overview"]["sessions"] == {"open": 1, "ended": 1}
