"""Held-out losses of the language model, induction, and the quality of the dictionaries, as shipped."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mix import Doc
from tokens import BOS, Tokens

from feature_atlas.address import HookPoint
from feature_atlas.manifest import QualityRecord
from pipeline.core.brought import QUALITY_FILE
from pipeline.core.corpus import open_source
from pipeline.core.dictionaries import Dictionary
from pipeline.core.dictionary_spec import parse_spec
from pipeline.core.files import StageFolder, digest, write_atomically
from pipeline.core.load_dictionary import load_dictionary
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import QualityParams
from pipeline.core.progress import say
from pipeline.core.read_corpus import read_corpus
from pipeline.core.reconstruction import Reconstruction
from pipeline.core.windows import Windows
from pipeline.quality import measure

BATCH = 32
TEXT = "the held-out text of all sources, told in data/demo/README.md"


def evaluate(
    folder: ModelFolder, out: Path, held: Tokens, texts: Path, work: Path, recipe: dict[str, Any]
) -> dict[str, Any]:
    """Everything that the model card states as measured; reads the dictionaries that lie in `out`."""
    model = SubjectModel.load(folder)
    sources = {name: _source_loss(model, part) for name, part in held.by_source().items()}
    for name, loss in sources.items():
        say(f"{name}: {loss['bits_per_byte']:.3f} bits/byte")
    shipped = _shipped(model, out, recipe)
    _write_quality(model, shipped, _windows(folder, texts, recipe), out, work, recipe)
    return {
        "sources": sources,
        "induction": induction(model, recipe["induction"]["sequences"], recipe["seed"]),
        "dictionaries": {
            d.id: json.loads((out / "dictionaries" / d.id / QUALITY_FILE).read_bytes()) for d in shipped
        },
    }


def write_texts(docs: list[Doc], folder: Path) -> None:
    """The documents as one .jsonl a source: a corpus that the pipeline reads."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted({doc.source for doc in docs}):
        lines = [json.dumps({"text": doc.text}) for doc in docs if doc.source == source]
        write_atomically(folder / f"{source}.jsonl", "\n".join(lines).encode())


@torch.inference_mode()
def induction(model: SubjectModel, sequences: int, seed: int) -> dict[str, Any]:
    """On random tokens said twice: mean loss of either half, and each head's induction score.

    A head's score is its mean attention, from the second half, to the token that followed this one
    in the first half. Returns nats a token, and {"layer/head": score}.
    """
    n = (model.config.n_positions - 1) // 2
    random = np.random.default_rng(seed)
    half = random.integers(BOS + 1, model.config.vocab_size, (sequences, n))
    windows = torch.from_numpy(np.concatenate([np.full((sequences, 1), BOS), half, half], axis=1))
    losses = model.losses(windows)
    points = [HookPoint("attn_pattern", layer) for layer in range(model.n_layers)]
    patterns = model.activations(windows, points)
    query = torch.arange(n + 1, 2 * n)
    scores = {
        f"{point.layer}/{head}": score
        for point, pattern in patterns.items()
        for head, score in enumerate(pattern[:, :, query, query - n + 1].mean((0, 2)).tolist())
    }
    return {
        "first": losses[:, :n].mean().item(),
        "second": losses[:, n + 1 :].mean().item(),
        "scores": scores,
    }


def _source_loss(model: SubjectModel, part: Tokens) -> dict[str, float]:
    """nats/token, and bits/byte = nats/token * tokens / (ln 2 * bytes)."""
    total, n_bytes = 0.0, int(part.n_bytes.sum())
    for start in range(0, len(part.windows), BATCH):
        rows = torch.from_numpy(part.windows[start : start + BATCH].astype(np.int64))
        total += model.losses(rows.clamp(min=0))[rows[:, 1:] >= 0].double().sum().item()
    return {
        "documents": len(part.source),
        "tokens": part.n_tokens,
        "bytes": n_bytes,
        "nats": total / part.n_tokens,
        "bits_per_byte": total / (math.log(2) * n_bytes),
    }


def _shipped(model: SubjectModel, out: Path, recipe: dict[str, Any]) -> list[Dictionary]:
    """The dictionaries in the folder that the atlas will read, by the reader that it will use."""
    specs = [
        parse_spec(name, f"{out / 'dictionaries' / name}@{told['at']}")
        for name, told in recipe["dictionaries"].items()
    ]
    return [dictionary for spec in specs for dictionary in load_dictionary(spec, model.width)]


def _windows(folder: ModelFolder, texts: Path, recipe: dict[str, Any]) -> Windows:
    corpus = read_corpus([open_source(str(texts))], folder, None)
    return Windows(corpus, recipe["model"]["n_positions"], BOS)


def _write_quality(
    model: SubjectModel,
    shipped: list[Dictionary],
    windows: Windows,
    out: Path,
    work: Path,
    recipe: dict[str, Any],
) -> None:
    """`quality.json` into each dictionary's folder, with the digest of the weights it speaks of."""
    stage = StageFolder.of(work / "quality", {f"{d.id}.json": digest(d.weights) for d in shipped})
    stage.open()
    todo = [dictionary for dictionary in shipped if f"{dictionary.id}.json" in stage.missing()]
    if todo:
        measure(
            model,
            [Reconstruction([each]) for each in todo],
            windows,
            QualityParams(**recipe["quality"]),
            stage,
        )
    for dictionary in shipped:
        record = QualityRecord.model_validate_json((stage.path / f"{dictionary.id}.json").read_bytes())
        told = {"weights": dictionary.weights, **record.model_copy(update={"text": TEXT}).model_dump()}
        path = out / "dictionaries" / dictionary.id / QUALITY_FILE
        write_atomically(path, (json.dumps(told, indent=1) + "\n").encode())
