"""Where the faults happen: folders, a store, a small disk, and what lies there before and after."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.fault_line import Line
from benchmarks.fault_readers import Get, Version, differences, from_folder, from_web
from benchmarks.fault_work import BUILT, ENDED, SITES, Work, Workers
from feature_atlas.store import is_url
from pipeline.core.published import PUBLISHED
from pipeline.core.runs import work_folder
from tests.emulators.stores import account, connection_string

BUILD, BUILD_FAR, PUBLISH, PUBLISH_FAR = (
    "build to a folder",
    "build to az://",
    "publish to a folder",
    "publish to Azurite",
)
FULL, TWO, STALE = "full disk", "two at once", "stale writer"
RIVALS = (TWO, STALE)
CONTAINER = "faults"
PLENTY = 256 << 20  # bytes
ANEW = 0.3  # so many begin at a place with nothing there


@dataclass(frozen=True)
class Disk:
    """A small disk that can be filled; where none can be mounted, files that can't grow."""

    folder: Path
    mounted: bool

    @property
    def is_what(self) -> str:
        """How it is had."""
        return "a tmpfs" if self.mounted else "RLIMIT_FSIZE, for want of the right to mount a tmpfs"

    def limit(self, room: int) -> int | None:
        """Leaves so many bytes of room; else gives the limit to be set on one file."""
        if not self.mounted:
            return max(1, room // 20)
        stat = os.statvfs(self.folder)
        self._resize((stat.f_blocks - stat.f_bfree) * stat.f_frsize + room)
        return None

    def empty(self) -> None:
        """Leaves nothing, and plenty of room."""
        self.widen()
        for path in self.folder.iterdir():
            shutil.rmtree(path)

    def widen(self) -> None:
        """Leaves plenty of room."""
        if self.mounted:
            self._resize(PLENTY)

    def _resize(self, size: int) -> None:
        size = max(size, 1 << 12)  # 0 would be no limit
        subprocess.run(["mount", "-o", f"remount,size={size}", str(self.folder)], check=True)


@contextmanager
def small_disk(folder: Path) -> Generator[Disk]:
    """A tmpfs, if mounting is allowed."""
    path = folder / "disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={PLENTY}", "faults", str(path)]
    mounted = os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0
    try:
        yield Disk(path, mounted)
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(path)], check=True)


@dataclass(frozen=True)
class Scene:
    """One command at one place, what was there before, and the command of a rival."""

    work: Work
    again: Work  # the command when it runs once more; a build far away may do so on another machine
    rival: Work
    was: Version | None
    new: Version
    versions: Sequence[Version]  # that readers may see
    known: Sequence[Version]  # of which files that never change may be left
    get: Get
    names: Callable[[], Sequence[str]]
    near: Mapping[str, str]  # the environment of a process that reaches the store as it is
    far: Mapping[str, str]  # and through what fails
    room: int  # bytes that the work takes on a disk

    def __str__(self) -> str:
        return f"{self.was.name if self.was else 'nothing'} -> {self.new.name} at {self.work.out}"

    def differences(self, wanted: Version | None = None) -> list[str]:
        """Between what is there and what would be without faults."""
        return list(differences(self.get, self.names(), wanted or self.new, self.known, PUBLISHED))


class Ground:
    """All places. Where a scene has ended well, the next of its kind begins."""

    def __init__(
        self, folder: Path, server: str, line: Line, disk: Disk, workers: Workers, dice: random.Random
    ) -> None:
        """Makes all versions, and does each kind of work once without faults."""
        self._folder, self._server, self.disk, self._dice = folder, server, disk, dice
        self._near = {"AZURE_STORAGE_CONNECTION_STRING": connection_string(server)}
        self._far = {"AZURE_STORAGE_CONNECTION_STRING": connection_string(line.url)}
        self._n, self._left = 0, dict[str, tuple[Work, Version]]()
        workers.prepare()
        self._built = [Version.of(name, folder / name / "atlas", "") for name in BUILT]
        self._sites = [Version.of(name, folder / name / "site", "atlas/") for name in SITES]
        self._ids: dict[str, str] = json.loads((folder / "ids.json").read_text())
        with account(server) as service:
            service.create_container(CONTAINER, public_access="blob")
        self.seconds: dict[str, float] = {}
        self.requests: dict[str, int] = {}
        for kind in (BUILD, BUILD_FAR, PUBLISH, PUBLISH_FAR):
            self._undisturbed(kind, workers, line)

    def scene(self, kind: str, fault: str) -> Scene:
        """A command at a place where another version is, or nothing."""
        site, full = kind in (PUBLISH, PUBLISH_FAR), fault == FULL
        versions = self._sites if site else self._built
        work, was = self._place(kind, full, versions)
        new, other = self._dice.sample([each for each in versions if each is not was], 2)
        work = replace(work, source=self._source(new), keep=2 if fault in RIVALS else 1)
        again = work
        if work.scratch is not None and self._dice.random() < 0.5:
            again = replace(work, scratch=self._new(self._folder))
        near, far = (self._near, self._far) if is_url(work.out) else ({}, {})
        return Scene(
            work,
            again,
            replace(work, source=self._source(other)),
            was,
            new,
            [each for each in (was, new, other if fault in RIVALS else None) if each is not None],
            versions if site else [],
            self._get(work),
            lambda: self._names(work),
            near,
            far,
            self._room(new),
        )

    def left(self, kind: str, scene: Scene, well: bool) -> None:
        """What the next scene of the kind finds: what this one has left, or nothing if that is not right."""
        if well and not Path(scene.work.out).is_relative_to(self.disk.folder):
            self._left[kind] = scene.again, scene.new
        else:
            self._left.pop(kind, None)

    def whole(self, scene: Scene) -> list[str]:
        """If a publisher has told that he has finished: what is not of his version."""
        told = json.loads(scene.get(PUBLISHED) or b"{}")
        if not told.get("finished") or not scene.new.atlas:
            return []
        name = self._ids[told["publication"]]
        version = next(each for each in self._sites if each.name == name)
        return [f"told finished as {name}, but {line}" for line in scene.differences(version)]

    def _undisturbed(self, kind: str, workers: Workers, line: Line) -> None:
        """How long the work takes, and that what it leaves is as it should be."""
        line.begin(None)
        scene, started = self.scene(kind, ""), time.monotonic()
        if workers.end(workers.start(scene.work, scene.far)) != ENDED or scene.differences():
            raise RuntimeError(f"{kind}: {workers.said()} {scene.differences()}")
        self.seconds[kind], self.requests[kind] = time.monotonic() - started, line.requests
        self.left(kind, scene, well=True)

    def _place(self, kind: str, full: bool, versions: Sequence[Version]) -> tuple[Work, Version | None]:
        """The place of the last scene, and what is there; or a new one with nothing there."""
        if full and kind in (BUILD, PUBLISH):
            was = self._dice.choice([None, *versions])
            return Work(self._folder, str(self._copied(was))), was
        kept = self._left.get(kind)
        if kept is None or self._dice.random() < ANEW:
            far = kind in (BUILD_FAR, PUBLISH_FAR)
            out = f"az://{CONTAINER}/{self._new(Path()).name}" if far else str(self._new(self._folder))
            kept = Work(self._folder, out), None
        work, was = kept
        if kind == BUILD_FAR and (full or work.scratch is None):
            work = replace(work, scratch=self._new(self.disk.folder if full else self._folder))
        return work, was

    def _copied(self, was: Version | None) -> Path:
        """A place on the small disk as it is after `was` was built or published there."""
        self.disk.empty()
        out = self._new(self.disk.folder)
        if was is not None:
            source = self._source(was)
            folder = source if source.is_dir() else self._folder / was.name / "atlas"
            shutil.copytree(folder, out)
            if source.is_file():
                shutil.copytree(work_folder(folder), work_folder(out))
        return out

    def _source(self, version: Version) -> Path:
        """What the command reads: a site, or a file of parameters."""
        return (
            self._folder / version.name / "site" if version.atlas else self._folder / f"{version.name}.yaml"
        )

    def _room(self, version: Version) -> int:
        """In pages of 4 KiB."""
        folder = self._folder / version.name
        made = [folder / "site"] if version.atlas else [folder / "atlas", work_folder(folder / "atlas")]
        sizes = [path.stat().st_size for each in made for path in each.rglob("*") if path.is_file()]
        return sum(-(-size // 4096) * 4096 for size in sizes)

    def _new(self, folder: Path) -> Path:
        self._n += 1
        return folder / f"place{self._n}"

    def _get(self, work: Work) -> Get:
        if is_url(work.out):
            return from_web(f"{self._server}/{work.out.removeprefix('az://')}")
        return from_folder(Path(work.out))

    def _names(self, work: Work) -> list[str]:
        """Every file that is there."""
        if not is_url(work.out):
            folder = Path(work.out)
            return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
        prefix = work.out.removeprefix(f"az://{CONTAINER}/") + "/"
        with account(self._server) as service:
            listed = service.get_container_client(CONTAINER).list_blob_names(name_starts_with=prefix)
            return [name.removeprefix(prefix) for name in listed]
