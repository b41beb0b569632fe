"""One writer, and files that are always whole: lock, sync, rename."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from cbec.project import CbecError


@contextlib.contextmanager
def single_writer(folder: Path) -> Iterator[None]:
    """Hold the lock of a build folder. The kernel drops it when the process dies, however it dies.

    Raises CbecError (exit code 5) naming the holder when another build has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise CbecError(
                f"another build is running (process {holder}); nothing was changed", exit_code=5
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def remove_leftovers(folder: Path, *, keep: frozenset[str] = frozenset()) -> None:
    """Delete what killed or failed runs left in a build folder. Call with the lock held."""
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name not in keep:
            shutil.rmtree(entry, ignore_errors=True)


def sync(path: Path) -> None:
    """Force a file, or the entries of a folder, to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def publish_file(new: Path, published: Path) -> None:
    """Put a finished file in the place of the published one: readers see the old or the new."""
    sync(new)
    os.replace(new, published)
    sync(published.parent)


def publish_folder(new: Path, link: Path) -> None:
    """Point a symbolic link at a finished folder; a folder cannot be renamed over a full one.

    Repeats harmlessly after a kill: `new` is then gone and stands in its place already.
    """
    versions = link.parent / f".{link.name}"
    versions.mkdir(exist_ok=True)
    home = versions / new.parent.name
    if new.is_dir():
        for path in new.rglob("*"):
            sync(path)
        os.replace(new, home)
    if not home.is_dir():
        return
    pointer = link.parent / f".{link.name}.new"
    pointer.unlink(missing_ok=True)
    pointer.symlink_to(home.relative_to(link.parent))
    os.replace(pointer, link)
    sync(link.parent)
    remove_leftovers(versions, keep=frozenset({home.name}))


def replace_with(path: Path, make: Callable[[Path], None]) -> None:
    """Make a file beside its place and rename it, so that a reader never sees half of one."""
    beside = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        make(beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
