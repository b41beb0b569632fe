"""Worker processes that end with the process that started them, also when that is killed.

A process that has called `prepare_workers` forks them from a server that has imported what they need; any
other one spawns them, each from nothing.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.forkserver
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
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
