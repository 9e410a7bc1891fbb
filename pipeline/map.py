"""Write directions and neighbours -> a map of every dictionary's latents. Writes `map/<id>.npz`."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from feature_atlas.contract import MAP
from pipeline.core.dictionaries import Dictionary
from pipeline.core.files import StageFolder, digest, file_digest, load_arrays, save_arrays
from pipeline.core.layout import LEAST, LIBRARIES, layout, quantised, regions
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params
from pipeline.core.progress import step
from pipeline.core.subject import load_dictionaries

VERSION = 1


def run(params: Params, work: Path) -> None:
    """Lays out every dictionary of LEAST latents and more, or finds it done; a killed run goes on."""
    folder = ModelFolder.resolve(params.model)
    laid_out = [each for each in load_dictionaries(params, folder) if params.map and each.n_latents >= LEAST]
    StageFolder.key_of(work / "describe")
    stage = StageFolder.of(work / "map", {f"{each.id}.npz": key(each, work) for each in laid_out})
    if stage.is_finished():
        return
    stage.open()
    missing = stage.missing()
    todo = [each for each in laid_out if f"{each.id}.npz" in missing]
    model = SubjectModel.load(folder, params.device) if any(each.W_dec is None for each in todo) else None
    with step("map", sum(each.n_latents for each in todo), "latents") as progress:
        for dictionary in todo:
            name = f"{dictionary.id}.npz"
            described = load_arrays(work / "describe" / name)
            save_arrays(stage.path / name, map_arrays(directions(dictionary, model), described))
            stage.add(name)
            progress.advance(dictionary.n_latents)
    stage.finish()


def key(dictionary: Dictionary, work: Path) -> str:
    """Digest of all that determines a dictionary's map."""
    described = file_digest(work / "describe" / f"{dictionary.id}.npz")
    return digest("map", VERSION, dictionary.identity, described, [version(name) for name in LIBRARIES])


@torch.inference_mode()
def directions(dictionary: Dictionary, model: SubjectModel | None) -> Float[np.ndarray, "latent d_out"]:
    """What each latent writes: its row of W_dec, of a neuron that of W_out."""
    decoder = dictionary.W_dec
    if decoder is None:
        assert model is not None
        decoder = model.write_matrix(dictionary.hook_out)
        assert decoder is not None, dictionary.id
    return decoder.float().cpu().numpy()


def map_arrays(
    directions: Float[np.ndarray, "latent d_out"], described: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The arrays of the contract's MAP."""
    xy = quantised(layout(directions, described["neighbour_index"], described["neighbour_cosine"]))
    return dict(zip((spec.path for spec in MAP), (xy, regions(xy)), strict=True))
