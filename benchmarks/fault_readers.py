"""Readers of an atlas or a site while faults befall its writers: all that they get is of one version."""

from __future__ import annotations

import hashlib
import json
import random
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from feature_atlas.manifest import MANIFEST
from pipeline.core.blobs import patiently

PAUSE = 0.05  # seconds between two visits
SHARDS = 6  # files of a run that one visit reads
Get = Callable[[str], bytes | None]


@dataclass(frozen=True)
class Version:
    """The SHA-256 of each file of an atlas or a site by its path; its manifest; below what the atlas lies."""

    name: str
    files: Mapping[str, str]
    manifest: bytes
    atlas: str  # "" or "atlas/"

    @classmethod
    def of(cls, name: str, folder: Path, atlas: str) -> Version:
        """As it lies in a folder that nothing befell."""
        paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        files = {path: sha(file.read_bytes()) for path, file in paths.items()}
        return cls(name, files, paths[f"{atlas}{MANIFEST}"].read_bytes(), atlas)

    @property
    def run(self) -> str:
        """The path of its run, with the "/" at its end."""
        return f"{self.atlas}runs/{json.loads(self.manifest)['run']}/"

    def is_frozen(self, name: str) -> bool:
        """Whether the file may stay after another version has taken this one's place."""
        return name in self.files and not name.endswith(".html") and name != f"{self.atlas}{MANIFEST}"


@dataclass
class Read:
    """What readers came across."""

    visits: int = 0
    files: int = 0
    outdated: int = 0  # visits that had to open the atlas again, because its run had been replaced
    wrong: list[str] = field(default_factory=list[str])


class Reader:
    """Visits a place like the site does, and like a program that opens the atlas does."""

    def __init__(self, get: Get, versions: Sequence[Version], empty: bool, dice: random.Random) -> None:
        """`empty`: nothing may be there yet, until it was there once."""
        self.read = Read()
        self._get, self._versions, self._empty, self._dice = get, versions, empty, dice
        self._atlas, self._there = versions[0].atlas, set[str]()

    def visit(self) -> None:
        """Once each."""
        if self._atlas:
            self._page("index.html")
            pages = [name for name in self._versions[0].files if name.endswith(".html")]
            self._page(self._dice.choice(pages))
        self._program()
        self.read.visits += 1

    def _page(self, name: str) -> None:
        """A page, its scripts, the manifest that it was rendered from, and some of that run."""
        data = self._first(name)
        if data is None:
            return
        version = next((each for each in self._versions if each.files.get(name) == sha(data)), None)
        if version is None:
            return self._wrong(f"{name} is of no version")
        html = data.decode()
        for script in re.findall(r'"(?:\.\./)*(assets/[^"]+\.js)"', html)[:2]:
            self._same(version, script)
        config = json.loads(re.findall(r'id="site">(.*?)</script>', html)[0])
        self._same(version, f"{self._atlas}{config['manifest']}")
        self._some(version)

    def _program(self) -> None:
        """The manifest and some of the run that it names."""
        name = f"{self._atlas}{MANIFEST}"
        data = self._first(name)
        if data is None:
            return
        run = f"{self._atlas}runs/{json.loads(data)['run']}/"
        version = next((each for each in self._versions if each.run == run), None)
        if version is None or (self._atlas and data != version.manifest):
            return self._wrong("the manifest is of no version")
        before = len(self.read.wrong)
        self._some(version)
        if len(self.read.wrong) > before and not self._atlas and self._get(name) != data:
            del self.read.wrong[before:]  # a build keeps no earlier run: a reader opens the atlas again
            self.read.outdated += 1

    def _first(self, name: str) -> bytes | None:
        data = self._had(name)
        if data is not None:
            self._there.add(name)
        elif name in self._there or not self._empty:
            self._wrong(f"{name} is missing")
        return data

    def _some(self, version: Version) -> None:
        """The list of the run's files, and some of them."""
        names = [name for name in version.files if name.startswith(version.run)]
        for name in (f"{version.run}files.json", *self._dice.sample(names, SHARDS)):
            self._same(version, name)

    def _same(self, version: Version, name: str) -> None:
        data = self._had(name)
        if data is None:
            self._wrong(f"{name} of {version.name} is missing")
        elif sha(data) != version.files.get(name):
            self._wrong(f"{name} is not that of {version.name}")

    def _had(self, name: str) -> bytes | None:
        self.read.files += 1
        return self._get(name)

    def _wrong(self, line: str) -> None:
        self.read.wrong.append(line)


@contextmanager
def reading(reader: Reader) -> Generator[Read]:
    """Visits again and again while the block runs, and once after it."""
    ended, failed = threading.Event(), list[Exception]()

    def visit() -> None:
        try:
            while not ended.is_set():
                reader.visit()
                ended.wait(PAUSE)
            reader.visit()
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=visit, name="reader")
    thread.start()
    try:
        yield reader.read
    finally:
        ended.set()
        thread.join()
    if failed:
        raise failed[0]


def differences(
    get: Get, names: Sequence[str], wanted: Version, others: Sequence[Version], told: str
) -> Generator[str]:
    """What is there beside the version's files and the frozen ones of others; what is not as it should be.

    `told` is the file in which a publisher says what is there. A build's manifest tells when it was made.
    """
    manifest = f"{wanted.atlas}{MANIFEST}"
    for name, digest in wanted.files.items():
        data = get(name)
        if data is None:
            yield f"{name} is missing"
        elif name == manifest and not wanted.atlas:
            if timeless(data) != timeless(wanted.manifest):
                yield f"{name} differs"
        elif sha(data) != digest:
            yield f"{name} differs"
    for name in sorted(set(names) - wanted.files.keys() - {told}):
        if not any(each.is_frozen(name) and sha(get(name) or b"") == each.files[name] for each in others):
            yield f"{name} is left over"


def timeless(manifest: bytes) -> dict[str, object]:
    """A manifest without when it was made."""
    return json.loads(manifest) | {"created": ""}


def from_folder(folder: Path) -> Get:
    """Reads files below a folder."""

    def get(name: str) -> bytes | None:
        try:
            return (folder / name).read_bytes()
        except FileNotFoundError:
            return None

    return get


def from_web(url: str) -> Get:
    """Reads what anybody may read below a URL."""

    def get(name: str) -> bytes | None:
        def ask() -> bytes:
            with urllib.request.urlopen(f"{url}/{name}", timeout=60) as answer:
                return answer.read()

        try:
            return patiently(ask, lambda error: isinstance(error, TimeoutError))  # of a busy machine
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 404:
                return None
            raise

    return get


def sha(data: bytes) -> str:
    """SHA-256."""
    return hashlib.sha256(data).hexdigest()
