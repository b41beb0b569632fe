"""Worker processes that end with the process that started them, also when that is killed.

A process that has called `prepare_workers` forks them from a server that has imported what they need; any
other one spawns them, each from nothing.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import multiprocessing.forkserver
import os
import pickle
import resource
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

# How workers are started.
_METHOD = ["spawn"]


@contextlib.contextmanager
def single_threaded_children() -> Iterator[None]:
    """Let processes that start inside have one linear-algebra thread each: they share the cores."""
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def prepare_workers(modules: Sequence[str]) -> None:
    """Let a server import modules, in the background, from which all workers of this process are forked.

    The server runs no Python but this, so that a fork of it is safe, which one of this process need not be.
    Environment variables that a library reads when it is imported are those of now, with one thread for
    linear algebra.
    """
    multiprocessing.set_forkserver_preload(list(modules))
    with single_threaded_children():
        multiprocessing.forkserver.ensure_running()
    _METHOD[:] = ["forkserver"]


def worker_pool(
    workers: int, initializer: Callable[..., None] | None = None, initargs: tuple[Any, ...] = ()
) -> ProcessPoolExecutor:
    """A pool of new processes, each of which calls initializer(*initargs) first, if there is one."""
    return ProcessPoolExecutor(
        max_workers=workers,
        mp_context=multiprocessing.get_context(_METHOD[0]),
        initializer=_start,
        initargs=(initializer, initargs),
    )


def _start(initializer: Callable[..., None] | None, initargs: tuple[Any, ...]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if initializer:
        initializer(*initargs)


def _end_with_parent() -> None:
    # The queue of a killed parent stays open in its workers: they would wait for work for ever.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@dataclass(frozen=True)
class Done:
    """What a guarded worker did with a job: a result, or why there is none.

    reason: in words, '' beside a result. trace: where an error that nobody expected was raised. seconds: of
    computing, or until a worker was gone; peak_mb: the most memory that it ever held.
    """

    result: Any = None
    reason: str = ""
    trace: str = ""
    seconds: float = 0.0
    peak_mb: float = 0.0


class GuardedWorker:
    """One process that does one job after the other, and may die of one without taking anything along.

    Memory is limited by the address space (RLIMIT_AS) and not by looking at what is held: the kernel refuses
    what is too much at the moment it is asked for, so that the limit cannot be outrun, most jobs get a
    MemoryError that they can tell, and nothing has to watch. Time is that of computing (RLIMIT_CPU), which a
    busy machine lengthens by half and not by ten, with a wide limit of real time behind it for what waits
    for ever.
    """

    # Real seconds that a job may take, for each second of computing and beside them.
    PATIENCE, GRACE = 20.0, 30.0
    # A worker that held more of its memory than this is not used again: it may have become tight.
    SPENT = 0.5

    def __init__(self, start: Callable[..., Callable[..., Any]], *args: Any, max_bytes: int) -> None:
        """start(*args), called in the process, gives the function that does the jobs."""
        context: Any = multiprocessing.get_context(_METHOD[0])
        self._connection, theirs = context.Pipe()
        self._said, their_errors = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_serve, args=(theirs, their_errors, max_bytes, start, args), daemon=True
        )
        self._process.start()
        theirs.close()
        their_errors.close()
        self._max_bytes = max_bytes
        self.is_spent = False

    def do(self, *job: Any, seconds: float) -> Done:
        """The result of one job, or why there is none; the worker is then spent. Never raises for a job."""
        patience, began = self.GRACE + self.PATIENCE * seconds, time.monotonic()
        try:
            self._connection.send((job, seconds))
            if not self._connection.poll(patience):
                self._process.kill()
                return self._ended(f"was not finished after {patience:.0f} seconds", began)
            done: Done = pickle.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            done = self._ended(self._death(seconds), began)
            return replace(done, seconds=seconds) if self._process.exitcode == -signal.SIGXCPU else done
        self.is_spent = bool(done.reason) or done.peak_mb > self.SPENT * self._max_bytes / 2**20
        return done

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.join()
        self._connection.close()
        self._said.close()

    def _ended(self, reason: str, began: float) -> Done:
        self.is_spent = True
        return Done(reason=reason, seconds=time.monotonic() - began)

    def _death(self, seconds: float) -> str:
        """How the process died, in words."""
        self._process.join(self.GRACE)
        code = self._process.exitcode
        if code == -signal.SIGXCPU:
            return f"takes more than {seconds:.0f} seconds of computing"
        if code == -signal.SIGKILL:
            return "ended the process that worked on it (killed, as a system does that has no memory left)"
        how = signal.Signals(-code).name if code and code < 0 else f"exit code {code}"
        with contextlib.suppress(OSError):
            os.set_blocking(self._said.fileno(), False)
            said = os.read(self._said.fileno(), 1 << 16).decode(errors="replace").split("\n")
            how = ": ".join([how, *[line.strip()[:200] for line in said if line.strip()][:1]])
        return f"brought down the process that worked on it ({how})"


def _serve(
    connection: Any,
    errors: Any,
    max_bytes: int,
    start: Callable[..., Callable[..., Any]],
    args: tuple[Any, ...],
) -> None:
    """The life of a guarded worker."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # A person's Ctrl-C is for the parent, which ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a library prints when it breaks down is told by the parent; a worker never waits to say it.
    os.set_blocking(errors.fileno(), False)
    os.dup2(errors.fileno(), 2)
    do = start(*args)
    _limit_memory(max_bytes)
    while True:
        try:
            job, seconds = connection.recv()
        except EOFError:
            return
        began = time.process_time()
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        wanted = int(began + seconds) + 1
        resource.setrlimit(
            resource.RLIMIT_CPU, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )
        connection.send_bytes(_answer(do, job, began, max_bytes))


# Seconds that the loop of `pace` takes on the machine that limits of computing were set on.
SECONDS_OF_A_LOOP = 0.02


@functools.cache
def pace() -> float:
    """How many times longer this machine computes, as busy as it is, than the one that limits of computing
    were set on; from 1 to 6. Measured once in a process, of the calling thread alone."""
    times = []
    for _ in range(3):
        began, total = time.thread_time(), 0
        for number in range(300_000):
            total += number
        times.append(time.thread_time() - began)
    return min(max(min(times) / SECONDS_OF_A_LOOP, 1.0), 6.0)


def _answer(do: Callable[..., Any], job: tuple[Any, ...], began: float, max_bytes: int) -> bytes:
    """Done, as bytes: also a result that is too large to be sent is a reason."""

    def done(**what: Any) -> Done:
        return Done(seconds=time.process_time() - began, peak_mb=peak_mb(), **what)

    try:
        return pickle.dumps(done(result=do(*job)), protocol=pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        answer = done(reason=f"takes more than {max_bytes // 2**20} MB of memory")
    except RecursionError:
        answer = done(reason="is nested too deeply")
    except Exception as error:  # whatever a job does ends the job alone, and is told
        text = f"{type(error).__name__}: {error}"[:300]
        answer = done(reason=f"was not expected ({text})", trace=traceback.format_exc()[-100_000:])
    return pickle.dumps(answer)


def _limit_memory(max_bytes: int) -> None:
    """Allow so much memory in all: what is held now counts, what is only mapped (libraries) does not."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        mapped, held = map(int, Path("/proc/self/statm").read_text().split()[:2])
    except OSError:
        # No Linux: its kernel would not keep the limit either.
        return
    limit = max_bytes + (mapped - held) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def peak_mb() -> float:
    """Most memory that this program held."""
    try:
        return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
