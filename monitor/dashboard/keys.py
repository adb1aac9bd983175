"""Single key presses from the terminal, where there is one (POSIX)."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

try:
    import termios
    import tty
except ImportError:  # no such terminal on Windows: the view works, its keys do not
    HAVE_KEYS = False
else:
    HAVE_KEYS = True


@contextmanager
def key_presses(pressed: Callable[[str], None]) -> Iterator[None]:
    """While inside, `pressed` is told each key; the terminal is put back at the end."""
    if not HAVE_KEYS or not sys.stdin.isatty():
        yield
        return
    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    loop = asyncio.get_running_loop()
    tty.setcbreak(number)
    loop.add_reader(number, lambda: _tell(number, pressed))
    try:
        yield
    finally:
        loop.remove_reader(number)
        termios.tcsetattr(number, termios.TCSADRAIN, before)


def _tell(number: int, pressed: Callable[[str], None]) -> None:
    for key in os.read(number, 64).decode("utf-8", "ignore"):
        pressed(key)
