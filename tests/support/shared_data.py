"""Where public data sets are: the folder that `CSMS_SHARED_DATA` names, else `shared/data` beside the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def shared_folder(name: str) -> Path:
    """A folder of it; the test is skipped, by name, where it is missing."""
    asked = os.environ.get("CSMS_SHARED_DATA")
    roots = [Path(asked)] if asked else [parent / "shared" / "data" for parent in list(ROOT.parents)[:2]]
    for root in roots:
        if (root / name).is_dir():
            return root / name
    pytest.skip(f"the public data {name} is not on this machine (CSMS_SHARED_DATA names its folder)")
