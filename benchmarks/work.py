"""The fixed work that is measured: a random GPT-2, ReLU SAEs of log-normal densities, a corpus."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel

from feature_atlas.address import HookPoint
from pipeline import tokens
from pipeline.core.dictionaries import BLOCK, Dictionary
from pipeline.core.embedded import embedded_root
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params, make_params
from pipeline.core.windows import Windows, load_corpus


@dataclass(frozen=True)
class Shape:
    """Of a GPT-2."""

    n_layers: int
    d_model: int
    n_heads: int


MINI, SMALL = Shape(6, 384, 6), Shape(12, 768, 12)  # small: as GPT-2 small
CTX, VOCABULARY = 128, 4096
MEAN_DENSITY = 0.01
PYTHON_DOCS = "python-docs"
SAMPLE = 2048  # positions that the densities are set on


def make_model(folder: Path, shape: Shape = MINI) -> ModelFolder:
    """A random GPT-2, wild enough that activations depend on context, in `folder`."""
    torch.manual_seed(0)
    config = GPT2Config(
        n_layer=shape.n_layers,
        n_embd=shape.d_model,
        n_head=shape.n_heads,
        vocab_size=VOCABULARY,
        n_positions=CTX,
        initializer_range=0.1,
        bos_token_id=0,
        eos_token_id=0,
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(embedded_root() / "data" / "demo" / "lm" / name, folder / name)
    return ModelFolder.resolve(str(folder))


def make_params_for(
    folder: ModelFolder, max_tokens: int, neurons: bool, sae: Path | None = None, corpus: str = PYTHON_DOCS
) -> Params:
    """Parameters of an atlas of that model, with neurons or an SAE or both."""
    raw = {"model": str(folder.path), "corpus": [corpus], "max_tokens": max_tokens, "neurons": neurons}
    raw |= {"heads": False}
    return make_params(raw | {"dictionaries": {"sae": f"{sae}@{hook_point()}"} if sae else {}}, "benchmark")


def make_windows(folder: ModelFolder, max_tokens: int, work: Path, corpus: str = PYTHON_DOCS) -> Windows:
    """The corpus, cut as the pipeline cuts it."""
    params = make_params_for(folder, max_tokens, neurons=True, corpus=corpus)
    tokens.run(params, work)
    return Windows(load_corpus(work / "tokens"), CTX, folder.bos(None))


def hook_point(layer: int = MINI.n_layers // 2) -> HookPoint:
    """Where the SAEs read: an MLP, by default that in the middle."""
    return HookPoint("mlp_out", layer)


def make_sae(
    model: SubjectModel, windows: Windows, n_latents: int, point: HookPoint | None = None
) -> Dictionary:
    """A ReLU SAE of random directions; biases give log-normal densities of mean MEAN_DENSITY."""
    batch = next(windows.batches(2 * SAMPLE // CTX))
    point = point or hook_point()
    acts = model.activations(torch.from_numpy(batch.windows), [point])[point]
    x = acts[torch.from_numpy(batch.counted)][:SAMPLE]
    generator = torch.Generator().manual_seed(1)
    W_enc = torch.nn.functional.normalize(torch.randn(x.shape[1], n_latents, generator=generator), dim=0)
    density = np.exp(np.random.default_rng(2).normal(np.log(MEAN_DENSITY) - 0.5, 1, n_latents))
    rank = torch.from_numpy(np.clip(density * len(x), 1, len(x) / 2).astype(np.int64))
    b_dec = x.mean(0)
    parts: list[torch.Tensor] = []
    for lo in range(0, n_latents, BLOCK):
        pre = ((x - b_dec) @ W_enc[:, lo : lo + BLOCK]).sort(0, descending=True).values
        parts.append(-pre.gather(0, rank[None, lo : lo + BLOCK])[0])
    return Dictionary(
        id="sae",
        kind="sae",
        architecture="standard",
        hook_in=point,
        hook_out=point,
        n_latents=n_latents,
        weights="random",
        source="random",
        W_enc=W_enc,
        b_enc=torch.cat(parts),
        b_pre=b_dec,
        W_dec=W_enc.T.contiguous(),
        b_dec=b_dec,
    )


def write_sae(sae: Dictionary, folder: Path) -> Path:
    """The SAE as a SAELens folder."""
    folder.mkdir(parents=True)
    arrays = {name: getattr(sae, name).contiguous() for name in ("W_enc", "b_enc", "W_dec", "b_dec")}
    save_file(arrays, folder / "sae_weights.safetensors")
    (folder / "cfg.json").write_text(json.dumps({"architecture": "standard"}))
    return folder
