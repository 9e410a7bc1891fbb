"""What a site or an atlas publishes: folders that never change, pages that are replaced, one manifest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from feature_atlas.errors import FormatError, InputError
from feature_atlas.manifest import MANIFEST, PINNED, Manifest, parse_manifest
from feature_atlas.store import is_url
from feature_atlas.verify import FILES, Files, Measured
from pipeline.core.files import digest, measure_file
from pipeline.core.runs import RUNS, read_list

# Folders named by a digest of all that determines them: the same name is the same content for ever.
FROZEN = re.compile(
    rf"(?:(?:[^/]+/)*{RUNS}/[^/.][^/]*|(?:[^/]+/)*{PINNED}/[0-9a-f]{{16}}|(?:assets|comparisons)/[0-9a-f]{{16}})"
)


@dataclass(frozen=True)
class Publication:
    """The files of a folder by their path below it, each with size and SHA-256.

    `folders` are the frozen ones, `pages` all else but the manifest of the atlas, which is at `manifest`
    unless the site's atlas is elsewhere.
    """

    root: Path
    kind: Literal["site", "atlas"]
    folders: Mapping[str, Files]
    pages: Files
    manifest: str | None

    @classmethod
    def of(cls, place: str) -> Publication:
        """Raises InputError if the folder holds neither site nor atlas; FormatError if a run has gaps."""
        root = Path(place)
        if is_url(place):
            raise InputError(f"can't publish {place}: give the folder of a site or an atlas")
        if (root / "index.html").is_file():
            name = f"atlas/{MANIFEST}"
            return _site(root, name if (root / name).is_file() else None)
        if (root / MANIFEST).is_file():
            run = _manifest(root / MANIFEST).run_path
            return cls(root, "atlas", {run: run_files(root, run)}, {}, MANIFEST)
        raise InputError(
            f"{place} holds neither a site nor an atlas; render a site: atlas site ATLAS --out {place}"
        )

    @cached_property
    def id(self) -> str:
        """Digest of all of it."""
        return digest(self.kind, self.whole, self.pages, self.switched)[:16]

    @cached_property
    def whole(self) -> dict[str, str]:
        """The frozen folders, each with the digest of its list of files."""
        return {name: digest(files) for name, files in self.folders.items()}

    @cached_property
    def switched(self) -> bytes | None:
        """The manifest."""
        return (self.root / self.manifest).read_bytes() if self.manifest else None

    @property
    def sample(self) -> str | None:
        """The largest file of the atlas's run, to try ranges on; None if the atlas is elsewhere."""
        if self.manifest is None:
            return None
        run = self.manifest.removesuffix(MANIFEST) + _manifest(self.root / self.manifest).run_path
        return max(self.folders[run].items(), key=lambda told: told[1][0])[0]


def _site(root: Path, manifest: str | None) -> Publication:
    names = sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts)
    )
    folders: dict[str, dict[str, Measured]] = {}
    pages: dict[str, Measured] = {}
    for name in names:
        frozen = folder_of(name)
        if frozen is None and name != manifest:
            pages[name] = measure_file(root / name)
        elif frozen is not None and _is_run(frozen):
            folders.setdefault(frozen, {})
        elif frozen is not None:
            folders.setdefault(frozen, {})[name] = measure_file(root / name)
    if manifest is not None:
        current = manifest.removesuffix(MANIFEST)
        run = current + _manifest(root / manifest).run_path
        others = [name for name in folders if name.startswith(f"{current}{RUNS}/") and name != run]
        for name in others:  # of a rendering that was killed
            del folders[name]
        folders.setdefault(run, {})
    runs = {name: run_files(root, name) for name in folders if _is_run(name)}
    return Publication(root, "site", folders | runs, pages, manifest)


def folder_of(name: str) -> str | None:
    """The frozen folder that a file lies in."""
    found = FROZEN.match(name)
    return found[0] if found and name[found.end() : found.end() + 1] == "/" else None


def listed_files(folder: str, listed: Files, own: Measured) -> dict[str, Measured]:
    """A run's files by path, from its list and the size and digest of the list itself."""
    return {f"{folder}/{name}": told for name, told in listed.items()} | {f"{folder}/{FILES}": own}


def run_files(root: Path, folder: str) -> dict[str, Measured]:
    """The files of a run, by its list. Raises FormatError if one is missing or cut short."""
    if not (root / folder / FILES).is_file():
        raise FormatError(f"{root / folder} is no whole run: it has no {FILES}; build it again")
    found = listed_files(folder, read_list(root / folder), measure_file(root / folder / FILES))
    for name, (size, _) in found.items():
        path = root / name
        if not path.is_file() or path.stat().st_size != size:
            raise FormatError(f"{path} is missing or cut short; run: atlas verify on the atlas")
    return found


def _is_run(folder: str) -> bool:
    return folder.rpartition("/")[0].rpartition("/")[2] == RUNS


def _manifest(path: Path) -> Manifest:
    return parse_manifest(path.read_bytes(), str(path))
