"""Files that go between stations and a server: names, addresses, and how often a transfer is tried."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

from msgspec import Meta

LOCATION_LENGTH_MAX = 512
NAME_LENGTH_MAX = 128
END = r"$(?!\n)"
"""The very end of a text: `$` alone is content with a line break after it."""
NAME_PATTERN = rf"^[A-Za-z0-9][A-Za-z0-9._+-]*{END}"
"""A firmware file's name is part of its URL and of a path: letters, digits and . _ + - only, no leading dot."""

FileName = Annotated[str, Meta(max_length=NAME_LENGTH_MAX, pattern=rf"^{END}|{NAME_PATTERN}")]
Location = Annotated[str, Meta(max_length=LOCATION_LENGTH_MAX, pattern=rf"^{END}|^[A-Za-z][A-Za-z0-9+.-]*://\S+{END}")]
"""http, https, ftp, ftps or sftp, handed to the station as it is written."""
Moment = Annotated[datetime, Meta(tz=True)]
Times = Annotated[int, Meta(ge=0, le=100)]


def one_source(location: str, name: str) -> None:
    """Raises ValueError unless exactly one of both is given."""
    if bool(location) == bool(name):
        raise ValueError("either location or firmware says which file")


def without_secrets(location: str) -> str:
    """An address without user, password and query, which may hold keys (N01.FR.17)."""
    parts = urlsplit(location)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
