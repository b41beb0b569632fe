"""One writer, and files that are always whole: lock, sync, rename."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from cbec.project import CbecError

# How the name begins of what is not finished.
BESIDE = ".cbec-new."


@contextlib.contextmanager
def single_writer(folder: Path, what: str = "build") -> Iterator[None]:
    """Hold the lock of a folder; what: for whom. The kernel drops it when the process dies, however it dies.

    Raises CbecError (exit code 5) naming the holder when another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise CbecError(
                f"another {what} is running (process {holder}); nothing was changed", exit_code=5
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


@contextlib.contextmanager
def landing_writer(folder: Path) -> Iterator[None]:
    """Hold the lock of a landing folder, and delete what killed imports left there half written.

    Raises CbecError: 5 while another import, or a refresh, has it; 4 when the disk refuses.
    """
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(single_writer(folder, "import"))
            for left in folder.glob(".*.new"):
                left.unlink(missing_ok=True)
        except OSError as error:
            raise CbecError(f"{folder}: nothing was landed: {error}", exit_code=4) from error
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


def name_beside(path: Path) -> Path:
    """A hidden name of this process for what is made beside its place. What processes that are gone left
    under such names in the folder is deleted."""
    for left in path.parent.glob(f"{BESIDE}*"):
        found = re.match(r"[0-9]+", left.name.removeprefix(BESIDE))
        if found and not _is_running(int(found[0])):
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)
    return path.with_name(f"{BESIDE}{os.getpid()}.{path.name}")


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def replace_with(path: Path, make: Callable[[Path], None]) -> None:
    """Make a file beside its place and rename it, so that a reader never sees half of one."""
    new = name_beside(path)
    try:
        make(new)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
