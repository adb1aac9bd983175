"""Where the simulator finds its token for a central system's API: the environment, or a file for its owner alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

TOKEN_VARIABLE = "CSMS_TOKEN"
FILE_VARIABLE = "CSMS_TOKEN_FILE"


def token_headers(environ: Mapping[str, str]) -> dict[str, str]:
    """The header with the token; none without one. Raises OSError for a file that cannot be read or that others can."""
    token = environ.get(TOKEN_VARIABLE, "").strip()
    if not token and environ.get(FILE_VARIABLE):
        token = read_token(Path(environ[FILE_VARIABLE]))
    return {"Authorization": f"Bearer {token}"} if token else {}


def read_token(path: Path) -> str:
    """What stands in a token file. Raises OSError, also when others may read it."""
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"{path} can be read by others; run: chmod 600 {path}")
    return path.read_text("ascii").strip()
