"""Where recorded charging sessions (ACN-Data) are: the folder that `ACN_DATA` names, else `shared/data/acn` beside the
repository, also seen from a worktree of it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.optimizer_acn import folder


def acn_file(name: str) -> Path:
    """A recorded file; skips the test, saying where it was looked for, when it is not there."""
    file = folder() / name
    if not file.is_file():
        pytest.skip(f"recorded sessions are not at {file}: set ACN_DATA to their folder")
    return file


def acn_files(pattern: str) -> list[Path]:
    """All recorded files of a pattern, at least one; skips as `acn_file` does."""
    found = sorted(folder().glob(pattern))
    if not found:
        pytest.skip(f"recorded sessions are not at {folder() / pattern}: set ACN_DATA to their folder")
    return found
