"""The folder of an export: there whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from feature_atlas.errors import InputError

MARK = "export.json"  # what was exported; tells our folders from others'
_MAKER = "atlas export"


@contextmanager
def filled(out: Path, told: Mapping[str, Any]) -> Generator[Path]:
    """Gives a folder to fill, which takes the place of `out` when the block ends well.

    `out` may be missing, empty, or an earlier export. Raises InputError if it holds anything else. A
    kill leaves `out` as it was (or, between two renames, missing), and a hidden folder beside it
    that the next export clears.
    """
    out = out.resolve()
    _refuse_others(out)
    partial, old = (out.with_name(f".{out.name}.{word}") for word in ("partial", "old"))
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        (partial / MARK).write_text(json.dumps({"made by": _MAKER, **told}, indent=1) + "\n")
        shutil.rmtree(old, ignore_errors=True)
        if out.exists():
            out.rename(old)
        partial.rename(out)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _refuse_others(out: Path) -> None:
    if out.is_dir() and (not any(out.iterdir()) or _is_ours(out / MARK)):
        return
    if out.exists():
        raise InputError(f"{out} holds something else than an export: give a new or an empty folder")


def _is_ours(mark: Path) -> bool:
    try:
        told: Any = json.loads(mark.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(told, dict) and cast(dict[str, Any], told).get("made by") == _MAKER
