"""What the process itself needs for thousands of stations: file descriptors, and a garbage collector out of the way."""

from __future__ import annotations

import gc

YOUNG_OBJECTS = 20_000
"""New containers before the young generation is looked through. Messages make thousands of them that all die young;
at Python's 700 (gen 1, 2: every 10) looking cost a quarter of the CPU of a message and found nothing."""

OLDER_ROUNDS = (50, 100)


def calm_garbage_collector() -> None:
    """Leave what was built at start out of every later look, and look less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *OLDER_ROUNDS)


def raise_file_limit() -> int | None:
    """Allow as many open files (one for each station) as the system lets us; the number, None where there is none."""
    try:
        import resource
    except ImportError:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
