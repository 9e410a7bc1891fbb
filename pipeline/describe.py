"""Weights only: logit effects and nearest latents. Writes `describe/<dictionary>.npz`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from feature_atlas.contract import N_EFFECT_BINS, N_EFFECTS, N_NEIGHBOURS
from pipeline.core.dictionaries import Dictionary
from pipeline.core.files import StageFolder, digest, save_arrays
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params
from pipeline.core.progress import step
from pipeline.core.subject import load_dictionaries

VERSION = 2
ROWS = 512  # latents at a time: 512 x 50,257 logits are 100 MB


def run(params: Params, work: Path) -> None:
    """Describes every dictionary into `work/describe`, or finds it done; a killed run goes on."""
    folder = ModelFolder.resolve(params.model)
    dictionaries = load_dictionaries(params, folder)
    keys = {f"{each.id}.npz": key(params, folder, each) for each in dictionaries}
    stage = StageFolder.of(work / "describe", keys)
    if stage.is_finished():
        return
    stage.open()
    model, missing = SubjectModel.load(folder, params.device), stage.missing()
    todo = [each for each in dictionaries if f"{each.id}.npz" in missing]
    with step("describe", sum(each.n_latents for each in todo), "units") as progress:
        for dictionary in todo:
            name = f"{dictionary.id}.npz"
            save_arrays(stage.path / name, describe(dictionary, model))
            stage.add(name)
            progress.advance(dictionary.n_latents)
    stage.finish()


def key(params: Params, folder: ModelFolder, dictionary: Dictionary) -> str:
    """Digest of all that determines the outcome."""
    return digest(
        "describe",
        VERSION,
        folder.record.weights,
        folder.config,
        dictionary.identity,
        params.device,
        torch.__version__,
    )


@torch.inference_mode()
def describe(dictionary: Dictionary, model: SubjectModel) -> dict[str, np.ndarray]:
    """`promoted_*`, `suppressed_*`, `effect_hist` (if the latents write anything) and `neighbour_*`."""
    matrix = model.write_matrix(dictionary.hook_out)
    decoder = dictionary.W_dec if dictionary.W_dec is not None else matrix
    assert decoder is not None, dictionary.id
    decoder = decoder.to(model.device)
    index, cosine = nearest(decoder, N_NEIGHBOURS)
    found = {"neighbour_index": index, "neighbour_cosine": cosine}
    if matrix is not None:
        writes = decoder if dictionary.W_dec is None else decoder @ matrix
        found |= logit_effects(writes, model.unembedding, N_EFFECTS)
    return {name: array.cpu().numpy() for name, array in found.items()}


def logit_effects(
    writes: Float[Tensor, "latent d_model"], unembedding: Float[Tensor, "d_model d_vocab"], k: int
) -> dict[str, Tensor]:
    """The k largest and k lowest of writes @ (gain * W_U) - its mean over the vocabulary; their histogram.

    Unit: logits per unit of activation, the final norm's scale held at 1. Ties go to the lower token.
    """
    found: dict[str, list[Tensor]] = {}
    for rows in writes.split(ROWS):
        effects = rows @ unembedding
        effects -= effects.mean(dim=-1, keepdim=True)
        for side, sign in (("promoted", 1), ("suppressed", -1)):
            values, tokens = _largest(sign * effects, k)
            found.setdefault(f"{side}_value", []).append(sign * values)
            found.setdefault(f"{side}_token", []).append(tokens)
        found.setdefault("effect_hist", []).append(torch.stack([histogram(row) for row in effects]))
    return {name: torch.cat(parts) for name, parts in found.items()}


def histogram(effects: Float[Tensor, " d_vocab"]) -> Int[Tensor, " effect_bin"]:
    """How many effects lie in each of N_EFFECT_BINS equal bins from the lowest to the highest.

    The highest counts to the last bin. All 0 if all effects are equal.
    """
    low, high = (float(edge) for edge in effects.aminmax())
    if low == high:
        return torch.zeros(N_EFFECT_BINS, dtype=torch.int64, device=effects.device)
    return effects.histc(N_EFFECT_BINS, low, high).to(torch.int64)


def nearest(
    directions: Float[Tensor, "latent d_out"], k: int
) -> tuple[Int[Tensor, "latent neighbour"], Float[Tensor, "latent neighbour"]]:
    """The k other latents of largest cosine, largest first; a latent's own index marks an empty slot."""
    unit = torch.nn.functional.normalize(directions, dim=-1)
    own = torch.arange(len(unit), device=unit.device)
    index = own[:, None].repeat(1, k)
    cosine = torch.zeros(len(unit), k, device=unit.device)
    have = min(k, len(unit) - 1)
    for rows in own.split(ROWS):
        similar = unit[rows] @ unit.T
        similar[own[: len(rows)], rows] = -torch.inf
        values, latents = _largest(similar, have)
        index[rows, :have], cosine[rows, :have] = latents, values
    return index, cosine


def _largest(values: Float[Tensor, "row column"], k: int) -> tuple[Tensor, Tensor]:
    """Top k by value, ties to the lower column: `topk` alone breaks ties as it likes."""
    top, columns = values.topk(min(k + 8, values.shape[-1]), dim=-1)
    by_column = columns.argsort(dim=-1)
    top, columns = top.gather(-1, by_column), columns.gather(-1, by_column)
    order = top.argsort(dim=-1, descending=True, stable=True)[:, :k]
    return top.gather(-1, order), columns.gather(-1, order)
