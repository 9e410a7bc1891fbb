"""Neuronpedia's explanations as labels."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from feature_atlas import Atlas
from feature_atlas.errors import InputError
from interchange.lines import read_json_lines
from interchange.names import source_id
from interchange.said import Said

ENDINGS = (".jsonl", ".jsonl.gz")
_NEEDED = ("layer", "index", "description")


def is_neuronpedia(path: Path) -> bool:
    """Whether the first row of a file of JSON lines is an explanation."""
    if not path.name.endswith(ENDINGS):
        return False
    first = next(read_json_lines(path), None)
    return first is not None and "description" in first[1] and "address" not in first[1]


def read(path: Path, atlas: Atlas, dictionary: str) -> Iterator[Said]:
    """The labels of a file, of a folder of files, or of `explanations*/` anywhere below a folder.

    `layer`, Neuronpedia's source id, stands for `dictionary`, which then must be the only one there;
    without one it is the dictionary that would be exported under that id.
    """
    rows = chain.from_iterable(read_json_lines(file) for file in _files(path))
    known = {source_id(record): record.id for record in atlas.manifest.dictionaries}
    only = ""
    for where, row in rows:
        values = [row.get(name) for name in _NEEDED]
        if not all(isinstance(value, str) for value in values):
            raise InputError(f"{where}: an explanation needs the strings {', '.join(_NEEDED)}")
        layer, index, text = map(str, values)
        only = only or layer
        if dictionary and layer != only:
            raise InputError(f"{where}: layer {layer!r} after {only!r}: one --dictionary can't be both")
        if not dictionary and layer not in known:
            raise InputError(f"{where}: which dictionary is layer {layer!r}? Say it with --dictionary")
        yield Said(where, f"{dictionary or known[layer]}/{index}", text, _source(row), None)


def _source(row: dict[str, Any]) -> str:
    """How it was explained and by which model, as far as the row tells."""
    told = [row.get(name) for name in ("typeName", "explanationModelName")]
    return " ".join(part for part in told if isinstance(part, str) and part)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    direct = [file for file in path.iterdir() if file.name.startswith("batch-")]
    found = sorted(
        file
        for file in direct or path.glob("**/explanations*/*")
        if file.is_file() and file.name.endswith(ENDINGS)
    )
    if not found:
        raise InputError(f"{path} holds no labels: no explanations/*.jsonl.gz, and no *_latent<i>.txt")
    return found
