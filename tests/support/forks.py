"""`csms` commands that need not begin with nothing: a process that has loaded everything forks for each of them.

    done = forks.run(["station", "list"], environ, folder)
    server = forks.start(["serve", "--config", str(file)], environ, folder, log, log)

Each command is a process of its own all the same, with its own environment, folder, streams, exit code and end; what it
is spared is loading the program, which takes longer than most commands. Python looks at some of the environment only
when it starts (PYTHONWARNINGS, LANG), so there is a loaded process for every such environment that tests ask for.

Whoever looks at the start itself (what is imported, the command line, a terminal, memory) starts Python.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
LATE = ("CSMS_", "PYTEST_", "TEST_", "COLUMNS", "LINES", "TERM", "TZ", "HOME", "PATH", "PWD", "OLDPWD")
"""Beginnings of names that a command looks at when it runs, not when Python starts or a package is imported."""
SERVING = ("csms.app.server", "csms.store.postgres", "uvloop")
"""What `csms serve` imports late."""
SIZE = struct.Struct("!I")
STREAMS = 3


class Forked:
    """A command that runs; used as `subprocess.Popen` is."""

    def __init__(self, told: socket.socket, arguments: Sequence[str]) -> None:
        self.args = list(arguments)
        self.returncode: int | None = None
        self._told = told
        self.pid = int(SIZE.unpack(_exactly(told, SIZE.size))[0])

    def poll(self) -> int | None:
        """The exit code, a negative signal number, or None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            self._told.settimeout(timeout)
            try:
                self.returncode = os.waitstatus_to_exitcode(SIZE.unpack(_exactly(self._told, SIZE.size))[0])
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            self._told.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Nothing happens to one that has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def start(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    cwd: Path,
    stdout: IO[bytes],
    stderr: IO[bytes],
    stdin: IO[bytes] | None = None,
) -> Forked:
    """Run `csms` with these arguments."""
    with contextlib.ExitStack() as stack:
        source = stdin or stack.enter_context(open(os.devnull, "rb"))
        streams = [source.fileno(), stdout.fileno(), stderr.fileno()]
        return _loaded(_early(environ)).fork(arguments, environ, cwd, streams)


def run(
    arguments: Sequence[str], environ: Mapping[str, str], cwd: Path, typed: str = "", timeout_s: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """Run `csms` to its end; `typed` is what it reads. Raises subprocess.TimeoutExpired, and the command is ended."""
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write(typed.encode())
        stdin.seek(0)
        command = start(arguments, environ, cwd, stdout, stderr, stdin)
        try:
            code = command.wait(timeout_s)
        except subprocess.TimeoutExpired:
            command.kill()
            command.wait()
            raise
        texts = []
        for stream in (stdout, stderr):
            stream.seek(0)
            texts.append(stream.read().decode())
        return subprocess.CompletedProcess(list(arguments), code, *texts)


def _early(environ: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    early = {name: value for name, value in environ.items() if not name.startswith(LATE)}
    if early.get("LANG", "").endswith(".UTF-8"):  # Python asks for the encoding only
        early["LANG"] = "C.UTF-8"
    return tuple(sorted(early.items()))


LOADED: dict[tuple[tuple[str, str], ...], _Loaded] = {}
LOCK = threading.Lock()


def _loaded(environ: tuple[tuple[str, str], ...]) -> _Loaded:
    with LOCK:
        if environ not in LOADED:
            LOADED[environ] = _Loaded(dict(environ))
        return LOADED[environ]


def close() -> None:
    """End the loaded processes; what was forked goes on."""
    while LOADED:
        LOADED.popitem()[1].close()


class _Loaded:
    """A loaded process, seen from the tests; it ends when nobody can ask it any more."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._control, other = socket.socketpair()
        self._lock = threading.Lock()
        program = f"import sys; sys.path[0] = {str(ROOT)!r}; from tests.support import forks"
        with other:
            self._process = subprocess.Popen(
                [sys.executable, "-c", f"{program}; forks.main({other.fileno()})"],
                cwd=ROOT,
                env=environ,
                pass_fds=[other.fileno()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )

    def close(self) -> None:
        self._control.close()
        with self._process:
            self._process.wait(30)

    def fork(self, arguments: Sequence[str], environ: Mapping[str, str], cwd: Path, streams: Sequence[int]) -> Forked:
        ours, theirs = socket.socketpair()
        wanted = {"arguments": list(arguments), "environ": dict(environ), "cwd": str(cwd)}
        data = json.dumps(wanted).encode()
        with theirs, self._lock:
            socket.send_fds(self._control, [SIZE.pack(len(data))], [theirs.fileno(), *streams])
            self._control.sendall(data)
        return Forked(ours, arguments)


def _exactly(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = source.recv(size - len(data))
        if not part:
            raise EOFError("the process that commands are forked from has ended")
        data += part
    return data


@dataclass(frozen=True)
class _Wanted:
    arguments: list[str]
    environ: dict[str, str]
    cwd: str


def main(control: int) -> None:
    """The loaded process; in each fork this is a command."""
    load()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # is for the tests; they end this process
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers need no farewell
    with socket.socket(fileno=control) as asked:
        wanted = _serve(asked)
    if wanted is None:
        os._exit(0)
    os.chdir(wanted.cwd)
    os.environ.clear()
    os.environ.update(wanted.environ)
    time.tzset()
    sys.argv = ["csms", *wanted.arguments]
    _command()


def _command() -> None:
    """Ends as Python does, but does not take apart all that was loaded, which takes longer than most commands."""
    import cli

    code = 0
    try:
        cli.main()
    except SystemExit as end:
        if isinstance(end.code, str):
            raise
        code = int(end.code or 0)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    gc.collect()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def load() -> None:
    """Everything that a command may import or read of the program."""
    import cli
    from csms.texts import entries

    entries()

    pending: list[Any] = [cli.COMMANDS, *cli.GUESTS.values(), *SERVING]
    while pending:
        found = pending.pop()
        if isinstance(found, str):
            with contextlib.suppress(ImportError):
                importlib.import_module(found)
        else:
            pending.extend(found.values())


def _serve(asked: socket.socket) -> _Wanted | None:
    """What to become, in a fork; None when nobody asks any more."""
    while True:
        head, streams, _, _ = socket.recv_fds(asked, SIZE.size, STREAMS + 1)
        if not head:
            return None
        wanted = _Wanted(**json.loads(_exactly(asked, SIZE.unpack(head)[0])))
        if _fork() == 0:
            asked.close()
            _keep(streams)
            return wanted
        for stream in streams:
            os.close(stream)


def _keep(streams: Sequence[int]) -> None:
    """Fork once more and return in the command; here remains who tells its number and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    told, *streams = streams
    pid = _fork()
    if pid == 0:
        os.close(told)
        for target, stream in enumerate(streams):
            os.dup2(stream, target)
            os.close(stream)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return
    for stream in (*streams, *range(STREAMS)):
        os.close(stream)
    os.write(told, SIZE.pack(pid))
    os.write(told, SIZE.pack(os.waitpid(pid, 0)[1]))
    os._exit(0)


def _fork() -> int:
    with warnings.catch_warnings():  # numeric libraries keep threads that survive a fork
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()
