"""A folder of this machine as a place to write to."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from feature_atlas.store import link_file
from pipeline.core.blobs import Entry, Headers, Place, below, md5_of
from pipeline.core.files import partial_of, write_atomically


class LocalPlace(Place):
    """A folder. Headers are up to whoever serves it."""

    def __init__(self, folder: Path) -> None:
        self.url = str(folder)
        self._folder = folder

    def list(self, prefix: str = "") -> dict[str, Entry]:
        """All files whose name begins with `prefix`; one is read when its MD5 is asked for."""
        top = self._folder / prefix.rpartition("/")[0]
        found = (path for path in sorted(top.rglob("*")) if path.is_file() and not _is_partial(path))
        named = {path.relative_to(self._folder).as_posix(): path for path in found}
        return {
            name: Entry(path.stat().st_size, partial(_md5, path))
            for name, path in named.items()
            if name.startswith(prefix)
        }

    def read(self, name: str) -> tuple[bytes, str] | None:
        """A small file, and for a tag which file it is: one that is written again is another."""
        try:
            with self._path(name).open("rb") as file:
                return file.read(), _tag(os.fstat(file.fileno()))
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None

    def put(self, name: str, source: bytes | Path, headers: Headers) -> str:
        """Writes under a passing name, then renames."""
        path = self._path(name)
        with _held(path.parent):
            if isinstance(source, bytes):
                write_atomically(path, source)
            else:
                _copy(source, path)
        return md5_of(source).hex()

    def swap(self, name: str, data: bytes, tag: str | None, headers: Headers) -> str:
        """Compares and replaces while no other process does."""
        path = self._path(name)
        with _held(path.parent):
            found = self.read(name)
            if (found and found[1]) != tag:
                return self._meanwhile(name, data)
            write_atomically(path, data)
            return _tag(path.stat())

    def copy(self, source: str, target: str) -> bool:
        """Links the file where the file system can."""
        path, new = self._path(source), self._path(target)
        if not path.is_file():
            return False
        with _held(new.parent):
            passing = partial_of(new)
            passing.unlink(missing_ok=True)
            link_file(path, passing)
            os.replace(passing, new)
            passing.unlink(missing_ok=True)  # of two links to one file, a rename leaves both
        return True

    def delete(self, name: str) -> None:
        """Removes the file, and the folders that it leaves empty."""
        path = self._path(name)
        path.unlink(missing_ok=True)
        partial_of(path).unlink(missing_ok=True)
        for folder in path.parents:
            if folder == self._folder:
                return
            try:
                folder.rmdir()
            except OSError:  # it holds more, or another thread was first
                return

    def public_url(self, name: str) -> str | None:
        """A folder has none."""
        return None

    def _path(self, name: str) -> Path:
        return self._folder / below("", name)


def _copy(source: Path, path: Path) -> None:
    passing = partial_of(path)
    passing.unlink(missing_ok=True)  # it may be a link to a file that must stay as it is
    shutil.copyfile(source, passing)
    with passing.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(passing, path)


def _tag(stat: os.stat_result) -> str:
    return f"{stat.st_ino:x}-{stat.st_mtime_ns:x}"


def _md5(path: Path) -> str:
    return md5_of(path).hex()


def _is_partial(path: Path) -> bool:
    return path.name.startswith(".") and path.name.endswith(".partial")


@contextmanager
def _held(folder: Path) -> Generator[None]:
    """Keeps other threads and processes from writing to the folder; the system frees it after a kill."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
