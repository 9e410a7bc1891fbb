"""Corpus sources: built-in texts, files, and whatever the `datasets` library loads (its only user)."""

from __future__ import annotations

import glob
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feature_atlas.errors import InputError
from pipeline.core.embedded import embedded_root
from pipeline.core.files import digest, read_text
from pipeline.core.python_docs import python_documents, python_files

TEXT_COLUMN = "text"
DEMO_TEXTS = "demo-texts"
PYTHON_DOCS = "python-docs"


@dataclass(frozen=True)
class Document:
    """A text, and what its source calls it."""

    id: str
    text: str


Wanted = Callable[[str], bool]  # whether a document of that id is


def everything(_: str) -> bool:
    """Every document is wanted."""
    return True


@dataclass(frozen=True)
class Source:
    """One corpus source. `key` changes when what it would give changes, as far as can be told cheaply.

    `streamed` sources may have no end: they are read only as far as `max_tokens` calls for.
    `documents` gives those that are wanted, and may give others.
    """

    name: str
    key: str
    streamed: bool
    documents: Callable[[Wanted], Iterator[Document]]

    def read(self, wanted: Wanted = everything) -> Iterator[Document]:
        """The documents that are wanted when their turn comes, in the source's order."""
        return (document for document in self.documents(wanted) if wanted(document.id))


def open_source(text: str) -> Source:
    """Resolves `demo-texts`, `python-docs`, `hf:…`, a file, a folder or a glob.

    Raises InputError if there is no such thing or it can't hold documents.
    """
    if text == DEMO_TEXTS:
        return _files(DEMO_TEXTS, _below(embedded_root() / "data" / "demo" / "texts"))
    if text == PYTHON_DOCS:
        files = python_files()
        return Source(PYTHON_DOCS, _key(files), False, lambda wanted: _library(files, wanted))
    if text.startswith("hf:"):
        return _hub(text)
    path = Path(text)
    if path.is_dir():
        return _files(text, _below(path))
    if path.is_file():
        return _files(text, [path])
    matches = sorted(Path(match) for match in glob.glob(text, recursive=True) if Path(match).is_file())
    if not matches:
        raise InputError(
            f"no corpus at {text!r}; give a file ({', '.join(_READERS)}), a folder, a glob,"
            f" {DEMO_TEXTS}, {PYTHON_DOCS} or hf:NAME"
        )
    return _files(text, matches)


def _files(name: str, paths: list[Path]) -> Source:
    fit = [path for path in paths if path.suffix in _READERS]
    if not fit:
        raise InputError(f"corpus {name!r} has no file that ends in {', '.join(_READERS)}")
    base = fit[0].parent if len(fit) == 1 else Path(_common_folder(fit))

    def read(_: Wanted) -> Iterator[Document]:
        for path in fit:
            yield from _READERS[path.suffix](path, path.relative_to(base).as_posix())

    return Source(name, _key(fit), False, read)


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _common_folder(paths: list[Path]) -> str:
    parents = [path.parent for path in paths]
    shared = parents[0]
    while any(shared not in (parent, *parent.parents) for parent in parents):
        shared = shared.parent
    return str(shared)


def _key(paths: list[Path]) -> str:
    """Names, sizes and times: reading 10 GB to find that nothing changed would take minutes."""
    stats = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    return digest(stats)


def _library(files: list[Path], wanted: Wanted) -> Iterator[Document]:
    return (Document(name, text) for name, text in python_documents(files, wanted))


def _plain(path: Path, name: str) -> Iterator[Document]:
    yield Document(name, read_text(path))


def _json_lines(path: Path, name: str) -> Iterator[Document]:
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise InputError(f"{path}, line {number}, is not JSON: {error}") from error
        text = record.get(TEXT_COLUMN) if isinstance(record, dict) else record
        if not isinstance(text, str):
            raise InputError(f"{path}, line {number}, has no string under {TEXT_COLUMN!r}")
        yield Document(f"{name}#{number}", text)


def _parquet(path: Path, name: str) -> Iterator[Document]:
    from interchange.arrow import read_texts

    for row, text in read_texts(path, TEXT_COLUMN):
        yield Document(f"{name}#{row}", text)


_READERS: dict[str, Callable[[Path, str], Iterator[Document]]] = {
    ".txt": _plain,
    ".md": _plain,
    ".jsonl": _json_lines,
    ".parquet": _parquet,
}


def _hub(text: str) -> Source:
    """`hf:NAME[:CONFIG][:SPLIT][:COLUMN]`, streamed; an empty part takes the default."""
    name, config, split, column = (*text[3:].split(":"), "", "", "", "")[:4]
    if not name or text.count(":") > 4:
        raise InputError(f"corpus {text!r} is not hf:NAME[:CONFIG][:SPLIT][:COLUMN]")

    def read(_: Wanted) -> Iterator[Document]:
        for number, row in enumerate(_hub_rows(text, name, config or None, split or "train"), start=1):
            value = row.get(column or TEXT_COLUMN)
            if not isinstance(value, str):
                raise InputError(
                    f"{text}, row {number}, has no string under {column or TEXT_COLUMN!r};"
                    f" its columns: {', '.join(map(str, row))}"
                )
            yield Document(f"{name}#{number}", value)

    return Source(text, digest(text), True, read)


def _hub_rows(text: str, name: str, config: str | None, split: str) -> Iterator[dict[str, Any]]:
    import datasets

    datasets.disable_progress_bars()
    try:
        yield from datasets.load_dataset(name, config, split=split, streaming=True)
    except InputError:
        raise
    except Exception as error:  # `datasets` passes on whatever the hub, a script or a file raised
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"can't load the corpus {text!r}: {reason[:300]}") from error
