"""Held-out text -> how good each dictionary is. Writes `quality/<dictionary>.json`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from feature_atlas.address import HookPoint
from feature_atlas.errors import InputError
from feature_atlas.manifest import QualityRecord
from pipeline.core.corpus import Source, open_source
from pipeline.core.files import StageFolder, digest, write_atomically
from pipeline.core.fit import Fit
from pipeline.core.inputs import Acts, processing_of
from pipeline.core.model import Replacement, SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params, QualityParams
from pipeline.core.progress import say, step
from pipeline.core.read_corpus import read_corpus
from pipeline.core.reconstruction import Reconstruction, reconstruction_of
from pipeline.core.subject import load_dictionaries
from pipeline.core.windows import Batch, Windows

VERSION = 1
BATCH = 16  # windows


def run(params: Params, work: Path) -> None:
    """Measures every learned dictionary on `quality.corpus` into `work/quality`; none without a corpus."""
    folder = ModelFolder.resolve(params.model)
    dictionaries = load_dictionaries(params, folder)
    sources = [open_source(text) for text in params.quality.corpus]
    shared = _key(params, folder, sources)
    found = [reconstruction_of(each, dictionaries) for each in dictionaries] if sources else []
    measured = {f"{each.dictionary.id}.json": each for each in found if each is not None}
    stage = StageFolder.of(
        work / "quality",
        {name: digest(shared, *(maker.identity for maker in each.makers)) for name, each in measured.items()},
    )
    if stage.is_finished():
        return
    stage.open()
    if missing := stage.missing():
        windows = Windows(
            read_corpus(sources, folder, params.quality.max_tokens), params.ctx, folder.bos(params.bos)
        )
        todo = [measured[name] for name in missing]
        measure(SubjectModel.load(folder, params.device), todo, windows, params.quality, stage)
    stage.finish()


def measure(
    model: SubjectModel,
    reconstructions: list[Reconstruction],
    windows: Windows,
    settings: QualityParams,
    stage: StageFolder,
) -> None:
    """Writes `<dictionary>.json` for each."""
    sample = _sample(windows, settings.spliced_tokens)
    means = _means(model, windows, {each.dictionary.hook_out for each in reconstructions})
    ce = cross_entropy(model, sample)
    for each in reconstructions:
        made = Reconstruction([maker.to(model.device) for maker in each.makers])
        dictionary, processing = made.dictionary, processing_of(made.dictionary)
        mean = means[dictionary.hook_out]
        fit = _fit(model, made, windows, processing.apply(dictionary.hook_out, mean, model))
        with model.replacing(made.points(model), dictionary.hook_out, _splice(made, model)):
            ce_spliced = cross_entropy(model, sample)
        with model.replacing([], dictionary.hook_out, _mean_ablation(mean)):
            ce_mean_ablated = cross_entropy(model, sample)
        record = QualityRecord(
            text=", ".join(windows.corpus.sources),
            n_tokens=fit.n,
            n_spliced=sum(len(batch.token) for batch in sample),
            l0=fit.l0,
            dead=fit.dead,
            fvu=fit.fvu,
            fvu_per_position=fit.fvu_per_position,
            ce=ce,
            ce_spliced=ce_spliced,
            ce_mean_ablated=ce_mean_ablated,
            density_histogram=fit.density_histogram(),
        )
        write_atomically(stage.path / f"{dictionary.id}.json", record.model_dump_json(indent=1).encode())
        stage.add(f"{dictionary.id}.json")
        say(
            f"quality of {dictionary.id}: L0 {record.l0:.1f}, dead {record.dead:.1%}, FVU {record.fvu:.3f},"
            f" CE recovered {record.ce_recovered:.1%}"
        )


def cross_entropy(model: SubjectModel, batches: list[Batch]) -> float:
    """Mean nats per counted token: -mean log p(token | those before it in its window)."""
    total, count = 0.0, 0
    for batch in batches:
        losses = model.losses(torch.from_numpy(batch.windows))[torch.from_numpy(batch.counted[:, 1:])]
        total += losses.double().sum().item()
        count += losses.numel()
    return total / count


def _sample(windows: Windows, n_tokens: int) -> list[Batch]:
    """Every n-th batch, so that about `n_tokens` are in the sample, from all over the text."""
    every = max(1, windows.counted_tokens // n_tokens)
    return [batch for number, batch in enumerate(windows.batches(BATCH)) if number % every == 0]


def _means(
    model: SubjectModel, windows: Windows, points: Iterable[HookPoint]
) -> dict[HookPoint, Float[Tensor, " width"]]:
    """Mean activation over all counted positions."""
    wanted = sorted(points)
    sums = {point: torch.zeros(model.width(point), dtype=torch.float64) for point in wanted}
    with step("means", len(windows), "windows") as progress:
        for batch in windows.batches(BATCH):
            for point, x in _counted(model, batch, wanted).items():
                sums[point] += x.double().sum(0).cpu()
            progress.advance(len(batch.windows))
    return {point: (s / windows.counted_tokens).float().to(model.device) for point, s in sums.items()}


def _fit(model: SubjectModel, made: Reconstruction, windows: Windows, mean: Tensor) -> Fit:
    dictionary = made.dictionary
    fit, processing = Fit(mean, dictionary.n_latents), processing_of(dictionary)
    points = sorted({*made.points(model), dictionary.hook_out})
    with step(dictionary.id[:40], len(windows), "windows") as progress:
        for batch in windows.batches(BATCH):
            acts = _counted(model, batch, points)
            latents, y_hat = made.of(acts, model)
            y = processing.apply(dictionary.hook_out, acts[dictionary.hook_out], model)
            fit.add(latents, y, y_hat)
            progress.advance(len(batch.windows))
    if not fit.variance:
        raise InputError(
            f"quality.corpus gives {dictionary.hook_out} the same activation at every position:"
            " there is nothing to explain; give more text"
        )
    return fit


def _counted(
    model: SubjectModel, batch: Batch, points: list[HookPoint]
) -> dict[HookPoint, Float[Tensor, "position width"]]:
    counted = torch.from_numpy(batch.counted).to(model.device)
    acts = model.activations(torch.from_numpy(batch.windows), points)
    return {point: x[counted] for point, x in acts.items()}


def _splice(made: Reconstruction, model: SubjectModel) -> Replacement:
    """The reconstruction at every position but the first, which statistics skip too.

    It stands in for y as the dictionary's model has it; what this model has beyond that stays.
    """
    dictionary, processing = made.dictionary, processing_of(made.dictionary)

    def replacement(caught: Acts, y: Tensor) -> Tensor:
        later = {point: x[:, 1:].flatten(0, 1) for point, x in caught.items()}
        old = y[:, 1:].flatten(0, 1)
        _, new = made.of(later, model)
        if dictionary.processing:
            new = new + old - processing.apply(dictionary.hook_out, old, model)
        return torch.cat([y[:, :1], new.view_as(y[:, 1:])], dim=1)

    return replacement


def _mean_ablation(mean: Float[Tensor, " width"]) -> Replacement:
    def replacement(_: Acts, y: Tensor) -> Tensor:
        return torch.cat([y[:, :1], mean.expand_as(y[:, 1:])], dim=1)

    return replacement


def _key(params: Params, folder: ModelFolder, sources: list[Source]) -> str:
    """Digest of all that determines the outcome, but for the dictionary."""
    return digest(
        "quality",
        VERSION,
        folder.record.weights,
        folder.config,
        folder.tokenizer().to_json(),
        [(source.name, source.key) for source in sources],
        params.ctx,
        folder.bos(params.bos),
        params.device,
        torch.__version__,
        params.quality.model_dump(),
    )
