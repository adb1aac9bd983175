"""Reports by the clock: the time of day in its zone, the command, and where the password goes."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from csms.app.reports import MAIL_VARIABLE, DailyReports, ReportsSection, until
from csms.model.clock import parse_clock

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("now", "hours"),
    [("2026-03-02T06:00", 0.5), ("2026-03-02T06:30", 24.0), ("2026-03-02T23:30", 7.0)],
)
def test_the_next_time_of_day(now: str, hours: float) -> None:
    assert until(time(6, 30), datetime.fromisoformat(now).replace(tzinfo=ZONE)) == timedelta(hours=hours)


@pytest.mark.parametrize("value", ["24:00", "6:30", "06.30", "noon"])
def test_a_time_of_day_is_written_in_one_way(value: str) -> None:
    with pytest.raises(ValueError, match="no time of day"):
        ReportsSection.model_validate({"at": value})


async def test_it_runs_at_its_time_and_the_password_stands_in_no_list_of_processes(tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    script = "import json, os, sys; open(sys.argv[1], 'w').write(json.dumps([sys.argv[2:], dict(os.environ)]))"
    mail = {"host": "mail.cn", "sender": "a@b.cn", "to": "c@d.cn", "password": "hidden"}
    section = ReportsSection.model_validate({"at": "06:30", "audiences": ["grid"], "mail": mail})
    clock = parse_clock(f"speed=1000,wall={datetime.now(ZONE).timestamp()!r},time=2026-03-02T06:25:00+08:00")
    reports = DailyReports(section, clock, tmp_path, "", "Asia/Shanghai")
    reports.round._call = (sys.executable, "-c", script, str(told), *reports.round._call)
    running = asyncio.create_task(reports.run())
    for _ in range(1000):
        if told.exists() and told.read_text():
            break
        await asyncio.sleep(0.02)
    running.cancel()
    words, environment = json.loads(told.read_text())
    assert words[-3:] == ["--data-dir", str(tmp_path), "--json"]
    assert words[3:7] == ["report", "scheduled", "--audience", "grid"]
    assert "hidden" not in json.dumps(words)
    assert json.loads(environment[MAIL_VARIABLE])["password"] == "hidden"
    assert environment["CSMS_TIME_ZONE"] == "Asia/Shanghai"
