"""Goldens of Dunefsky's GPT-2 transcoders, whose code is not packaged: plain numpy from its equations.

Their files hold the whole training configuration as an object of a class of the training code, which
no reader has: it is made up while writing.
"""

from __future__ import annotations

import gzip
import pickle
import sys
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
import torch

from tests.goldens.common import D_IN, D_OUT, N_LATENTS, expect, fresh, random_inputs, random_weights

FAMILY = "dunefsky"


def make() -> None:
    state, x = state_dict(900), random_inputs(900)
    w = {name: array.numpy().astype(np.float64) for name, array in state.items()}
    latents = np.maximum((x - w["b_dec"]) @ w["W_enc"] + w["b_enc"], 0)
    reconstruction = latents @ w["W_dec"] + w["b_dec_out"]
    for variant in ("pt", "pkl_gz"):
        folder = fresh(FAMILY, variant)
        with training_code() as config:
            stored = {"cfg": config, "state_dict": state}
            if variant == "pt":
                torch.save(stored, folder / "transcoder.pt")
            else:
                with gzip.GzipFile(folder / "transcoder.pkl.gz", "wb", mtime=0) as file:
                    pickle.dump(stored, file)
        expect(folder, x, latents, reconstruction)


def state_dict(seed: int) -> OrderedDict[str, torch.Tensor]:
    """W_enc [d_in, n_latents], W_dec [n_latents, d_out]; b_dec [d_in] is taken from the input."""
    weights = {name: torch.from_numpy(array) for name, array in random_weights(seed, d_out=D_OUT).items()}
    return OrderedDict(
        W_enc=weights["W_enc"],
        b_enc=weights["b_enc"],
        W_dec=weights["W_dec"],
        b_dec=weights["b_in"],
        b_dec_out=weights["b_dec"],
    )


@contextmanager
def training_code() -> Iterator[Any]:
    """An object of sae_training.config.LanguageModelSAERunnerConfig; within, it can be pickled."""
    name = "sae_training.config"
    kind = type("LanguageModelSAERunnerConfig", (), {"__module__": name})
    module = ModuleType(name)
    vars(module)["LanguageModelSAERunnerConfig"] = kind
    config = kind()
    vars(config).update(
        model_name="gpt2-small",
        hook_point="blocks.1.ln2.hook_normalized",
        hook_point_layer=1,
        hook_point_head_index=None,
        dataset_path="Skylion007/openwebtext",
        is_dataset_tokenized=False,
        context_size=128,
        d_in=D_IN,
        d_sae=N_LATENTS,
        device=torch.device("cpu"),
        dtype=torch.float32,
        seed=42,
        is_transcoder=True,
        out_hook_point="blocks.1.hook_mlp_out",
        out_hook_point_layer=1,
        d_out=D_OUT,
        use_ghost_grads=(False,),
        l1_coefficient=0.00014,
        lr=0.0004,
    )
    sys.modules.update({"sae_training": ModuleType("sae_training"), name: module})
    try:
        yield config
    finally:
        del sys.modules["sae_training"], sys.modules[name]
