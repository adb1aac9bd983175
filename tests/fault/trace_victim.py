"""Notes frames without pause until it is killed; says after each flush how many are in a file by then."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from csms.model.clock import system_clock
from csms.trace.notes import IN_CLEAN
from csms.trace.recorder import Bounds, Recorder
from csms.trace.redaction import Redactor


def main(folder: str, told: str) -> None:
    clock = system_clock()
    recorder = Recorder(clock, Path(folder), "victim", Redactor(), Bounds(10**9))
    recorder.start()
    file = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    number = 0
    while True:
        for _ in range(500):
            recorder.note(
                "CP-1",
                IN_CLEAN,
                "Heartbeat",
                f'[2,"{number}","Heartbeat",{{"at":"{os.urandom(200).hex()}"}}]',
                clock.unix_s(),
            )
            number += 1
        if recorder.flush() and not recorder.dropped:
            os.write(file, b"%d\n" % number)


if __name__ == "__main__":
    main(*sys.argv[1:])
