"""Labels as CSV and JSON lines, written and read; and which reader a file is for."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from feature_atlas import Atlas, Dictionary
from feature_atlas.errors import InputError
from interchange import delphi, neuronpedia_labels
from interchange.lines import name_of, read_json_lines, read_text
from interchange.rows import write_lines
from interchange.said import ByDictionary, Said, check

COLUMNS = ("address", "text", "score", "source")
REQUIRED = COLUMNS[:2]
CSV, JSONL = "labels.csv", "labels.jsonl"


def write(
    atlas: Atlas, dictionaries: Sequence[Dictionary], folder: Path, advance: Callable[[int], None]
) -> None:
    """Writes every label twice: `labels.csv` and `labels.jsonl`, both of which `read_labels` reads."""
    write_lines(folder / JSONL, _rows(dictionaries))
    with (folder / CSV).open("w", encoding="utf-8", newline="") as file:
        writer: csv.DictWriter[str] = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(_rows(dictionaries))  # csv writes None as nothing and floats by repr
    advance(sum(map(len, dictionaries)))


def _rows(dictionaries: Sequence[Dictionary]) -> Iterator[dict[str, Any]]:
    for dictionary in dictionaries:
        for index, said in enumerate(dictionary.all_labels):
            yield from ({"address": f"{dictionary.record.id}/{index}", **vars(label)} for label in said)


def read_labels(path: Path, atlas: Atlas, dictionary: str, source: str) -> ByDictionary:
    """Labels by dictionary and latent from a file or folder; see docs/interchange.md.

    `dictionary` says whose latents a file speaks of that tells no addresses; `source` who says what
    has no source of its own, if empty the file's name. Raises InputError for what can't be used.
    """
    return check(_said(path, atlas, dictionary), atlas, source or name_of(path))


def _said(path: Path, atlas: Atlas, dictionary: str) -> Iterator[Said]:
    if path.is_dir() and (path / JSONL).is_file():
        path = path / JSONL
    if path.is_dir() and delphi.is_delphi(path):
        return delphi.read(path, dictionary)
    if path.is_dir() or neuronpedia_labels.is_neuronpedia(path):
        return neuronpedia_labels.read(path, atlas, dictionary)
    if dictionary:
        raise InputError(f"{path} tells addresses: leave out --dictionary {dictionary}")
    if path.suffix == ".csv":
        return _from_csv(path)
    return (_from_row(where, row) for where, row in read_json_lines(path))


def _from_csv(path: Path) -> Iterator[Said]:
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    header: list[str] = []
    try:
        for cells in reader:
            where = f"{path}, line {reader.line_num}"
            if not header:
                header = cells
                _check_columns(where, header)
            elif cells:
                if len(cells) != len(header):
                    raise InputError(f"{where}: {len(cells)} cells under {len(header)} columns")
                yield _from_row(where, dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}, is not CSV: {error}") from error
    if not header:
        raise InputError(f"{path} is empty: it should begin with the line {','.join(COLUMNS)}")


def _check_columns(where: str, names: Sequence[str]) -> None:
    for name in names:
        if name not in COLUMNS or list(names).count(name) > 1:
            raise InputError(
                f"{where}: column {name!r} is unknown or there twice; columns: {', '.join(COLUMNS)}"
            )
    for name in REQUIRED:
        if name not in names:
            raise InputError(f"{where}: no column {name!r}; columns: {', '.join(COLUMNS)}")


def _from_row(where: str, row: dict[str, Any]) -> Said:
    _check_columns(where, list(row))
    for name in ("address", "text", "source"):
        if not isinstance(row.get(name, ""), str):
            raise InputError(f"{where}: {name} {row[name]!r} is not a string")
    return Said(where, row["address"], row["text"], row.get("source", ""), _score(where, row.get("score")))


def _score(where: str, value: object) -> float | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InputError(f"{where}: score {value!r} is not a number")
    try:
        return float(value)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{where}: score {value!r} is not a number") from error
