"""Parts -> one atlas: every array of the contract, digests of all files, the manifest switched last."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from feature_atlas.contract import (
    CORPUS,
    FORMAT,
    FORMAT_VERSION,
    TOKENS,
    VOCABULARY,
)
from feature_atlas.manifest import (
    CorpusRecord,
    DictionaryRecord,
    HeadsRecord,
    Manifest,
    QualityRecord,
    SourceTerms,
)
from feature_atlas.search_index import SEARCH_INDEX, write_search
from feature_atlas.store import create_group
from feature_atlas.verify import FILES, Files, list_files
from pipeline.core.dictionaries import Dictionary, mates_of
from pipeline.core.files import StageFolder, digest, partial_of, write_once
from pipeline.core.group import write_dictionary, write_heads
from pipeline.core.heads import HeadGroup, head_groups
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params
from pipeline.core.progress import say, step
from pipeline.core.runs import RUNS, read_manifest, sweep, switch, total, write_list
from pipeline.core.subject import load_dictionaries
from pipeline.core.token_index import UnitsByToken
from pipeline.core.virtual import Partners
from pipeline.core.windows import Corpus, Windows, load_corpus

VERSION = 4
TOKEN_INDEX = "tokens.zarr"


def run(params: Params, work: Path, out: Path, published: Collection[str] = ()) -> bool:
    """Writes the atlas at `out` from what the other stages left in `work`; a killed run goes on.

    Does nothing, and returns False, if the run is one of those that are `published` where it is meant for.
    """
    folder = ModelFolder.resolve(params.model)
    dictionaries, groups = load_dictionaries(params, folder), head_groups(params, folder)
    run_id = _run_id(params, folder, dictionaries, work)
    if run_id in published:
        return False
    path = out / RUNS / run_id
    there = read_manifest(out)
    if run_id in (there.get("run"), there.get("labelled_from")) and (out / RUNS / there["run"]).is_dir():
        sweep(out, there["run"])  # a build killed after the switch has left the old run there
        return True
    windows = Windows(load_corpus(work / "tokens"), params.ctx, folder.bos(params.bos))
    path.mkdir(parents=True, exist_ok=True)
    write_once(path / "corpus.zarr", lambda into: _write_corpus(into, windows.corpus, folder))
    write_once(path / "vocabulary.zarr", lambda into: _write_vocabulary(into, folder))
    write_once(path / "tokenizer", lambda into: _copy_tokenizer(into, work))
    (path / "dictionaries").mkdir(exist_ok=True)
    _write_heads(folder, groups, windows, work, path / "dictionaries")
    _write_dictionaries(params, folder, dictionaries, windows, work, path / "dictionaries")
    count = windows.type_counts(folder.record.d_vocab)
    write_once(path / TOKEN_INDEX, lambda into: _write_tokens(into, dictionaries, count, work))
    stores = [(dictionary.id, f"dictionaries/{dictionary.id}.zarr") for dictionary in dictionaries]
    write_once(path / SEARCH_INDEX, lambda into: write_search(into, path, stores))
    partial_of(path / FILES).unlink(missing_ok=True)  # it would be listed, and then be gone
    files = list_files(path)
    write_list(path, files)
    manifest = _manifest(params, folder, windows, dictionaries, groups, run_id, files, work)
    switch(out, manifest.model_dump_json(indent=2).encode())
    sweep(out, run_id)
    if there.get("labelled_from"):
        say("the labels that atlas label had brought are not in the new run: bring them again")
    say(f"atlas: {out}, {total(files) / 2**20:,.1f} MiB in {len(files):,} files")
    return True


def _write_dictionaries(
    params: Params,
    folder: ModelFolder,
    dictionaries: list[Dictionary],
    windows: Windows,
    work: Path,
    path: Path,
) -> None:
    """Each by one thread: zlib and most of numpy leave the interpreter to the others."""
    min_count, model = params.describe.fires_on_min_count, folder.record

    def write(dictionary: Dictionary) -> int:
        mates = mates_of(dictionary, dictionaries)
        partners = Partners.of(dictionary, dictionaries, folder.shape)
        write_once(
            path / f"{dictionary.id}.zarr",
            lambda into: write_dictionary(
                into, dictionary, mates, partners, work, windows, min_count, model.d_vocab, model.d_model
            ),
        )
        return dictionary.n_latents

    with (
        step("assemble", sum(dictionary.n_latents for dictionary in dictionaries), "units") as progress,
        ThreadPoolExecutor(os.cpu_count() or 1) as pool,
    ):
        for n_latents in pool.map(write, dictionaries):
            progress.advance(n_latents)


def _write_heads(
    folder: ModelFolder, groups: list[HeadGroup], windows: Windows, work: Path, path: Path
) -> None:
    for group in groups:
        write_once(
            path / f"{group.id}.zarr",
            lambda into, group=group: write_heads(into, group, work, windows, folder.record.d_vocab),
        )


def _write_corpus(into: Path, corpus: Corpus, folder: ModelFolder) -> None:
    arrays = {
        "tokens": corpus.tokens,
        "document_start": corpus.starts,
        "document_id": np.array(corpus.ids, dtype=object),
        "document_source": np.array(corpus.owners, dtype=object),
    }
    create_group(into, CORPUS, arrays, {}, d_vocab=folder.record.d_vocab)


def _write_vocabulary(into: Path, folder: ModelFolder) -> None:
    texts, kinds = folder.tokenizer().vocabulary(folder.record.d_vocab)
    create_group(into, VOCABULARY, {"text": np.array(texts, dtype=object), "kind": np.array(kinds)}, {})


def _write_tokens(into: Path, dictionaries: list[Dictionary], count: np.ndarray, work: Path) -> None:
    """One dictionary after another: what is held does not grow with their number."""
    index, first = UnitsByToken(count), [0]
    for dictionary in dictionaries:
        name = f"{dictionary.id}.npz"
        with np.load(work / "scan" / name) as scan, np.load(work / "describe" / name) as described:
            index.add(scan, described, first[-1])
        first.append(first[-1] + dictionary.n_latents)
    attributes = {"dictionaries": [dictionary.id for dictionary in dictionaries], "first_units": first[:-1]}
    create_group(into, TOKENS, index.arrays(), attributes)


def _copy_tokenizer(into: Path, work: Path) -> None:
    into.mkdir()
    shutil.copyfile(work / "tokens" / "tokenizer.json", into / "tokenizer.json")


def _run_id(params: Params, folder: ModelFolder, dictionaries: list[Dictionary], work: Path) -> str:
    """The same for the same content: the scan's key holds the corpus' digest, not its path or time."""
    keys = [StageFolder.key_of(work / stage) for stage in ("scan", "describe", "effects", "map", "quality")]
    told = [
        (d.source, *(brought.model_dump() if brought else None for brought in (d.quality, d.labels)))
        for d in dictionaries
    ]
    shared = [{name: terms.model_dump() for name, terms in params.terms.items()}, params.content_note]
    named = [params.title, folder.public_name, params.describe.model_dump(), told, shared]
    return digest("assemble", VERSION, FORMAT_VERSION, named, keys)[:16]


def _manifest(
    params: Params,
    folder: ModelFolder,
    windows: Windows,
    dictionaries: list[Dictionary],
    groups: list[HeadGroup],
    run_id: str,
    files: Files,
    work: Path,
) -> Manifest:
    corpus = windows.corpus
    return Manifest(
        format=FORMAT,
        format_version=FORMAT_VERSION,
        run=run_id,
        title=params.title,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        model=folder.record,
        tokenizer="tokenizer/tokenizer.json",
        token_index=TOKEN_INDEX,
        search_index=SEARCH_INDEX,
        windowing=windows.record(),
        corpus=CorpusRecord(
            sources=tuple(corpus.sources),
            n_documents=corpus.n_documents,
            n_tokens=len(corpus.tokens),
            too_short=corpus.too_short,
            max_tokens=params.max_tokens,
            terms=tuple(
                SourceTerms(source=name, **terms.model_dump()) for name, terms in params.terms.items()
            ),
        ),
        content_note=params.content_note,
        dictionaries=tuple(_record(dictionary, work) for dictionary in dictionaries),
        heads=tuple(_heads_record(group) for group in groups),
        provenance=_provenance(params, work),
        n_bytes=total(files),
    )


def _record(dictionary: Dictionary, work: Path) -> DictionaryRecord:
    with np.load(work / "scan" / f"{dictionary.id}.npz") as scan:
        alive = int((scan["moments/firings"] > 0).sum())
    return DictionaryRecord(
        id=dictionary.id,
        kind=dictionary.kind,
        architecture=dictionary.architecture,
        hook_in=str(dictionary.hook_in),
        hook_out=str(dictionary.hook_out),
        n_latents=dictionary.n_latents,
        alive=alive,
        two_signed=dictionary.two_signed,
        k=dictionary.k,
        weights=dictionary.weights,
        source=dictionary.source,
        store=f"dictionaries/{dictionary.id}.zarr",
        quality=_quality(dictionary, work),
        family=dictionary.family,
        normalization=dictionary.normalization,
        folded=dictionary.folded,
        processing=dictionary.processing,
    )


def _heads_record(group: HeadGroup) -> HeadsRecord:
    return HeadsRecord(
        id=group.id,
        layer=group.layer,
        n_heads=group.n_heads,
        rotary=group.rotary,
        store=f"dictionaries/{group.id}.zarr",
    )


def _quality(dictionary: Dictionary, work: Path) -> QualityRecord | None:
    """As measured here, or as the dictionary's folder tells."""
    path = work / "quality" / f"{dictionary.id}.json"
    return QualityRecord.model_validate_json(path.read_bytes()) if path.is_file() else dictionary.quality


def _provenance(params: Params, work: Path) -> dict[str, str]:
    tokenizer = (work / "tokens" / "tokenizer.json").read_bytes()
    return {
        "feature-atlas": version("feature-atlas"),
        "python": platform.python_version(),
        "torch": version("torch"),
        "transformers": version("transformers"),
        "tokenizer": hashlib.sha256(tokenizer).hexdigest(),
        "device": params.device,
        "seed": str(params.scan.seed),
    }
