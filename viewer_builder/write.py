"""The only writer: pages, assets, and the atlas beside them. Each file is there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from feature_atlas import Atlas
from feature_atlas.errors import InputError
from feature_atlas.exclude import excluded_manifest, excluded_run, write_excluded
from feature_atlas.manifest import MANIFEST, PINNED, Manifest
from feature_atlas.store import link_file
from viewer_builder.render import TEMPLATE


def read_assets() -> dict[str, bytes]:
    """The bundled scripts and styles; InputError, with the command, if they were not bundled."""
    folder = TEMPLATE / "static"
    files = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    if not files:
        raise InputError(
            f"the site's scripts are not bundled: {folder} is missing; run: make setup"
            " (or, in site_template: npm ci && npm run build)"
        )
    return {path.name: path.read_bytes() for path in files}


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes each file under its path."""
    for name, data in files.items():
        _replace(folder / name, data)


def place_manifest(target: Path, manifest: bytes) -> str:
    """Puts the manifest where the pages rendered from it find it, whichever is current by then.

    Gives its path below the atlas. docs/decisions/0020-publishing.md says why.
    """
    name = f"{PINNED}/{hashlib.sha256(manifest).hexdigest()[:16]}/{MANIFEST}"
    _replace(target / name, manifest)
    return name


def remove_folders(folder: Path, kept: str) -> None:
    """Removes from a folder what pages now written over did read."""
    for path in folder.iterdir():
        if path.name != kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def remove_others(folder: Path, names: set[str]) -> None:
    """Removes the pages of what is no more."""
    for path in folder.glob("*.html"):
        if path.name not in names:
            path.unlink()


def place_run(source: Path, target: Path, manifest: Manifest) -> None:
    """Puts the files of the current run beside the site, before its manifest names them.

    A run never changes, so its files are linked where the file system can, and copied elsewhere.
    """
    run = source / manifest.run_path
    for path in sorted(path for path in run.rglob("*") if path.is_file()):
        _link(path, target / manifest.run_path / path.relative_to(run))


def place_excluded(atlas: Atlas, documents: Sequence[int], target: Path) -> bytes:
    """Puts the run without these documents beside the site; gives the manifest that will name it."""
    run = target / "runs" / excluded_run(atlas, documents)
    if not run.is_dir():
        partial = run.with_name(f".{run.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        write_excluded(atlas, documents, partial)
        partial.rename(run)
    return excluded_manifest(atlas, documents, run)


def switch_manifest(target: Path, manifest: bytes, run: str) -> None:
    """Makes the placed run the current one, then drops those before it."""
    _replace(target / MANIFEST, manifest)
    remove_folders(target / "runs", run)


def _link(source: Path, target: Path) -> None:
    if target.is_file() and target.samefile(source):
        return
    partial = _partial(target)
    link_file(source, partial)
    os.replace(partial, target)


def _replace(path: Path, data: bytes) -> None:
    partial = _partial(path)
    partial.write_bytes(data)
    os.replace(partial, path)


def _partial(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    return partial
