"""Where a command finds its token for the HTTP interface: the environment or a file of its own, never an argument.

Arguments stand in the list of processes, which every user of the machine can read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

TOKEN_VARIABLE = "CSMS_TOKEN"
FILE_VARIABLE = "CSMS_TOKEN_FILE"
TOKEN_BYTES_MAX = 4096


class TokenFileUnusable(Exception):
    """The file cannot be read, or others can read it too."""


def api_token(environ: Mapping[str, str]) -> str | None:
    """`CSMS_TOKEN`, else what stands in the file `CSMS_TOKEN_FILE`, else in `csms/token` of the configuration folder.

    None without any. Raises TokenFileUnusable.
    """
    if told := environ.get(TOKEN_VARIABLE, "").strip():
        return told
    if named := environ.get(FILE_VARIABLE, ""):
        return read_token(Path(named))
    usual = usual_file(environ)
    return read_token(usual) if usual is not None and usual.is_file() else None


def usual_file(environ: Mapping[str, str]) -> Path | None:
    """Where the token of a user is kept; None where no home is known."""
    folder = environ.get("XDG_CONFIG_HOME") or (environ["HOME"] + "/.config" if environ.get("HOME") else "")
    return Path(folder) / "csms" / "token" if folder else None


def read_token(path: Path) -> str:
    """What stands in a token file. Raises TokenFileUnusable, also when others may read the file."""
    try:
        with path.open("rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise TokenFileUnusable(f"{path} can be read by others; run: chmod 600 {path}")
            return file.read(TOKEN_BYTES_MAX).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "it holds no token"
        raise TokenFileUnusable(f"{path}: {reason}") from None


def write_token(path: Path, token: str) -> None:
    """Keep a token for its owner alone (0600), in place of an older one. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".partial")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(token + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
