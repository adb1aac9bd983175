"""Log files of stations (2.0.1 use case N01; 1.6 GetDiagnostics and the security extension's GetLog)."""

from __future__ import annotations

from enum import StrEnum

from csms.model.command import Command, Whole
from csms.model.files import Location, Moment, Times
from csms.model.inbound import Inbound


class LogKind(StrEnum):
    """Which log."""

    DIAGNOSTICS = "diagnostics"
    SECURITY = "security"


class LogStatus(Inbound, frozen=True):
    """How an upload goes on. `request_id` None: the message names none (1.6 diagnostics, or nothing goes on)."""

    status: str
    request_id: int | None = None


class RequestLog(Command, frozen=True):
    """Have the station upload a log: to `location`, else to this server, where it is kept with the operation.

    `oldest` and `latest` bound the entries. `request_id` is given by the server.
    """

    kind: LogKind = LogKind.DIAGNOSTICS
    oldest: Moment | None = None
    latest: Moment | None = None
    location: Location = ""
    retries: Times | None = None
    retry_interval_s: Whole | None = None
    request_id: Whole = 0
