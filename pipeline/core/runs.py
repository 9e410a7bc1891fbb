"""The runs of an atlas: written whole, then named by the manifest, then the others are removed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from feature_atlas.manifest import MANIFEST, PINNED
from feature_atlas.verify import FILES, Files, parse_list
from pipeline.core.files import write_atomically

RUNS = "runs"
PARAMS = "params.yaml"  # in the work folder: what the atlas was built from


def work_folder(atlas: Path) -> Path:
    """Where the stages leave what they made, beside the atlas: ATLAS.work."""
    return atlas.with_name(f"{atlas.name}.work")


def write_list(run: Path, files: Files) -> None:
    """Writes `files.json`."""
    write_atomically(run / FILES, json.dumps(files, sort_keys=True, indent=0).encode())


def read_list(run: Path) -> Files:
    """Reads `files.json`; FormatError if it can't be understood."""
    return parse_list((run / FILES).read_bytes(), str(run / FILES))


def total(files: Files) -> int:
    """Bytes of all files."""
    return sum(size for size, _ in files.values())


def switch(atlas: Path, manifest: bytes) -> None:
    """Makes the run that the manifest names the current one; a kill leaves the old one or the new."""
    write_atomically(atlas / MANIFEST, manifest)


def read_manifest(atlas: Path) -> dict[str, Any]:
    """The manifest as it is on disk, with what this program may not know; empty if there is none."""
    path = atlas / MANIFEST
    return json.loads(path.read_bytes()) if path.is_file() else {}


def sweep(atlas: Path, run: str) -> None:
    """Removes runs that the manifest no longer names; until it was switched they were the atlas.

    The manifests of pages that were rendered from them go first.
    """
    old = [path for path in (atlas / RUNS).iterdir() if path.name != run]
    for path in [atlas / PINNED, *old] if old else []:
        shutil.rmtree(path, ignore_errors=path.name == PINNED)
