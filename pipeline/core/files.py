"""Files that are either the old or the new, never in between; digests; the mark of a finished stage."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from feature_atlas.errors import InputError
from feature_atlas.verify import Measured

MARK = "stage.json"


def read_text(path: Path) -> str:
    """A UTF-8 file whole. Raises InputError with the byte offset if it is not UTF-8."""
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not UTF-8 at byte {error.start}; convert it: iconv -t UTF-8 FILE"
        ) from error
    except OSError as error:
        raise InputError(f"can't read {path}: {error.strerror}") from error


def partial_of(path: Path) -> Path:
    """The passing name of what is to be `path`; after a kill it may be there, and means nothing."""
    return path.with_name(f".{path.name}.partial")


def write_atomically(path: Path, data: bytes) -> None:
    """Replaces `path` by `data`; a kill at any instant leaves the old file or the new one."""
    partial = partial_of(path)
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes named arrays to one `.npz` file, atomically and uncompressed."""
    partial = partial_of(path)
    with partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """Reads what `save_arrays` wrote; never unpickles."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@contextmanager
def open_arrays(path: Path) -> Generator[Mapping[str, np.ndarray]]:
    """The same, each array read when it is asked for."""
    with np.load(path, allow_pickle=False) as file:
        yield file


def digest(*parts: object) -> str:
    """SHA-256 of the parts as canonical JSON."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def measure_file(path: Path) -> Measured:
    """Size and SHA-256."""
    return path.stat().st_size, file_digest(path)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, which are read once a process while size and time stay the same."""
    stat = path.stat()
    return _file_digest(path, stat.st_size, stat.st_mtime_ns)


@cache
def _file_digest(path: Path, size: int, time: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_once(path: Path, write: Callable[[Path], None]) -> None:
    """Makes a folder under a passing name and renames it: it is there whole or not at all."""
    if path.is_dir():
        return
    partial = partial_of(path)
    shutil.rmtree(partial, ignore_errors=True)
    write(partial)
    partial.rename(path)


class StageFolder:
    """A stage's output folder; it counts as finished only while its mark names the wanted key.

    `key` is the digest of all that determines the output. What an unfinished run with the same key
    left there is kept, so that the stage can go on from it; anything else is cleared, but for `items`:
    files that depend on less than the whole, each by its own key, which are done again only if that
    has changed.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        self.key = key
        self.items: dict[str, str] = {}

    @classmethod
    def of(cls, path: Path, items: dict[str, str]) -> StageFolder:
        """A stage whose output is these files, by name, each with the digest of all that determines it."""
        stage = cls(path, digest(items))
        stage.items = items
        return stage

    @staticmethod
    def key_of(path: Path) -> str:
        """The key of a finished stage's output; InputError, with the command, if it is not finished."""
        mark = StageFolder(path, "")._mark()
        if mark.get("finished") is not True:
            raise InputError(
                f"the stage {path.name} has not finished; run: atlas {path.name}, or atlas build"
            )
        return str(mark["key"])

    def is_finished(self) -> bool:
        """Whether the output of exactly this key is there, whole."""
        mark = self._mark()
        return mark.get("key") == self.key and mark.get("finished") is True

    def open(self) -> None:
        """Makes the folder ready to be filled: cleared of all that is no part of the same work."""
        mark, done = self._mark(), self._done()
        if mark.get("key") != self.key:
            self.path.mkdir(parents=True, exist_ok=True)
            (self.path / MARK).unlink(missing_ok=True)  # it speaks of what is about to go
            for path in self.path.iterdir():
                if path.name not in done:
                    path.unlink()
        self._write(finished=False, done=done)

    def missing(self) -> list[str]:
        """The items that are still to be made."""
        done = self._done()
        return [name for name in self.items if name not in done]

    def add(self, *names: str) -> None:
        """Tells that the files of these items are there, whole."""
        self._write(finished=False, done=self._done() | {name: self.items[name] for name in names})

    def finish(self) -> None:
        """Marks the output as whole; the last thing a stage does. Clears what a killed run half wrote."""
        for partial in self.path.glob(partial_of(Path("*")).name):
            partial.unlink()
        self._write(finished=True, done=self._done())

    def _done(self) -> dict[str, str]:
        """The items that were made by their present keys."""
        done: dict[str, str] = self._mark().get("items", {})
        return {name: key for name, key in done.items() if self.items.get(name) == key}

    def _mark(self) -> dict[str, Any]:
        path = self.path / MARK
        return json.loads(path.read_bytes()) if path.is_file() else {}

    def _write(self, finished: bool, done: dict[str, str]) -> None:
        mark = {"key": self.key, "finished": finished, "items": done}
        write_atomically(self.path / MARK, json.dumps(mark).encode())


def cache_folder(name: str) -> Path:
    """A folder of the user's cache, which may not be there yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "feature-atlas" / name


@contextmanager
def only_one(folder: Path) -> Generator[None]:
    """Holds the folder against a second build of the same atlas; the system frees it if we are killed."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"another build is at work in {folder}; wait for it or stop it") from error
        yield
