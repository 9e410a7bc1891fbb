"""Two dictionaries or atlases -> what became of each latent. Writes the folder of a comparison."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int, Integer

from feature_atlas import Atlas
from feature_atlas.comparison import (
    COMPARISON,
    FORMAT,
    FORMAT_VERSION,
    KINDS,
    MANIFEST,
    ComparisonRecord,
    PairRecord,
    ReadRecord,
    SideRecord,
    is_comparison,
    open_comparison,
)
from feature_atlas.errors import InputError
from feature_atlas.manifest import DictionaryRecord
from feature_atlas.store import create_group
from feature_atlas.verify import list_files
from pipeline.core.beside import Placed, Reader, reading, unlike, windows_of
from pipeline.core.correlate import Sample, Sums, by_correlation, candidates, correlation_of, most_correlated
from pipeline.core.files import (
    StageFolder,
    digest,
    load_arrays,
    only_one,
    save_arrays,
    write_atomically,
    write_once,
)
from pipeline.core.matching import THRESHOLD, Nearest, by_cosine, kinds
from pipeline.core.model import SubjectModel
from pipeline.core.progress import say, step
from pipeline.core.runs import work_folder
from pipeline.core.sides import Pair, Side, pairs_of
from pipeline.core.stopping import Checkpoint, stop_asked
from pipeline.core.windows import Batch, Windows

VERSION = 1
BATCH = 16  # windows
SAMPLE = 8192  # tokens in which latents that fire alike are looked for
SEED = 0
SECONDS = 20.0  # between two states on disk
STATE = "state.npz"


@dataclass(frozen=True)
class Compared:
    """A pair of dictionaries on their models, and where what is known of it is kept."""

    a: Placed
    b: Placed
    name: str

    @property
    def widths(self) -> tuple[int, int]:
        """Latents of either."""
        return self.a.dictionary.n_latents, self.b.dictionary.n_latents


def run(a: Side, b: Side, out: Path, max_tokens: int | None) -> None:
    """Writes the comparison at `out`; a killed one goes on, and one that is there already is left.

    Raises InputError if something else is at `out`.
    """
    pairs = pairs_of(a, b)
    for side, records in ((a, [left for left, _ in pairs]), (b, [right for _, right in pairs])):
        side.load(records)
    _warn(a, b, pairs)
    reason = unlike(a.atlas, b.atlas)
    key = _key(a, b, pairs, max_tokens, reason)
    if out.exists():
        if is_comparison(str(out)) and open_comparison(str(out)).record.key == key:
            return
        raise InputError(f"{out} is there, and holds something else; give another folder, or remove it")
    work = work_folder(out)
    with only_one(work):
        stage = StageFolder(work / "compare", key)
        stage.open()
        models = _models(a, b)
        compared = [
            Compared(
                Placed(models[0], a.dictionaries[left.id]),
                Placed(models[1], b.dictionaries[right.id]),
                f"{left.id}~{right.id}",
            )
            for left, right in pairs
        ]
        near = {each.name: _near(each, a, b) for each in compared}
        read = None
        if reason:
            say(f"{reason}: how alike latents fire is left out")
        else:
            read = _correlate(compared, near, windows_of(a.atlas), max_tokens, stage.path)
        told = {each.name: _arrays(each, near[each.name], stage.path if read else None) for each in compared}
        write_once(out, lambda into: _write(into, a, b, pairs, told, read, key))
    shutil.rmtree(work)
    _tell(out)


def _near(each: Compared, a: Side, b: Side) -> Nearest:
    left = a.directions(each.a.dictionary.id, each.a.model)
    return by_cosine(left, b.directions(each.b.dictionary.id, each.b.model))


def _correlate(
    compared: list[Compared], near: dict[str, Nearest], windows: Windows, max_tokens: int | None, folder: Path
) -> ReadRecord:
    """Leaves `<pair>.npz` in the folder: the candidates and how they correlate."""
    chosen = windows.order(_n_windows(windows, max_tokens), SEED)[: _n_windows(windows, max_tokens)]
    n_tokens = sum(len(batch.token) for batch in windows.batches(1024, chosen))
    if not all((folder / f"{each.name}.npz").is_file() for each in compared):
        placed = [side for each in compared for side in (each.a, each.b)]
        with reading(placed) as reader:
            pairs = _candidates(compared, near, windows, chosen, reader, folder)
            sums = [Sums(pairs[each.name]) for each in compared]
            _sweep(compared, sums, windows, chosen, reader, folder)
        for each, found in zip(compared, sums, strict=True):
            arrays = {"pairs": pairs[each.name], "r": found.correlation()}
            save_arrays(folder / f"{each.name}.npz", arrays)
    return ReadRecord(sources=tuple(windows.corpus.sources), counted_tokens=n_tokens)


def _candidates(
    compared: list[Compared],
    near: dict[str, Nearest],
    windows: Windows,
    chosen: Integer[np.ndarray, " window"],
    reader: Reader,
    folder: Path,
) -> dict[str, Int[np.ndarray, "pair two"]]:
    """By pair of dictionaries the pairs of latents that are near in what they write or fire alike."""
    path = folder / "candidates.npz"
    if not path.is_file():
        samples = {each.name: tuple(map(Sample, each.widths)) for each in compared}
        drawn = np.random.default_rng(SEED).permutation(chosen)[: -(-SAMPLE // windows.stride)]
        for batch in windows.batches(BATCH, np.sort(drawn)):
            for each, (x, y) in _activations(compared, reader, batch):
                of_a, of_b = samples[each.name]
                of_a.add(x)
                of_b.add(y)
        found: dict[str, np.ndarray] = {}
        with step("candidates", len(compared), "pairs") as progress:
            for each in compared:
                alike = by_correlation(*(sample.entries() for sample in samples.pop(each.name)))
                found[each.name] = candidates(each.widths[1], near[each.name], alike)
                progress.advance(1)
        save_arrays(path, found)
    return load_arrays(path)


def _sweep(
    compared: list[Compared],
    sums: list[Sums],
    windows: Windows,
    chosen: Integer[np.ndarray, " window"],
    reader: Reader,
    folder: Path,
) -> None:
    """The pass over the corpus. Its state is on disk every few seconds, and a killed one goes on from it."""
    done = _restore(folder, compared, sums)
    checkpoint = Checkpoint(SECONDS)
    with stop_asked() as asked, step("correlate", len(chosen), "windows", done) as progress:
        for batch in windows.batches(BATCH, chosen[done:]):
            for (_, (x, y)), each in zip(_activations(compared, reader, batch), sums, strict=True):
                each.add(x, y)
            done += len(batch.windows)
            progress.advance(len(batch.windows))
            stop = asked()
            if stop or checkpoint.is_due():
                state = {
                    f"{c.name}/{n}": v
                    for c, s in zip(compared, sums, strict=True)
                    for n, v in s.state().items()
                }
                state["done"] = np.array(done)
                checkpoint.take(lambda state=state: save_arrays(folder / STATE, state))
            if stop:
                raise KeyboardInterrupt


def _restore(folder: Path, compared: list[Compared], sums: list[Sums]) -> int:
    if not (folder / STATE).is_file():
        return 0
    saved = load_arrays(folder / STATE)
    for each, found in zip(compared, sums, strict=True):
        found.restore({name: saved[f"{each.name}/{name}"] for name in found.state()})
    done = int(saved["done"])
    say(f"correlate: going on after {done:,} windows")
    return done


def _activations(
    compared: list[Compared], reader: Reader, batch: Batch
) -> Iterator[tuple[Compared, tuple[torch.Tensor, torch.Tensor]]]:
    """One pair of dictionaries after the other, so that no more are held; each model runs once."""
    caught = reader.caught(batch)
    for each in compared:
        yield each, (each.a.of(caught), each.b.of(caught))


def _n_windows(windows: Windows, max_tokens: int | None) -> int:
    """Windows that hold about so many tokens, but at least one."""
    if max_tokens is None or max_tokens >= windows.counted_tokens:
        return len(windows)
    return max(1, round(len(windows) * max_tokens / windows.counted_tokens))


def _arrays(each: Compared, near: Nearest, folder: Path | None) -> dict[str, np.ndarray]:
    """Every array of the pair's store; correlations are NaN without a folder that has them."""
    (n_a, n_b), (kind_a, kind_b) = each.widths, kinds(near)
    best = {"a": (np.arange(n_a), near.a[:, 0]), "b": (near.b[:, 0], np.arange(n_b))}
    pairs, r = np.zeros((0, 2), np.int64), np.zeros(0, np.float32)
    if folder is not None:
        found = load_arrays(folder / f"{each.name}.npz")
        pairs, r = found["pairs"], found["r"]
    arrays: dict[str, np.ndarray] = {}
    for side, own, n, kind, nearest, cosine in (
        ("a", 0, n_a, kind_a, near.a[:, 0], near.a_value[:, 0]),
        ("b", 1, n_b, kind_b, near.b[:, 0], near.b_value[:, 0]),
    ):
        index, highest = most_correlated(pairs[:, own], pairs[:, 1 - own], r, n)
        told = correlation_of(pairs, r, best[side], n_b) if folder else np.full(n, np.nan)
        values = (kind, nearest, cosine, told, index, highest)
        names = ("kind", "nearest", "cosine", "correlation", "correlated", "highest")
        arrays |= {f"{side}/{name}": value for name, value in zip(names, values, strict=True)}
    return arrays


def _write(
    into: Path,
    a: Side,
    b: Side,
    pairs: Sequence[Pair],
    told: dict[str, dict[str, np.ndarray]],
    read: ReadRecord | None,
    key: str,
) -> None:
    into.mkdir(parents=True)
    for name, arrays in told.items():
        create_group(into / "pairs" / f"{name}.zarr", COMPARISON, arrays, {})
    record = ComparisonRecord(
        format=FORMAT,
        format_version=FORMAT_VERSION,
        key=key,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        threshold=THRESHOLD,
        a=_side(a.atlas),
        b=_side(b.atlas),
        read=read,
        pairs=tuple(_pair(left, right, told[f"{left.id}~{right.id}"]) for left, right in pairs),
        files=list_files(into),
    )
    write_atomically(into / MANIFEST, record.model_dump_json(indent=2).encode())


def _side(atlas: Atlas) -> SideRecord:
    manifest = atlas.manifest
    runs = (manifest.run, *([manifest.labelled_from] if manifest.labelled_from else []))
    return SideRecord(
        title=manifest.title, runs=runs, model=manifest.model.name, weights=manifest.model.weights
    )


def _pair(left: DictionaryRecord, right: DictionaryRecord, arrays: dict[str, np.ndarray]) -> PairRecord:
    counts = {
        side: dict(zip(KINDS[side], np.bincount(arrays[f"{side}/kind"], minlength=5).tolist(), strict=True))
        for side in ("a", "b")
    }
    return PairRecord(
        a=left,
        b=right,
        store=f"pairs/{left.id}~{right.id}.zarr",
        kinds_a=counts["a"],
        kinds_b=counts["b"],
        mmcs_a=float(arrays["a/cosine"].mean(dtype=np.float64)),
        mmcs_b=float(arrays["b/cosine"].mean(dtype=np.float64)),
    )


def _models(a: Side, b: Side) -> tuple[SubjectModel, SubjectModel]:
    """Those of both sides; one, if they are the same."""
    first = SubjectModel.load(a.folder, a.params.device)
    same = a.folder.record.weights == b.folder.record.weights and a.params.device == b.params.device
    return first, first if same and a.folder.config == b.folder.config else SubjectModel.load(
        b.folder, b.params.device
    )


def _warn(a: Side, b: Side, pairs: Sequence[Pair]) -> None:
    if a.folder.record.weights != b.folder.record.weights:
        say("the two models are not the same: cosines mean something only if one was made from the other")
    for left, right in pairs:
        if (left.hook_in, left.hook_out) != (right.hook_in, right.hook_out):
            say(
                f"{left.id} and {right.id} are of different hook points: what they write is compared as it is"
            )


def _key(a: Side, b: Side, pairs: Sequence[Pair], max_tokens: int | None, reason: str) -> str:
    """Digest of all that determines the outcome."""
    identities = [
        (a.dictionaries[left.id].identity, b.dictionaries[right.id].identity) for left, right in pairs
    ]
    sides = [(side.atlas.manifest.run, side.folder.record.weights, side.params.device) for side in (a, b)]
    return digest("compare", VERSION, THRESHOLD, sides, identities, max_tokens, reason, torch.__version__)


def _tell(out: Path) -> None:
    for pair in open_comparison(str(out)).record.pairs:
        of_a, of_b = (
            ", ".join(f"{n:,} {kind}" for kind, n in kinds.items() if n)
            for kinds in (pair.kinds_a, pair.kinds_b)
        )
        say(
            f"{pair.a.id} ({of_a}) and {pair.b.id} ({of_b}): mean of the largest cosines {pair.mmcs_a:.3f}"
            f" and {pair.mmcs_b:.3f}"
        )
