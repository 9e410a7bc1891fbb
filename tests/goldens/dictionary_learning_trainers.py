"""Goldens of dictionary_learning: what its trainSAE leaves in trainer_0/ of random dictionaries.

Training takes no step, so that the files hold exactly the random weights; but for the backup, which is
what a run that breaks off after two steps leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dictionary_learning import dictionary, trainers
from dictionary_learning.trainers.matryoshka_batch_top_k import (
    MatryoshkaBatchTopKSAE,
    MatryoshkaBatchTopKTrainer,
)
from dictionary_learning.trainers.standard import StandardTrainerAprilUpdate
from dictionary_learning.trainers.top_k import AutoEncoderTopK
from dictionary_learning.training import trainSAE
from dictionary_learning.utils import load_dictionary

from tests.goldens.common import D_IN, N_LATENTS, K, expect, fresh, random_inputs, random_weights

FAMILY = "dictionary_learning"
THRESHOLD, THRESHOLD_OF_NORMALIZED = 1.1, 0.2
COMMON = {
    "activation_dim": D_IN,
    "dict_size": N_LATENTS,
    "layer": 1,
    "lm_name": "openai-community/gpt2",
    "submodule_name": "resid_post_layer_1",
    "steps": 3000,
    "device": "cpu",
    "seed": 0,
}

# variant: trainer, its dictionary, settings
VARIANTS: dict[str, tuple[type, type, dict[str, Any]]] = {
    "autoencoder": (trainers.StandardTrainer, dictionary.AutoEncoder, {}),
    "autoencoder_april_update": (StandardTrainerAprilUpdate, dictionary.AutoEncoder, {}),
    "gated": (trainers.GatedSAETrainer, dictionary.GatedAutoEncoder, {}),
    "topk": (trainers.TopKTrainer, AutoEncoderTopK, {"k": K}),
    "batchtopk": (trainers.BatchTopKTrainer, trainers.BatchTopKSAE, {"k": K}),
    "matryoshka_batchtopk": (
        MatryoshkaBatchTopKTrainer,
        MatryoshkaBatchTopKSAE,
        {"k": K, "group_fractions": [0.25, 0.25, 0.5]},
    ),
    "jumprelu": (trainers.JumpReluTrainer, dictionary.JumpReluAutoEncoder, {}),
}


class Broken(Exception):
    """The run was broken off."""


class Buffer:
    """Three batches of activations each time it is gone through; breaks off the second time, if told so."""

    config = {
        "d_submodule": D_IN,
        "io": "out",
        "n_ctxs": 3000,
        "ctx_len": 128,
        "refresh_batch_size": 512,
        "out_batch_size": 8192,
        "device": "cpu",
    }

    def __init__(self, breaks: bool = False) -> None:
        self.breaks, self.times = breaks, 0

    def __iter__(self) -> Iterator[torch.Tensor]:
        self.times += 1
        for seed in range(3):
            if self.breaks and self.times == 2 and seed == 2:
                raise Broken
            yield torch.from_numpy(random_inputs(seed, n=64))


def make() -> None:
    for seed, (variant, (trainer, kind, settings)) in enumerate(VARIANTS.items()):
        folder = fresh(FAMILY, variant)
        train(folder, trainer, kind, settings, 400 + seed, steps=0)
        run(folder, 400 + seed)
    make_backup("backup_batchtopk", 450)


def train(
    folder: Path,
    trainer: type,
    kind: type,
    settings: dict[str, Any],
    seed: int,
    steps: int,
    threshold: float = THRESHOLD,
    **options: Any,
) -> None:
    options = {"data": Buffer(), **options}
    config = {"trainer": trainer, "dict_class": filled(kind, seed, threshold), **COMMON, **settings}
    trainSAE(trainer_configs=[config], steps=steps, save_dir=str(folder), device="cpu", **options)


def filled(kind: type, seed: int, threshold: float) -> Callable[..., Any]:
    """A dictionary class whose every parameter and threshold starts random."""

    @torch.no_grad()
    def build(*args: Any, **kwargs: Any) -> Any:
        made = kind(*args, **kwargs)
        weights = {name: torch.from_numpy(array) for name, array in random_weights(seed).items()}
        values = {
            **weights,
            "encoder.weight": weights["W_enc"].T,
            "encoder.bias": weights["b_enc"],
            "decoder.weight": weights["W_dec"].T,
            "bias": weights["b_dec"],
            "decoder_bias": weights["b_dec"],
            "gate_bias": weights["b_gate"],
            "mag_bias": weights["b_mag"],
        }
        for name, parameter in made.named_parameters():
            parameter.copy_(values[name])
        if "threshold" in dict(made.named_buffers()):
            made.threshold.fill_(threshold)
        return made

    return build


@torch.no_grad()
def run(folder: Path, seed: int) -> None:
    """What the dictionary computes as it is stored.

    Its load_dictionary rescales the latents of an AutoEncoder so that its directions have norm 1:
    `latents_unit_norm` are those.
    """
    made, config = load_dictionary(str(folder / "trainer_0"), "cpu")
    inputs = random_inputs(seed)
    x = torch.from_numpy(inputs)
    more = {}
    if config["trainer"]["dict_class"] == "AutoEncoder":
        more = {"latents_unit_norm": made.encode(x).numpy()}
        path = folder / "trainer_0" / "ae.pt"
        made = dictionary.AutoEncoder.from_pretrained(path, normalize_decoder=False)
    latents = made.encode(x)
    expect(folder, inputs, latents.numpy(), made.decode(latents).numpy(), **more)


def make_backup(variant: str, seed: int) -> None:
    """A backup of training on activations over their norm: what it computes of raw ones, and of those."""
    folder = fresh(FAMILY, variant)
    trainer, kind, settings = VARIANTS["batchtopk"]
    with suppress(Broken):
        train(
            folder,
            trainer,
            kind,
            settings,
            seed,
            steps=10,
            threshold=THRESHOLD_OF_NORMALIZED,
            data=Buffer(breaks=True),
            normalize_activations=True,
            backup_steps=1,
        )
    stored = torch.load(folder / "trainer_0" / "ae.pt")
    norm = stored["norm_factor"]
    made = kind(D_IN, N_LATENTS, K)
    made.load_state_dict(stored["ae"])
    inputs = random_inputs(seed)
    x = torch.from_numpy(inputs)
    with torch.no_grad():
        inside = made.encode(x / norm)
        made.scale_biases(norm)
        latents = made.encode(x)
        reconstruction = made.decode(latents)
    expect(
        folder,
        inputs,
        latents.numpy(),
        reconstruction.numpy(),
        norm_factor=np.array(norm),
        latents_of_normalized=inside.numpy(),
    )
