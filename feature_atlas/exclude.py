"""A copy of a run that quotes some documents nowhere; its statistics stay those of the whole corpus."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from feature_atlas.atlas import Atlas, Dictionary
from feature_atlas.contract import FLOATS, HEAD_FLOATS, HEAD_INTS, INTS, N_BANDS
from feature_atlas.errors import FormatError, InputError
from feature_atlas.heads import Heads
from feature_atlas.manifest import MANIFEST
from feature_atlas.preview import preview
from feature_atlas.search_index import SEARCH_INDEX, write_search
from feature_atlas.store import Group, Rewriting, link_file, read_bytes
from feature_atlas.verify import FILES, list_files

Array = np.ndarray[Any, Any]
Columns = Mapping[str, tuple[int, int]]

VERSION = 1
EXCLUDED = "(excluded)"  # in place of the document's name

# What becomes of each part of a run. Text is quoted by `corpus.zarr` and by every group of `dictionaries`:
# in what has an axis `example` or `head_example`, and in `preview`; the search index says words of it, and is
# made again of what is left. A new store that quotes text is written anew here; one that does not is named
# in QUOTES_NOTHING. One that is in neither place is refused.
QUOTES_NOTHING = ("tokenizer", "vocabulary.zarr", "tokens.zarr")
REWRITTEN = ("corpus.zarr", "dictionaries", SEARCH_INDEX)
EXAMPLE_FIELDS = {
    field.name for field in (*FLOATS, *INTS, *HEAD_FLOATS, *HEAD_INTS) if field.axis == "example"
}

ABLATED_FIELDS = {field.name for field in (*FLOATS, *INTS) if field.axis in ("ablated", "moved")}


def read_excluded(path: Path, atlas: Atlas) -> list[int]:
    """Indices of the documents that a file names: one id a line, `*` for any characters, # for a comment.

    Raises InputError if the file can't be read, names none, or names one that the corpus does not have.
    """
    try:
        lines = [line.strip() for line in path.read_bytes().decode("utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"can't read {path}: {error}") from error
    ids = [document.id for document in atlas.documents]
    found: set[int] = set()
    for number, line in enumerate(lines, start=1):
        if line and not line.startswith("#"):
            named = _named(line, ids)
            if not named:
                raise InputError(
                    f"{path}, line {number}: no document {line!r} in {atlas.url}; to see them all:"
                    f" atlas show {atlas.url} --json"
                )
            found.update(named)
    if not found:
        raise InputError(f"{path} names no document; write one id a line, or leave out --exclude-documents")
    return sorted(found)


def excluded_run(atlas: Atlas, documents: Sequence[int]) -> str:
    """Name of the run without these documents: the same for the same run and documents."""
    parts = json.dumps(["exclude", VERSION, atlas.manifest.run, list(documents)])
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


def excluded_manifest(atlas: Atlas, documents: Sequence[int], run: Path) -> bytes:
    """The manifest of the run that `write_excluded` wrote: the atlas' own, but for what has changed."""
    told: dict[str, Any] = json.loads(read_bytes(f"{atlas.url}/{MANIFEST}"))
    before = atlas.manifest.corpus.excluded
    told["run"] = excluded_run(atlas, documents)
    told["corpus"]["excluded"] = before + sum(atlas.documents[i].id != EXCLUDED for i in documents)
    told["n_bytes"] = sum(size for size, _ in json.loads((run / FILES).read_bytes()).values())
    return json.dumps(told, indent=2).encode()


def write_excluded(atlas: Atlas, documents: Sequence[int], into: Path) -> None:
    """Writes the run of an atlas on disk without the text of these documents to the new folder `into`.

    Their tokens are 0 and their names EXCLUDED; indices stay. Examples from them are emptied, and those
    that follow in the same section, or band, move up. Raises FormatError if the run holds a store of
    which it is not known whether it quotes documents.
    """
    run = Path(atlas.run_url)
    gone = np.zeros(len(atlas.documents), bool)
    gone[list(documents)] = True
    for part in sorted(run.iterdir()):
        if part.name in QUOTES_NOTHING:
            for file in (file for file in part.rglob("*") if file.is_file()):
                link_file(file, into / file.relative_to(run))
        elif part.name not in (*REWRITTEN, FILES):
            raise FormatError(
                f"{part}: this program does not know whether it quotes documents, so none can be excluded;"
                " use the program that made the atlas"
            )
    _corpus(run / "corpus.zarr", into / "corpus.zarr", gone)
    for record in atlas.manifest.dictionaries:
        _dictionary(atlas.dictionary(record.id), run / record.store, into / record.store, gone)
    for record in atlas.manifest.heads:
        _heads(atlas.heads(record.id), run / record.store, into / record.store, gone)
    if atlas.manifest.search_index:
        stores = [(record.id, record.store) for record in atlas.manifest.dictionaries]
        write_search(into / SEARCH_INDEX, into, stores)
    (into / FILES).write_text(json.dumps(list_files(into), sort_keys=True, indent=0))


def _named(line: str, ids: Sequence[str]) -> list[int]:
    """The documents of exactly this id, else those that fit it with `*` for any characters."""
    exact = [index for index, name in enumerate(ids) if name == line]
    if exact or "*" not in line:
        return exact
    pattern = re.compile(".*".join(map(re.escape, line.split("*"))), re.DOTALL)
    return [index for index, name in enumerate(ids) if pattern.fullmatch(name)]


def _corpus(source: Path, into: Path, gone: Array) -> None:
    group = Group(str(source))
    copy = Rewriting(source, into, ("tokens", "document_id"))
    starts = group.read("document_start").astype(np.int64)
    length = group.length("tokens")
    for number, first in enumerate(range(0, int(starts[-1]), length)):
        tokens = group.shard("tokens", number).copy()
        at = np.arange(first, first + len(tokens))
        tokens[gone[np.searchsorted(starts, at, side="right") - 1]] = 0
        copy.write("tokens", number, tokens)
    names = group.read("document_id").astype(object)
    names[gone] = EXCLUDED
    for number, part in _files(group, "document_id", names):
        copy.write("document_id", number, part)
    copy.close()


def _dictionary(dictionary: Dictionary, source: Path, into: Path, gone: Array) -> None:
    """One shard of latents after another; a file of previews spans many of them."""
    group = dictionary.group
    paths = [path for path, dims in group.dims().items() if dims[:2] == ("latent", "example")]
    copy = Rewriting(source, into, (*paths, "card/floats", "card/ints", "preview"))
    slots = list(_slots(dictionary.sections))
    step = group.length("card/ints")
    for number, first in enumerate(range(0, len(dictionary), group.length("preview"))):
        snippets = group.shard("preview", number).copy()
        for start in range(0, len(snippets), step):
            rows = {
                path: group.shard(path, (first + start) // step)
                for path in (*paths, "card/floats", "card/ints")
            }
            lost, rows = _without(rows, group.attributes["fields"], slots, gone)
            for path, values in rows.items():
                copy.write(path, (first + start) // step, values)
            again = _preview(rows, group.attributes["fields"], dictionary.sections)
            part = slice(start, start + step)
            snippets[part] = np.where(lost[:, None, None, None], again, snippets[part])
        copy.write("preview", number, snippets)
    copy.close()


def _heads(heads: Heads, source: Path, into: Path, gone: Array) -> None:
    """A layer at once: its windows are few."""
    group, n_heads = heads.group, len(heads)
    paths = [path for path, dims in group.dims().items() if dims[0] == "head_example"]
    copy = Rewriting(source, into, (*paths, "head/floats", "head/ints"))
    rows = {path: _whole(group, path).reshape(n_heads, heads.n_examples, -1) for path in paths}
    rows |= {path: _whole(group, path) for path in ("head/floats", "head/ints")}
    _, rows = _without(rows, group.attributes["fields"], list(heads.sections.values()), gone)
    for path, values in rows.items():
        for number, part in _files(group, path, values.reshape(group.array(path).shape)):
            copy.write(path, number, part)
    copy.close()


def _slots(sections: Mapping[str, tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The runs of rows inside which examples move up: each section, and of the bands each one."""
    for name, (start, stop) in sections.items():
        each = (stop - start) // N_BANDS if name == "bands" else stop - start
        yield from ((first, first + each) for first in range(start, stop, each or 1))


def _without(
    rows: Mapping[str, Array],
    fields: Mapping[str, Columns],
    slots: Sequence[tuple[int, int]],
    gone: Array,
) -> tuple[Array, dict[str, Array]]:
    """Which units lose an example, [unit], and the arrays, [unit, example, ...] and cards, after it."""
    ints = next(values for path, values in rows.items() if path.endswith("/ints"))
    there = ints[:, slice(*fields["ints"]["example_length"])] > 0
    kept: Array = there & ~gone[ints[:, slice(*fields["ints"]["example_document"])]]
    order: Array = np.zeros(kept.shape, np.int64)
    for start, stop in slots:
        order[:, start:stop] = start + np.argsort(~kept[:, start:stop], axis=1, kind="stable")
    stays = np.take_along_axis(kept, order, axis=1)
    found: dict[str, Array] = {}
    for path, values in rows.items():
        kind = path.rpartition("/")[2]
        if path.startswith(("card/", "head/")):
            found[path] = values.copy()
            for name in EXAMPLE_FIELDS & fields[kind].keys():
                columns = slice(*fields[kind][name])
                found[path][:, columns] = _moved(values[:, columns], order, stays)
            for name in ABLATED_FIELDS & fields[kind].keys():
                columns = slice(*fields[kind][name])
                first, last = fields["floats"]["ablation_kl"]
                found[path][:, columns] = _ablations(values[:, columns], last - first, order, stays)
        else:
            found[path] = _moved(values, order, stays)
    lost: Array = np.any(there & ~kept, axis=1)
    return lost, found


def _moved(values: Array, order: Array, stays: Array) -> Array:
    """Examples in another order, and zero where there are none now, [unit, example, ...]."""
    more = tuple(range(2, values.ndim))
    taken = np.take_along_axis(values, np.expand_dims(order, more), axis=1)
    return np.where(np.expand_dims(stays, more), taken, np.zeros((), values.dtype))


def _ablations(values: Array, n_ablated: int, order: Array, stays: Array) -> Array:
    """What is told of the first `n_ablated` examples; of those that moved up from beyond them, no number."""
    if n_ablated == 0:
        return values
    unknown = np.nan if values.dtype.kind == "f" else 0
    told: Array = np.full((*order.shape, values.shape[1] // n_ablated), unknown, values.dtype)
    told[:, :n_ablated] = values.reshape(len(values), n_ablated, -1)
    return _moved(told, order, stays)[:, :n_ablated].reshape(values.shape)


def _preview(
    rows: Mapping[str, Array], fields: Mapping[str, Columns], sections: Mapping[str, tuple[int, int]]
) -> Array:
    floats, ints = rows["card/floats"], rows["card/ints"].astype(np.int64)
    examples = {
        "tokens": rows["examples/tokens"],
        "acts": rows["examples/acts"],
        "example_scale": floats[:, slice(*fields["floats"]["example_scale"])],
        "example_peak": ints[:, slice(*fields["ints"]["example_peak"])],
        "example_length": ints[:, slice(*fields["ints"]["example_length"])],
    }
    return preview(examples, floats[:, fields["floats"]["max"][0]], sections)


def _whole(group: Group, path: str) -> Array:
    n_files = -(-group.array(path).shape[0] // group.length(path))
    return np.concatenate([group.shard(path, number) for number in range(n_files)])


def _files(group: Group, path: str, values: Array) -> Iterable[tuple[int, Array]]:
    length = group.length(path)
    return (
        (number, values[first : first + length]) for number, first in enumerate(range(0, len(values), length))
    )
