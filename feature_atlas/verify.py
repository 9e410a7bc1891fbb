"""Checking an atlas: every file against its recorded size and digest, every array against the contract."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from feature_atlas.atlas import Atlas
from feature_atlas.contract import (
    CORPUS,
    DICTIONARY,
    HEADS,
    LABELS,
    SEARCH,
    SOURCES,
    TOKENS,
    VOCABULARY,
    ArraySpec,
    dictionary_sizes,
    head_sizes,
    numpy_dtype,
    token_sizes,
)
from feature_atlas.errors import FormatError
from feature_atlas.labels import label_sizes
from feature_atlas.manifest import Below
from feature_atlas.store import Group, list_below, read_bytes

FILES = "files.json"
Measured = tuple[int, str]  # size and SHA-256
Files = Mapping[str, Measured]  # by path below the run
_LISTED = TypeAdapter(dict[Below, Measured])
_AT_ONCE = 8  # a host far away answers each file after a round trip


def list_files(run: Path) -> dict[str, Measured]:
    """Size and SHA-256 of every file of a run but the list itself, by path below it."""
    files = sorted(
        path for path in run.rglob("*") if path.is_file() and path.relative_to(run).as_posix() != FILES
    )
    return {path.relative_to(run).as_posix(): measure(path.read_bytes()) for path in files}


def measure(data: bytes) -> Measured:
    """Size and SHA-256."""
    return len(data), hashlib.sha256(data).hexdigest()


def parse_list(data: bytes, where: str) -> Files:
    """The content of a `files.json`. Raises FormatError if it is none, or names a file outside the run."""
    try:
        return _LISTED.validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        field = "".join(f": {part}" for part in first["loc"][:1])
        raise FormatError(
            f"{where} is not a list of files{field}: {first['msg']}; atlas repair tells what can be done"
        ) from error


def verify(atlas: Atlas, passed_over: list[str] | None = None) -> Iterator[str]:
    """Checks file after file, then array after array; yields what it finds wrong, one line each.

    Adds a line to `passed_over` for what its host gives no means to look for. Raises FormatError if the
    list of files itself can't be read.
    """
    run = f"{atlas.url}/{atlas.manifest.run_path}"
    listed = parse_list(read_bytes(f"{run}/{FILES}"), f"{run}/{FILES}")
    yield from wrong_files(run, listed)
    yield from _unlisted(run, listed, passed_over if passed_over is not None else [])
    yield from _wrong_arrays(atlas, run)


def wrong_files(run: str, listed: Files) -> Iterator[str]:
    """Files that are missing, or are not what the list says."""

    def look(name: str) -> str:
        return _wrong_file(f"{run}/{name}", *listed[name])

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from filter(None, pool.map(look, listed))


def _wrong_file(place: str, size: int, sha: str) -> str:
    """What is wrong with it, or nothing."""
    try:
        found = measure(read_bytes(place))
    except FormatError as error:
        return str(error)
    if found[0] != size:
        return f"{place} has {found[0]:,} bytes, not {size:,}"
    if found[1] != sha:
        return f"{place} was changed: its SHA-256 is {found[1][:12]}…, not {sha[:12]}…"
    return ""


def _unlisted(run: str, listed: Files, passed_over: list[str]) -> Iterator[str]:
    try:
        there = list_below(run)
    except FormatError as error:  # a key that may read every file need not be one that may list them
        passed_over.append(f"left-over files can't be looked for: {error}")
        return
    if there is None:
        scheme = run.partition("://")[0]
        passed_over.append(f"left-over files can't be looked for: {scheme}:// lists nothing")
        return
    for name in sorted(set(there) - set(listed) - {FILES}):
        yield f"{run}/{name} is not part of the atlas"


def _wrong_arrays(atlas: Atlas, run: str) -> Iterator[str]:
    d_vocab = atlas.manifest.model.d_vocab
    corpus = {"token": atlas.manifest.corpus.n_tokens, "document": atlas.manifest.corpus.n_documents}
    corpus["document_edge"] = corpus["document"] + 1
    yield from wrong_group(f"{run}/corpus.zarr", CORPUS, corpus, d_vocab, False)
    yield from wrong_group(f"{run}/vocabulary.zarr", VOCABULARY, {"type": d_vocab}, d_vocab, False)
    if atlas.manifest.token_index is not None:
        yield from wrong_group(
            f"{run}/{atlas.manifest.token_index}", TOKENS, token_sizes(d_vocab), d_vocab, False
        )
    if atlas.manifest.search_index is not None:
        yield from _wrong_search(f"{run}/{atlas.manifest.search_index}")
    for record in atlas.manifest.dictionaries:
        place = f"{run}/{record.store}"
        try:
            attributes = Group(place).attributes
            rows = attributes["sections"]["top"]
            cards = {axis: attributes["sizes"][axis] for axis in ("float_field", "int_field")}
        except (FormatError, KeyError) as error:
            yield f"{place}: {error}"
            continue
        sizes = dictionary_sizes(
            record.n_latents,
            rows[1] - rows[0],
            record.two_signed,
            bool(attributes.get("mates")),
            atlas.manifest.model.n_heads if attributes.get("heads") else 0,
        )
        sizes |= cards  # those of older atlases have fewer columns
        specs, labels = DICTIONARY, attributes.get("labels", {})
        if "most" in labels:
            specs, sizes = (*specs, *LABELS), sizes | label_sizes(labels)
        yield from wrong_group(place, specs, sizes, d_vocab, record.two_signed)
    for record in atlas.manifest.heads:
        sizes = head_sizes(record.n_heads, atlas.manifest.windowing.ctx)
        yield from wrong_group(f"{run}/{record.store}", HEADS, sizes, d_vocab, False)


def _wrong_search(place: str) -> Iterator[str]:
    try:
        sizes: dict[str, int] = Group(place).attributes["sizes"]
    except (FormatError, KeyError) as error:
        yield f"{place}: {error}"
        return
    yield from wrong_group(place, SEARCH, sizes | {"place": 1 + len(SOURCES), "part": 3}, 0, False)


def wrong_group(
    place: str, specs: Sequence[ArraySpec], sizes: dict[str, int], d_vocab: int, two_signed: bool
) -> Iterator[str]:
    """Arrays of a group that are not as the contract has them."""
    try:
        group = Group(place)
        for spec in specs:
            array = group.array(spec.path)
            shape = tuple(sizes[dim] for dim in spec.dims)
            dtype = numpy_dtype(spec, d_vocab, two_signed)
            if array.shape != shape:
                yield f"{place}/{spec.path} has shape {array.shape}, not {shape}"
            elif dtype != "string" and array.dtype.str != dtype:
                yield f"{place}/{spec.path} has dtype {array.dtype}, not {dtype}"
    except FormatError as error:
        yield str(error)
