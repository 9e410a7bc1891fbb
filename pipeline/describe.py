"""Weights -> logit effects, nearest latents, virtual weights; OV and QK circuits of heads.

Writes `describe/<id>.npz` and, what also depends on the other dictionaries, `describe/<id>+virtual.npz`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from feature_atlas.contract import N_EFFECTS, N_NEIGHBOURS
from feature_atlas.errors import InputError
from pipeline.core.accumulate.head_types import strongest_types
from pipeline.core.circuits import HeadTokens, describe_heads
from pipeline.core.dictionaries import Dictionary
from pipeline.core.files import StageFolder, digest, save_arrays
from pipeline.core.heads import HeadGroup, head_groups
from pipeline.core.logits import ROWS, largest, logit_effects_with_histogram
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params
from pipeline.core.progress import step
from pipeline.core.repeated import random_scores
from pipeline.core.stream import read_directions
from pipeline.core.subject import load_dictionaries
from pipeline.core.virtual import Partners, head_writes, virtual_weights

VERSION = 3
VIRTUAL_VERSION = 1


def run(params: Params, work: Path) -> None:
    """Describes every dictionary and head into `work/describe`, or finds it done; a killed run goes on."""
    folder = ModelFolder.resolve(params.model)
    dictionaries, groups = load_dictionaries(params, folder), head_groups(params, folder)
    types = scanned_types(groups, work)
    keys = {f"{each.id}.npz": key(params, folder, each.identity) for each in dictionaries}
    partners = {each.id: Partners.of(each, dictionaries, folder.shape) for each in dictionaries}
    keys |= {
        virtual_name(each): virtual_key(params, folder, each, partners[each.id]) for each in dictionaries
    }
    keys |= {f"{each.id}.npz": heads_key(params, folder, each, types) for each in groups}
    stage = StageFolder.of(work / "describe", keys)
    if stage.is_finished():
        return
    stage.open()
    model, missing = SubjectModel.load(folder, params.device), stage.missing()
    todo = [each for each in dictionaries if f"{each.id}.npz" in missing]
    alone = [each for each in dictionaries if virtual_name(each) in missing]
    unread = [each for each in groups if f"{each.id}.npz" in missing]
    n_units = sum(each.n_latents for each in (*todo, *alone)) + sum(each.n_heads for each in unread)
    with step("describe", n_units, "units") as progress:
        for dictionary in todo:
            name = f"{dictionary.id}.npz"
            save_arrays(stage.path / name, describe(dictionary, model))
            stage.add(name)
            progress.advance(dictionary.n_latents)
        for dictionary in alone:
            weights = virtual_weights(dictionary, partners[dictionary.id], model)
            save_arrays(stage.path / virtual_name(dictionary), weights)
            stage.add(virtual_name(dictionary))
            progress.advance(dictionary.n_latents)
        scores = random_scores(model, folder.bos(params.bos)) if unread else []
        for group in unread:
            arrays = describe_heads(model, group.layer, types[group.id]) | scores[group.layer]
            save_arrays(stage.path / f"{group.id}.npz", arrays)
            stage.add(f"{group.id}.npz")
            progress.advance(group.n_heads)
    stage.finish()


def scanned_types(groups: list[HeadGroup], work: Path) -> dict[str, HeadTokens]:
    """By group the token types that its heads attend from and to most; they are what is described.

    Raises InputError if the scan has not finished, or was one without heads.
    """
    found: dict[str, HeadTokens] = {}
    for each in groups:
        StageFolder.key_of(work / "scan")
        path = work / "scan" / f"{each.id}.npz"
        if not path.is_file():
            raise InputError(f"the scan was made without heads: no {path}; run: atlas scan, or atlas build")
        with np.load(path, allow_pickle=False) as scan:
            types = scan["types/type"]
            query, key = (strongest_types(types, scan[f"types/{side}"]) for side in ("sent", "received"))
        found[each.id] = HeadTokens(query, key)
    return found


def key(params: Params, folder: ModelFolder, identity: tuple[object, ...]) -> str:
    """Digest of all that determines the outcome."""
    return digest(
        "describe",
        VERSION,
        folder.record.weights,
        folder.config,
        identity,
        params.device,
        torch.__version__,
    )


def virtual_name(dictionary: Dictionary) -> str:
    """The file of its virtual weights; no dictionary is called so."""
    return f"{dictionary.id}+virtual.npz"


def virtual_key(params: Params, folder: ModelFolder, dictionary: Dictionary, partners: Partners) -> str:
    """Digest of all that determines a dictionary's virtual weights: its partners as well."""
    return key(params, folder, ("virtual", VIRTUAL_VERSION, dictionary.identity, partners.identity))


def heads_key(params: Params, folder: ModelFolder, group: HeadGroup, types: dict[str, HeadTokens]) -> str:
    """The same of a layer's heads."""
    told = types[group.id]
    identity = ("heads", group.layer, folder.bos(params.bos), told.query.tolist(), told.key.tolist())
    return key(params, folder, identity)


@torch.inference_mode()
def describe(dictionary: Dictionary, model: SubjectModel) -> dict[str, np.ndarray]:
    """`promoted_*`, `suppressed_*`, `effect_hist` (if the latents write anything), `neighbour_*`,
    `encoder_*` and `writer_*`."""
    matrix = model.write_matrix(dictionary.hook_out)
    decoder = dictionary.W_dec if dictionary.W_dec is not None else matrix
    assert decoder is not None, dictionary.id
    decoder = decoder.to(model.device)
    index, cosine = nearest(decoder, N_NEIGHBOURS)
    found = {"neighbour_index": index, "neighbour_cosine": cosine}
    found["encoder_index"], found["encoder_cosine"] = nearest(
        read_directions(dictionary, model), N_NEIGHBOURS
    )
    found |= head_writes(dictionary, model)
    if matrix is not None:
        writes = decoder if dictionary.W_dec is None else decoder @ matrix
        found |= logit_effects_with_histogram(writes, model.unembedding, N_EFFECTS)
    return {name: array.cpu().numpy() for name, array in found.items()}


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
        values, latents = largest(similar, have)
        index[rows, :have], cosine[rows, :have] = latents, values
    return index, cosine
