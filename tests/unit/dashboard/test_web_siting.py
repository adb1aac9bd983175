"""Siting reports on this machine: only what is named there is read or begun, and a run that fails says why."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from monitor.dashboard.web.siting import SitingDesk


def desk(folder: Path) -> SitingDesk:
    (folder / "reports" / "north").mkdir(parents=True)
    (folder / "reports" / "north" / "report.json").write_text('{"area": "north"}', "utf-8")
    (folder / "reports" / "north" / "report.html").write_text("<p>north</p>", "utf-8")
    (folder / "reports" / "half").mkdir()
    (folder / "areas" / "broken").mkdir(parents=True)
    (folder / "areas" / "broken" / "stations.csv").write_text("station_id,longitude\n1,119.5\n", "utf-8")
    (folder / "areas" / "empty").mkdir()
    (folder / "secret.txt").write_text("secret", "utf-8")
    return SitingDesk(folder / "reports", folder / "areas")


def test_only_whole_reports_and_areas_with_stations_are_there(tmp_path: Path) -> None:
    siting = desk(tmp_path)
    assert siting.known() == ["north"]
    assert siting.wanted() == ["broken"]
    assert siting.read("north") == {"area": "north"}
    assert SitingDesk(None, None).known() == SitingDesk(None, None).wanted() == []


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("north", "../../secret.txt"),
        ("north", ".."),
        ("..", "secret.txt"),
        ("../reports/north", "report.json"),
        ("half", "report.json"),
        ("north", "nothing.csv"),
        ("", "report.json"),
    ],
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str, part: str) -> None:
    siting = desk(tmp_path)
    assert siting.file(name, part) is None
    with pytest.raises(KeyError):
        siting.read("../north")


async def test_a_run_that_fails_says_why_and_one_runs_at_a_time(tmp_path: Path) -> None:
    siting = desk(tmp_path)
    assert not siting.begin("empty", 3)
    assert not siting.begin("../areas/broken", 3)
    assert siting.begin("broken", 3)
    assert not siting.begin("broken", 3)
    async with asyncio.timeout(60):
        await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name() == "siting"))
    assert siting.running == ""
    assert "stations.csv has no column" in siting.fault
    assert "{" not in siting.fault
    assert siting.known() == ["north"]
    await siting.close()
