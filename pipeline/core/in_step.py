"""The work folder of an atlas at a URL: on this machine, and in step with a place that outlives it.

A stage lies at the place as `<stage>/stage.json`, which tells its mark and each file's size and SHA-256,
and the files, each under its digest: none is ever replaced, and the mark is swapped after them.
docs/decisions/0021-built-at-a-url.md says why.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from feature_atlas.errors import AtlasError, FormatError, InputError
from feature_atlas.store import fetch_file, is_url, link_file
from feature_atlas.verify import Measured
from pipeline.core.blobs import ASK_FIRST, THREADS, Headers, Place, WrittenMeanwhile, open_place
from pipeline.core.files import MARK, cache_folder, measure_file, partial_of, write_atomically
from pipeline.core.progress import say
from pipeline.core.stopping import Checkpoint

PACE = 60.0  # seconds between two looks at what a stage has made since, or twenty times what putting took
_HEADERS = Headers("application/octet-stream", ASK_FIRST)

Name = Annotated[str, StringConstraints(pattern=r"^[^/\\.\x00][^/\\\x00]*$")]


def local_atlas(place: str, scratch: Path | None = None) -> Path:
    """The folder of an atlas; of one at a URL, where it is made on this machine, which `scratch` may tell.

    Raises InputError if that is told of a folder.
    """
    if not is_url(place):
        if scratch:
            raise InputError(
                f"{place} is a folder, and its work folder is beside it: leave out --work {scratch}"
            )
        return Path(place.rstrip("/"))
    if scratch:
        return scratch / "atlas"
    return cache_folder("work") / hashlib.sha256(place.rstrip("/").encode()).hexdigest()[:16] / "atlas"


class Told(BaseModel):
    """A stage's mark, and size and SHA-256 of the files that it vouches for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    finished: bool
    items: dict[Name, str]
    files: dict[Name, Measured] = {}

    def mark(self, there: set[str]) -> bytes:
        """The mark as it is if just these files are there."""
        items = {name: key for name, key in self.items.items() if name in there}
        whole = self.finished and there >= self.files.keys()
        left = Told(key=self.key, finished=whole, items=items)
        return left.model_dump_json(exclude={"files"}).encode()


class InStep:
    """A work folder and a place. One at a time: who writes on after another has is refused."""

    def __init__(self, url: str, work: Path) -> None:
        self.url, self._work = url, work
        self._place: Place = open_place(url)
        self._tags: dict[str, str] = {}
        self._there: dict[str, Told] = {}
        self._one = threading.Lock()

    def bring(self) -> None:
        """Every stage that the place has and this machine lacks, or that another machine has gone on with."""
        for name in self._place.list():
            stage, _, mark = name.partition("/")
            if mark == MARK and (found := self._place.read(name)):
                self._tags[stage] = found[1]
                self._bring(stage, found[0])

    def put(self) -> None:
        """What is new in the work folder. Raises WrittenMeanwhile if another machine was first."""
        with self._one:
            for mark in sorted(self._work.glob(f"*/{MARK}")):
                self._put(mark.parent)

    def _bring(self, stage: str, data: bytes) -> None:
        told, folder, record = (
            _parse(data, f"{self.url}/{stage}/{MARK}"),
            self._work / stage,
            self._seen(stage),
        )
        self._there[stage] = told
        if (folder / MARK).is_file() and record.is_file() and record.read_bytes() == data:
            return  # what is here came from there, or was put there, and may have gone on since
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).unlink(missing_ok=True)  # until the files are those that it tells of
        for path in folder.iterdir():
            if path.name not in told.files:
                path.unlink()
        listed = self._place.list(f"{stage}/")

        def fetch(name: str) -> str:
            entry = listed.get(_key(stage, name, told.files[name]))
            return self._fetch(folder, name, told.files[name]) if entry else ""

        with ThreadPoolExecutor(THREADS) as pool:
            good = set(filter(None, pool.map(fetch, told.files)))
        write_atomically(folder / MARK, told.mark(good))
        if good == told.files.keys():
            write_atomically(record, data)
            say(f"{stage}: {len(good):,} files brought from {self.url}")
        else:
            self._there[stage] = told.model_copy(update={"files": {n: told.files[n] for n in good}})
            lost = ", ".join(sorted(told.files.keys() - good))
            say(f"{stage}: {lost} at {self.url} is missing or damaged, and is made again")

    def _fetch(self, folder: Path, name: str, measured: Measured) -> str:
        """The name, if the file is here then as it was told; else nothing."""
        path = folder / name
        if path.is_file() and measure_file(path) == measured:
            return name
        passing = partial_of(path)
        fetch_file(f"{self.url}/{_key(folder.name, name, measured)}", passing)
        if measure_file(passing) != measured:
            passing.unlink()
            return ""
        os.replace(passing, path)
        return name

    def _put(self, folder: Path) -> None:
        there = self._there.get(folder.name)
        with _held(folder, self._work / ".putting" / folder.name) as held:
            told = _measured(held) if held else None
            if held is None or told is None or told == there:
                return
            known = there.files if there else {}
            new = [name for name, measured in told.files.items() if known.get(name) != measured]

            def send(name: str) -> None:
                self._place.put(_key(folder.name, name, told.files[name]), held / name, _HEADERS)

            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(send, new))
        data = told.model_dump_json().encode()
        tag = self._tags.get(folder.name)
        self._tags[folder.name] = self._place.swap(f"{folder.name}/{MARK}", data, tag, _HEADERS)
        self._there[folder.name] = told
        write_atomically(self._seen(folder.name), data)
        kept = {_key(folder.name, *each) for each in told.files.items()} | {f"{folder.name}/{MARK}"}
        for name in self._place.list(f"{folder.name}/"):
            if name not in kept:
                self._place.delete(name)

    def _seen(self, stage: str) -> Path:
        """What the place told of the stage when it was last in step."""
        return self._work / f".{stage}.seen"


@contextmanager
def in_step(url: str, work: Path) -> Generator[Callable[[], None]]:
    """Brings what the place has, and puts there what is made: now and then, when asked to, and at the end.

    A place that can't be reached for a while stops nothing but the end.
    """
    both, ended, refused = InStep(url, work), threading.Event(), list[AtlasError]()
    both.bring()

    def put() -> None:
        if refused:
            raise refused[0]
        both.put()

    def keep() -> None:
        pace = Checkpoint(PACE)
        while not ended.wait(min(1.0, PACE)):
            if pace.is_due():
                try:
                    pace.take(both.put)
                except WrittenMeanwhile as error:
                    return refused.append(error)
                except (AtlasError, OSError) as error:
                    say(f"{error}; the build goes on, and what it makes is put there later")

    thread = threading.Thread(target=keep, name="in step", daemon=True)
    thread.start()
    try:
        yield put
    except BaseException:
        with _said():
            if not refused:
                put()
        raise
    else:
        put()
    finally:
        ended.set()
        thread.join()


@contextmanager
def _said() -> Generator[None]:
    """A second failure is told, and hides not the first."""
    try:
        yield
    except (AtlasError, OSError) as error:
        say(str(error))


@contextmanager
def _held(folder: Path, into: Path) -> Generator[Path | None]:
    """A folder of links to the files, which stay as they are while the stage replaces its own.

    None if the stage has begun anew, or told of more, while they were made: the next look finds it whole.
    """
    shutil.rmtree(into, ignore_errors=True)
    try:
        yield into if _linked(folder, into) else None
    finally:
        shutil.rmtree(into, ignore_errors=True)


def _linked(folder: Path, into: Path) -> bool:
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    try:
        for name in [MARK, *(name for name in names if name != MARK)]:
            link_file(folder / name, into / name)
        return (folder / MARK).read_bytes() == (into / MARK).read_bytes()
    except FileNotFoundError:
        return False


def _measured(folder: Path) -> Told | None:
    """A stage's mark and all its files; None if there is nothing. What is no item is its state."""
    told = _parse((folder / MARK).read_bytes(), str(folder / MARK))
    there = sorted(path for path in folder.iterdir() if path.name != MARK)
    files = {path.name: measure_file(path) for path in there}
    return told.model_copy(update={"files": files}) if files or told.finished else None


def _key(stage: str, name: str, measured: Measured) -> str:
    return f"{stage}/{measured[1][:16]}.{name}"


def _parse(data: bytes, where: str) -> Told:
    try:
        return Told.model_validate_json(data)
    except ValidationError as error:
        raise FormatError(
            f"{where} is damaged ({error.errors()[0]['msg']}); remove it, and the stage is made again"
        ) from error
