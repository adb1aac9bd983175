"""Many problems at once: in processes of this machine or on a Dask cluster, with the answers of one process.

Sites with no cap in common are problems of their own: `Pool.map` hands them out in parts, and the answers come back in
the order of the questions, whoever was first. What a place does not answer (a worker died, the scheduler is gone) is
asked of the next one and at last done here; `tell` hears of it. So is what a task itself raises: it is tried again here
and raised from here.

The same BLAS with the same number of threads gives the same bits everywhere. Processes begin with the environment of
this one; with several of them `OPENBLAS_NUM_THREADS=1` is faster.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, ProcessPoolExecutor, wait
from types import TracebackType
from typing import Any, Protocol, TypeVar

from optimizer.problem import Plan, Problem
from optimizer.solver import solve

Question = TypeVar("Question")
Answer = TypeVar("Answer")
Tell = Callable[[str, str], None]

SCHEDULER_VARIABLE = "CSMS_DASK"
"""Names the scheduler, `tcp://host:8786`."""
PARTS_PER_PROCESS = 4
START_S = 60.0
"""How long processes may take to begin."""
CONNECT_S = 2.0
PATIENCE_S = 60.0
"""How long a place may take for its next part before it counts as gone."""
SKIPPED = 20
"""So many times a scheduler that was gone is not asked again."""

log = logging.getLogger(__name__)


class PlaceLost(Exception):
    """A place to work at does not answer any more."""


class Place(Protocol):
    """Where work can be done besides here."""

    name: str

    def executor(self) -> Executor | None:
        """What takes work there; None while it is not worth asking. Raises PlaceLost."""
        ...

    def lost(self, executor: Executor | None) -> None:
        """It did not answer."""
        ...

    def close(self) -> None:
        """No more work is coming."""
        ...


class Processes:
    """Processes of this machine, started when they are first needed."""

    def __init__(self, count: int) -> None:
        self.name, self._count = f"{count} processes", count
        self._lock = threading.Lock()
        self._running: ProcessPoolExecutor | None = None

    def executor(self) -> Executor:
        """Fresh processes, not forks: this one may have threads that hold locks."""
        with self._lock:
            if self._running is None:
                fresh = multiprocessing.get_context("spawn")
                self._running = ProcessPoolExecutor(self._count, fresh, initializer=_begin)
                wait([self._running.submit(_nothing) for _ in range(self._count)], START_S)
            return self._running

    def lost(self, executor: Executor | None) -> None:
        """New ones next time, unless another thread has begun them already."""
        with self._lock:
            if self._running is executor:
                self._running = None
        if isinstance(executor, ProcessPoolExecutor):
            _killed(executor)

    def close(self) -> None:
        """Waits for them to end."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            running.shutdown(cancel_futures=True)


class Dask:
    """A Dask cluster by the address of its scheduler; its workers need the same version of this package."""

    def __init__(self, address: str) -> None:
        self.name, self._address = address, address
        self._lock = threading.Lock()
        self._client: Any = None
        self._skipped = 0

    def executor(self) -> Executor | None:
        """Connects when it is first needed, and after a loss not for some time."""
        with self._lock:
            if self._skipped:
                self._skipped -= 1
                return None
            if self._client is None or self._client.status != "running":
                self._client = self._connected()
            executor: Executor = self._client.get_executor(pure=False)
            return executor

    def _connected(self) -> Any:
        try:
            from distributed import Client
        except ImportError:
            raise PlaceLost("the package distributed is missing: pip install 'csms[dask]'") from None
        try:
            connect: Any = Client
            return connect(self._address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as fault:
            raise PlaceLost(str(fault)) from fault

    def lost(self, executor: Executor | None) -> None:
        """Its client ends, unless another thread has connected anew."""
        with self._lock:
            self._skipped = SKIPPED
            client, self._client = self._client, None
        _closed(client)

    def close(self) -> None:
        """Leaves the cluster as it is."""
        with self._lock:
            client, self._client = self._client, None
        _closed(client)


class Pool:
    """So many `processes` beside this one; a `scheduler` is asked first. Use it as a context, or `close` it.

    Threads may share it.
    """

    def __init__(
        self, processes: int = 0, scheduler: str = "", tell: Tell | None = None, patience_s: float = PATIENCE_S
    ) -> None:
        self._tell, self._patience_s = tell or _logged, patience_s
        self._parts = PARTS_PER_PROCESS * max(processes, 1)
        self.places: list[Place] = [Dask(scheduler)] if scheduler else []
        if processes:
            self.places.append(Processes(processes))

    @classmethod
    def here_or_there(cls, processes: int, tell: Tell | None = None, patience_s: float = PATIENCE_S) -> Pool:
        """With the scheduler that the environment names, if it does."""
        return cls(processes, os.environ.get(SCHEDULER_VARIABLE, ""), tell, patience_s)

    def solve(self, problems: Iterable[Problem]) -> list[Plan]:
        """The plan of each."""
        return self.map(solve, list(problems))

    def map(self, task: Callable[[Question], Answer], questions: Sequence[Question]) -> list[Answer]:
        """The answer to each question, in their order; `task` can be imported by name. Raises what `task` raises."""
        answers: dict[int, Answer] = {}
        for place in self.places:
            self._ask(place, task, questions, answers)
        return [answers[n] if n in answers else task(question) for n, question in enumerate(questions)]

    def _ask(
        self,
        place: Place,
        task: Callable[[Question], Answer],
        questions: Sequence[Question],
        answers: dict[int, Answer],
    ) -> None:
        left = [(n, question) for n, question in enumerate(questions) if n not in answers]
        executor: Executor | None = None
        try:
            executor = place.executor() if left else None
            if executor is not None:
                self._gather(executor, task, left, answers)
        except Exception as fault:
            place.lost(executor)
            self._tell(place.name, str(fault) or type(fault).__name__)

    def _gather(
        self,
        executor: Executor,
        task: Callable[[Question], Answer],
        left: list[tuple[int, Question]],
        answers: dict[int, Answer],
    ) -> None:
        """What is there stays there when a later part is lost."""
        size = max(1, -(-len(left) // self._parts))
        waiting = {executor.submit(_each, task, left[at : at + size]) for at in range(0, len(left), size)}
        while waiting:
            done, waiting = wait(waiting, self._patience_s, FIRST_COMPLETED)
            if not done:
                raise PlaceLost(f"no answer in {self._patience_s:g} s")
            for future in done:
                answers.update(_result(future))

    def begin(self) -> None:
        """Starts what there is, which takes a second or two."""
        self.map(abs, [0])

    def close(self) -> None:
        """Ends the processes."""
        for place in self.places:
            place.close()

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _each(task: Callable[[Question], Answer], part: Sequence[tuple[int, Question]]) -> list[tuple[int, Answer]]:
    return [(number, task(question)) for number, question in part]


def _result(future: Future[list[tuple[int, Answer]]]) -> list[tuple[int, Answer]]:
    try:
        return future.result()
    except CancelledError:
        raise PlaceLost("it went away") from None


def _nothing() -> None:
    """To know that a process has begun."""


def _begin() -> None:
    """A process of the pool: Ctrl-C is for the one that it belongs to, and it ends when that one does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)


def _killed(executor: ProcessPoolExecutor) -> None:
    """Some of its processes may hang, and would be waited for at the end of this one."""
    processes = list((executor._processes or {}).values())  # Python 3.14 has kill_workers()
    executor.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.kill()


def _closed(client: Any) -> None:
    if client is not None:
        client.close(timeout=CONNECT_S)


def _logged(place: str, reason: str) -> None:
    log.warning("solvers_lost", extra={"place": place, "reason": reason})
