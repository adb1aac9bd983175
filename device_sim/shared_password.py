"""The password that simulated stations share: never an argument, because arguments stand in the list of processes."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "CSMS_SIM_PASSWORD"


def shared_password(file: Path | None) -> str | None:
    """What is in the file, else in the variable; None without either. Raises OSError, UnicodeDecodeError."""
    if file is not None:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    return os.environ.get(VARIABLE)
