"""What a dictionary's folder may bring along: its quality and its labels, bound to its weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from feature_atlas.errors import InputError
from feature_atlas.labels import unprintable
from feature_atlas.manifest import QualityRecord
from pipeline.core.files import read_text

QUALITY_FILE, LABELS_FILE = "quality.json", "labels.json"
_Record = TypeVar("_Record", bound=BaseModel)


class Labels(BaseModel):
    """What latents are said to fire on, by index, and who says so."""

    model_config = ConfigDict(frozen=True)

    source: str
    labels: dict[int, str]


def read_quality(folder: Path, weights: str) -> QualityRecord | None:
    """`quality.json`, if there is one. Raises InputError if it is broken or speaks of other weights."""
    return _read(folder / QUALITY_FILE, QualityRecord, weights)


def read_labels(folder: Path, weights: str, n_latents: int) -> Labels | None:
    """`labels.json`, if there is one: {"weights": SHA-256, "source": who, "labels": {"17": "…"}}.

    Raises InputError if it is broken, speaks of other weights or of a latent that is not there, or holds
    control characters.
    """
    labels = _read(folder / LABELS_FILE, Labels, weights)
    wrong = [index for index in labels.labels if not 0 <= index < n_latents] if labels else []
    if wrong:
        raise InputError(
            f"{folder / LABELS_FILE} has a label for latent {wrong[0]},"
            f" but there are latents 0..{n_latents - 1}"
        )
    for text in (labels.source, *labels.labels.values()) if labels else ():
        if bad := unprintable(text):
            raise InputError(f"{folder / LABELS_FILE}: {text[:40]!r} holds the control character {bad!r}")
    return labels


def _read(path: Path, kind: type[_Record], weights: str) -> _Record | None:
    if not path.is_file():
        return None
    try:
        raw = json.loads(read_text(path))
        record = kind.model_validate(raw)
    except ValueError as error:  # pydantic's errors are such too
        raise InputError(f"{path}: {' '.join(str(error).split())[:200]}") from error
    if raw.get("weights") != weights:
        raise InputError(
            f"{path} speaks of weights {str(raw.get('weights'))[:12]}…, but these are {weights[:12]}…:"
            " remove it, or make it anew"
        )
    return record
