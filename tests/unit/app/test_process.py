"""What the process asks of the system and of Python."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc, sys
from csms.app.process import calm_garbage_collector, raise_file_limit
limit = raise_file_limit()
calm_garbage_collector()
import resource
assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == limit
assert gc.isenabled() and gc.get_freeze_count() > 0
sys.exit(gc.get_threshold()[0] // 1000)
"""


def test_file_limit_and_garbage_collector() -> None:
    """In a process of its own: both are for the whole process."""
    assert subprocess.run([sys.executable, "-c", PROGRAM], check=False).returncode == 20
