"""The only writer: pages, assets, and the atlas beside them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from feature_atlas.errors import InputError
from feature_atlas.manifest import MANIFEST, Manifest
from viewer_builder.render import TEMPLATE


def read_assets() -> dict[str, bytes]:
    """The bundled scripts and styles; InputError, with the command, if they were not bundled."""
    folder = TEMPLATE / "static"
    files = sorted(folder.glob("*")) if folder.is_dir() else []
    if not files:
        raise InputError(f"the site's scripts are not bundled in {folder}; run: make setup")
    return {path.name: path.read_bytes() for path in files}


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes each file under its path, whole or not at all."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, data)


def copy_atlas(source: Path, target: Path, manifest: Manifest) -> None:
    """Puts the current run beside the site, then switches the manifest, then drops older runs.

    A run never changes, so its files are linked where the file system can, and copied elsewhere.
    """
    if source.resolve() == target.resolve():
        return
    run = source / manifest.run_path
    for path in sorted(path for path in run.rglob("*") if path.is_file()):
        _link(path, target / manifest.run_path / path.relative_to(run))
    _replace(target / MANIFEST, (source / MANIFEST).read_bytes())
    for old in (target / "runs").iterdir():
        if old.name != manifest.run:
            shutil.rmtree(old)


def _link(source: Path, target: Path) -> None:
    if target.is_file() and target.samefile(source):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        os.link(source, partial)
    except OSError:
        shutil.copyfile(source, partial)
    os.replace(partial, target)


def _replace(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(data)
    os.replace(partial, path)
