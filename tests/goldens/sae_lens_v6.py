"""Goldens of sae-lens 6: cfg.json and sae_weights.safetensors, as its classes save and load them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import sae_lens
import torch
from sae_lens.constants import ACTIVATION_SCALER_CFG_FILENAME
from sae_lens.saes.sae import SAEMetadata
from sae_lens.training.activation_scaler import ActivationScaler

from tests.goldens.common import (
    D_IN,
    D_OUT,
    DEAD,
    GOLDENS,
    N_LATENTS,
    K,
    expect,
    fresh,
    random_inputs,
    random_weights,
)

FAMILY = "sae_lens"
RESID = {"hook_name": "blocks.1.hook_resid_pre"}
MLP = {"hook_name": "blocks.1.ln2.hook_normalized", "hook_name_out": "blocks.1.hook_mlp_out"}
N_HEADS = 2

# variant: class, config, hooks
INFERENCE: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "standard": ("StandardSAE", {}, RESID),
    "standard_centred": (
        "StandardSAE",
        {},
        {**RESID, "model_from_pretrained_kwargs": {"center_writing_weights": True}},
    ),
    "standard_b_dec_not_on_input": ("StandardSAE", {"apply_b_dec_to_input": False}, RESID),
    "standard_expected_average_only_in": (
        "StandardSAE",
        {"normalize_activations": "expected_average_only_in"},
        RESID,
    ),
    "standard_constant_norm_rescale": (
        "StandardSAE",
        {"normalize_activations": "constant_norm_rescale"},
        RESID,
    ),
    "standard_layer_norm": ("StandardSAE", {"normalize_activations": "layer_norm"}, RESID),
    "standard_bfloat16": ("StandardSAE", {"dtype": "bfloat16"}, RESID),
    "standard_hook_z": (
        "StandardSAE",
        {"reshape_activations": "hook_z"},
        {"hook_name": "blocks.1.attn.hook_z"},
    ),
    "topk": ("TopKSAE", {"k": K}, RESID),
    "topk_layer_norm": ("TopKSAE", {"k": K, "normalize_activations": "layer_norm"}, RESID),
    "topk_rescale": ("TopKSAE", {"k": K, "rescale_acts_by_decoder_norm": True}, RESID),
    "abstopk": ("AbsTopKSAE", {"k": K}, RESID),
    "jumprelu": ("JumpReLUSAE", {}, RESID),
    "jumprelu_layer_norm": ("JumpReLUSAE", {"normalize_activations": "layer_norm"}, RESID),
    "gated": ("GatedSAE", {}, RESID),
    "gated_constant_norm_rescale": (
        "GatedSAE",
        {"normalize_activations": "constant_norm_rescale"},
        RESID,
    ),
    "transcoder": ("Transcoder", {}, MLP),
    "skip_transcoder": ("SkipTranscoder", {}, MLP),
    "skip_transcoder_layer_norm": ("SkipTranscoder", {"normalize_activations": "layer_norm"}, MLP),
    "jumprelu_transcoder": ("JumpReLUTranscoder", {}, MLP),
    "jumprelu_skip_transcoder": ("JumpReLUSkipTranscoder", {}, MLP),
}

TRAINED: dict[str, tuple[str, dict[str, Any]]] = {
    "standard_trained": ("StandardTrainingSAE", {}),
    "topk_trained": ("TopKTrainingSAE", {"k": K}),
    "batchtopk": ("BatchTopKTrainingSAE", {"k": K, "rescale_acts_by_decoder_norm": False}),
    "batchtopk_rescale": ("BatchTopKTrainingSAE", {"k": K, "rescale_acts_by_decoder_norm": True}),
    "matryoshka_batchtopk": (
        "MatryoshkaBatchTopKTrainingSAE",
        {"k": K, "matryoshka_widths": [4, 12, N_LATENTS], "rescale_acts_by_decoder_norm": False},
    ),
}
CHECKPOINTS: dict[str, tuple[str, dict[str, Any]]] = {
    "checkpoint_standard": ("StandardTrainingSAE", {}),
    "checkpoint_batchtopk": ("BatchTopKTrainingSAE", {"k": K}),
}
THRESHOLD, SCALE = 1.1, 0.37  # what training would have estimated


def make() -> None:
    for seed, (variant, (name, config, hooks)) in enumerate(INFERENCE.items()):
        folder = fresh(FAMILY, variant)
        sae = build(name, config, hooks)
        fill(sae, 100 + seed)
        sae.save_model(folder)
        run(folder, 100 + seed)
    for seed, (variant, (name, config)) in enumerate(TRAINED.items()):
        folder = fresh(FAMILY, variant)
        sae = build(name, config, RESID)
        fill(sae, 200 + seed)
        save_as_the_runner_does(sae, folder)
        run(folder, 200 + seed)
    for seed, (variant, (name, config)) in enumerate(CHECKPOINTS.items()):
        folder = fresh(FAMILY, variant)
        sae = build(name, {"normalize_activations": "expected_average_only_in", **config}, RESID)
        fill(sae, 250 + seed)
        sae.save_model(folder)
        ActivationScaler(SCALE).save(str(folder / ACTIVATION_SCALER_CFG_FILENAME))
    run(GOLDENS / FAMILY / "checkpoint_standard", 250)
    for variant, name, config in (
        ("temporal", "TemporalSAE", {"n_heads": 2, "bottleneck_factor": 8, "d_sae": 16}),
        ("matching_pursuit", "MatchingPursuitSAE", {}),
    ):
        build(name, config, RESID).save_model(fresh(FAMILY, variant))


def build(name: str, config: dict[str, Any], hooks: dict[str, Any]) -> Any:
    """An instance of the sae-lens class of that name, with its config class."""
    metadata = SAEMetadata(
        model_name="gpt2-small",
        hook_head_index=None,
        context_size=128,
        prepend_bos=True,
        dataset_path="Skylion007/openwebtext",
        **hooks,
    )
    if "Transcoder" in name:
        config = {"d_out": D_OUT, "apply_b_dec_to_input": False, **config}
    settings = {"d_in": D_IN, "d_sae": N_LATENTS, "metadata": metadata, **config}
    torch.manual_seed(0)
    return getattr(sae_lens, name)(getattr(sae_lens, f"{name}Config")(**settings))


@torch.no_grad()
def fill(sae: Any, seed: int) -> None:
    """Every parameter random; where the largest of either sign fire, none can be made dead by its bias."""
    weights = random_weights(seed, d_out=len(sae.b_dec))
    if sae.cfg.architecture() == "abstopk":
        weights["b_enc"][list(DEAD)] = 0
    for name, parameter in sae.named_parameters():
        parameter.copy_(torch.from_numpy(weights[name]))
    if hasattr(sae, "topk_threshold"):
        sae.topk_threshold.fill_(THRESHOLD)


def save_as_the_runner_does(sae: Any, folder: Path) -> None:
    """Save what the end of a training run saves: also runner_cfg.json and sparsity.safetensors."""
    settings = sae_lens.LanguageModelSAERunnerConfig(
        sae=sae.cfg,
        model_name="gpt2-small",
        logger=sae_lens.LoggingConfig(log_to_wandb=False),
        checkpoint_path=None,
        device="cpu",
        **RESID,
    )
    log_sparsity = torch.linspace(-6, -1, N_LATENTS)
    runner: Any = SimpleNamespace(cfg=settings)
    sae_lens.LanguageModelSAETrainingRunner.save_final_sae(runner, sae, str(folder), log_sparsity)


@torch.no_grad()
def run(folder: Path, seed: int) -> None:
    """Load the folder in float32 and write what it computes of random inputs.

    Where activations are meant to be scaled by a number that the weights lack (expected_average_only_in)
    `latents` and `reconstruction` are as loaded, unscaled; those with `scale` folded in come beside them.
    """
    sae: Any = sae_lens.SAE.load_from_disk(folder, dtype="float32")
    inputs = random_inputs(seed)
    x = torch.from_numpy(inputs)
    latents, reconstruction = forward(sae, x)
    more = {}
    if sae.cfg.normalize_activations == "expected_average_only_in":
        sae.fold_activation_norm_scaling_factor(SCALE)
        folded = forward(sae, x)
        more = {"scale": np.array(SCALE), "latents_folded": folded[0], "reconstruction_folded": folded[1]}
    expect(folder, inputs, latents, reconstruction, **more)


def forward(sae: Any, x: torch.Tensor) -> tuple[Any, Any]:
    """Latents [n, n_latents] and reconstruction [n, d_out]; of hook_z the heads are concatenated."""
    if sae.cfg.reshape_activations == "hook_z":
        x = x.unflatten(-1, (N_HEADS, -1))
    return sae.encode(x).numpy(), sae(x).flatten(1).numpy()
