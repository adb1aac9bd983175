"""Logs: one JSON line an event on standard error, with a stable event name and ids; no payload, no secret, nothing that
could steer the terminal of whoever reads it.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from csms.texts.visible import escaped

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """`{"at": ..., "level": ..., "event": ..., "room": ..., <ids>}`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; an exception goes into `fault` with its trace."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "room": record.name,
        }
        line.update({name: value for name, value in vars(record).items() if name not in _STANDARD})
        if record.exc_info:
            line["fault"] = self.formatException(record.exc_info)
        return escaped(json.dumps(line, ensure_ascii=False, default=str))


def set_up_logs(level: str) -> None:
    """Send our events to standard error; libraries speak up only from WARNING on. ValueError for an unknown level."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("csms").setLevel(level.upper())
    logging.getLogger("monitor").setLevel(level.upper())
