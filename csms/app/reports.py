"""Reports by the clock: once a day, at a time of day, the server has `csms report scheduled` make what is due."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator

from csms.app.rounds import Round, RoundSettings
from csms.app.section import Section
from csms.model.clock import Clock

MAIL_VARIABLE = "CSMS_REPORTS_MAIL"
TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
Audience = Literal["grid", "government", "makers", "operators"]
ALL: tuple[Audience, ...] = ("grid", "government", "makers", "operators")


class ReportMailSettings(Section):
    """An SMTP server and who gets the reports; `tls`: starttls, tls (from the first byte) or none."""

    host: str
    sender: str
    to: str
    port: int = Field(default=587, ge=1, le=65535)
    user: str = ""
    password: SecretStr = SecretStr("")
    tls: Literal["starttls", "tls", "none"] = "starttls"


class ReportsSection(Section):
    """`at`: local time of day, such as 06:30; empty: no report is made by the clock. `folder` None: `reports` in the
    data folder."""

    at: str = ""
    folder: Path | None = None
    audiences: list[Audience] = Field(default_factory=lambda: list(ALL))
    mail: ReportMailSettings | None = None

    @field_validator("at")
    @classmethod
    def _time_of_day(cls, value: str) -> str:
        if value and not TIME_OF_DAY.fullmatch(value):
            raise ValueError(f"{value!r} is no time of day; write one like 06:30")
        return value


class DailyReports:
    """Waits for the time of day, again and again."""

    def __init__(
        self, settings: ReportsSection, clock: Clock, data_dir: Path, database_url: str, time_zone: str
    ) -> None:
        self._clock, self._zone = clock, ZoneInfo(time_zone)
        self._at = time.fromisoformat(settings.at)
        command = ["report", "scheduled"]
        command += [part for name in settings.audiences for part in ("--audience", name)]
        command += ["--out", str(settings.folder)] if settings.folder is not None else []
        daily = RoundSettings(command=command, every_s=86_400.0)
        told = {MAIL_VARIABLE: _mail(settings.mail)} if settings.mail is not None else {}
        self.round = Round(daily, clock, data_dir, database_url, time_zone=time_zone, told=told)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            wait = until(self._at, self._clock.now().astimezone(self._zone))
            await asyncio.sleep(self._clock.wall_s(wait.total_seconds()))
            await self.round.once()


def until(at: time, now: datetime) -> timedelta:
    """How long it is to the next `at` of the local `now`'s zone; a whole day when it is that time right now."""
    today = now.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    due = today if today > now else today + timedelta(days=1)
    return due - now


def _mail(mail: ReportMailSettings) -> str:
    """For the command alone, in its environment; the password stands in no list of processes."""
    return json.dumps(mail.model_dump() | {"password": mail.password.get_secret_value()})
