"""SAEDashboard on the fixed work, against the bare forward pass and encoder, in CPU seconds of one thread.

    PEER/bin/python benchmarks/peers/saedashboard.py WORK [--defaults]

Stand-alone: it runs in SAEDashboard's own environment and reads only the files of `benchmarks.peers.work`.
Bare, SAEDashboard, bare again, so that a change of the machine's speed shows; the ratio is to the mean of
both. After the clock stops, what it wrote is compared with brute force: the work must be the same.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sae_dashboard.components_config import (
    ActsHistogramConfig,
    Column,
    FeatureTablesConfig,
    LogitsHistogramConfig,
    LogitsTableConfig,
    SequencesConfig,
)
from sae_dashboard.data_writing_fns import save_feature_centric_vis
from sae_dashboard.layout import SaeVisLayoutConfig
from sae_dashboard.neuronpedia.neuronpedia_converter import NeuronpediaConverter
from sae_dashboard.neuronpedia.neuronpedia_runner_config import NeuronpediaRunnerConfig
from sae_dashboard.sae_vis_data import SaeVisConfig
from sae_dashboard.sae_vis_runner import SaeVisRunner
from sae_lens import SAE, HookedSAETransformer
from torch import nn
from transformer_lens import HookedTransformerConfig
from transformer_lens.pretrained.weight_conversions import convert_gpt2_weights
from transformers import AutoTokenizer, GPT2LMHeadModel

PACKAGES = ("torch", "sae-dashboard", "sae-lens", "transformer-lens", "transformers", "numpy")
BOS = 0  # first in every window, and what short windows are padded with; statistics leave it out
BARE_BATCH = 16
# Neuronpedia's own settings; with the cache the model reads every window once, not once a batch of latents.
LATENTS_AT_A_TIME, WINDOWS_AT_A_TIME, QUANTILES, TOP, PER_QUANTILE = 128, 32, 5, 20, 5
CHECKED = 64
WIDEST_HOOK_DIFFERENCE = 1e-4
WIDEST_TOP_DIFFERENCE = 2e-3  # what is written is rounded to four decimals, then to three


@dataclass
class Work:
    """What is measured, as Hugging Face and as SAEDashboard hold it."""

    network: GPT2LMHeadModel
    model: HookedSAETransformer
    sae: Any
    windows: torch.Tensor
    words: dict[int, str]

    @property
    def hook(self) -> str:
        """Where the SAE reads, by TransformerLens' name."""
        return self.sae.cfg.metadata.hook_name

    @property
    def layer(self) -> int:
        """The block that the SAE reads."""
        return int(self.hook.split(".")[1])

    @property
    def n_latents(self) -> int:
        """Latents of the SAE."""
        return self.sae.cfg.d_sae


def main() -> None:
    """Prints one JSON object."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    arguments.add_argument("work", type=Path)
    arguments.add_argument("--defaults", action="store_true", help="its default settings, one HTML: slow")
    given = arguments.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(load(given.work), Path(folder), given.defaults), indent=1))


@torch.inference_mode()
def measure(work: Work, folder: Path, defaults: bool) -> dict[str, Any]:
    """Bare, SAEDashboard, bare; then the checks."""
    (folder / "out").mkdir()
    run = write_html if defaults else write_json
    before = bare_seconds(work)
    spent = seconds(lambda: run(work, folder))
    bare = [before, bare_seconds(work)]
    written = sum(file.stat().st_size for file in (folder / "out").iterdir())
    return {
        "bare_seconds": bare,
        "saedashboard_seconds": spent,
        "ratio": 2 * spent / sum(bare),
        "bytes_per_latent": round(written / work.n_latents),
        "hook_difference": hook_difference(work),
        "top_difference": None if defaults else top_difference(work, folder / "out"),
        "windows": len(work.windows),
        "counted_tokens": int((work.windows != BOS).sum()),
        "latents": work.n_latents,
        "settings": {"output": "HTML"} if defaults else best_settings(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def load(folder: Path) -> Work:
    """Everything that is read once and not measured."""
    network = GPT2LMHeadModel.from_pretrained(folder / "model", dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    model = hooked(network, tokenizer)
    sae = SAE.load_from_disk(folder / "sae", device="cpu")
    words = {number: word for word, number in tokenizer.get_vocab().items()}
    return Work(network, model, sae, torch.from_numpy(np.load(folder / "windows.npy")), words)


def hooked(network: GPT2LMHeadModel, tokenizer: Any) -> HookedSAETransformer:
    """The same weights in TransformerLens, which can't load a folder; none of its folding and centring."""
    config = network.config
    cfg = HookedTransformerConfig(
        n_layers=config.n_layer,
        d_model=config.n_embd,
        n_ctx=config.n_positions,
        d_head=config.n_embd // config.n_head,
        n_heads=config.n_head,
        d_mlp=4 * config.n_embd,
        d_vocab=config.vocab_size,
        act_fn=config.activation_function,
        eps=config.layer_norm_epsilon,
        normalization_type="LN",
        original_architecture="GPT2LMHeadModel",
        device="cpu",
    )
    model = HookedSAETransformer(cfg, tokenizer=tokenizer).eval()
    model.load_state_dict(convert_gpt2_weights(network, cfg), strict=False)
    return model


def write_json(work: Work, folder: Path) -> None:
    """All latents as Neuronpedia's runner writes them, without its stream of a dataset."""
    np_cfg = NeuronpediaRunnerConfig(sae_set="work", sae_path="", outputs_dir="")
    np_cfg.n_prompts_total, np_cfg.n_tokens_in_prompt = work.windows.shape
    np_cfg.model_id, np_cfg.layer = "work", work.layer
    for number, latents in enumerate(torch.arange(work.n_latents).split(LATENTS_AT_A_TIME)):
        config = SaeVisConfig(
            hook_point=work.hook,
            features=latents.tolist(),
            minibatch_size_features=LATENTS_AT_A_TIME,
            minibatch_size_tokens=WINDOWS_AT_A_TIME,
            ignore_tokens={BOS},
            feature_centric_layout=layout(),
            cache_dir=folder / "cache",
        )
        data = SaeVisRunner(config).run(encoder=work.sae, model=work.model, tokens=work.windows)
        text = NeuronpediaConverter.convert_to_np_json(work.model, data, np_cfg, work.words)
        (folder / "out" / f"batch-{number}.json").write_text(text)


def layout() -> SaeVisLayoutConfig:
    """What Neuronpedia shows: whole windows around the top and the quantiles, histograms, logits, tables."""
    sequences = SequencesConfig(
        buffer=None, n_quantiles=QUANTILES, top_acts_group_size=TOP, quantile_group_size=PER_QUANTILE
    )
    parts = (ActsHistogramConfig(), LogitsHistogramConfig(), LogitsTableConfig(), FeatureTablesConfig())
    return SaeVisLayoutConfig([Column(sequences, *parts)])


def write_html(work: Work, folder: Path) -> None:
    """All latents in one HTML, default settings: the model reads all windows once per 256 latents."""
    config = SaeVisConfig(hook_point=work.hook, features=range(work.n_latents))
    data = SaeVisRunner(config).run(encoder=work.sae, model=work.model, tokens=work.windows)
    save_feature_centric_vis(data, folder / "out" / "all.html")


def best_settings() -> dict[str, Any]:
    """The settings of `write_json` that matter to the time."""
    return {
        "output": "Neuronpedia-style JSON",
        "cache_dir": True,
        "latents_at_a_time": LATENTS_AT_A_TIME,
        "windows_at_a_time": WINDOWS_AT_A_TIME,
        "quantiles": QUANTILES,
        "top": TOP,
        "per_quantile": PER_QUANTILE,
    }


def bare_seconds(work: Work) -> float:
    """CPU seconds of forward pass up to the hook and relu(x @ W_enc + b), all latents at once."""
    bias = work.sae.b_enc - work.sae.b_dec @ work.sae.W_enc

    def bare() -> None:
        for windows, x in bare_activations(work):
            torch.addmm(bias, x[windows != BOS], work.sae.W_enc).relu_()

    return seconds(bare)


def bare_activations(work: Work) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Windows and what the SAE reads of them, from Hugging Face's network cut after the hook, GELU fused."""
    caught: list[torch.Tensor] = []
    trunk = work.network.transformer
    trunk.h = trunk.h[: work.layer + 1]
    for block in trunk.h:
        block.mlp.act = nn.GELU(approximate="tanh")
    handle = trunk.h[work.layer].mlp.register_forward_hook(lambda _, __, output: caught.append(output))
    for windows in work.windows.split(BARE_BATCH):
        trunk(windows, use_cache=False)
        yield windows, caught.pop()
    handle.remove()


def hook_difference(work: Work) -> float:
    """Widest difference between the two networks' activations at the hook; raises if they disagree."""
    windows, ours = next(bare_activations(work))
    _, cache = work.model.run_with_cache(windows, names_filter=work.hook)
    difference = float((ours - cache[work.hook]).abs().max())
    assert difference < WIDEST_HOOK_DIFFERENCE, f"activations differ by {difference}"
    return difference


def top_difference(work: Work, out: Path) -> float:
    """Widest difference between the top activations written and brute force's; raises if they disagree."""
    features = json.loads((out / "batch-0.json").read_text())["features"][:CHECKED]
    written = torch.tensor([max(top_values(feature)) for feature in features])
    best = torch.zeros(work.n_latents)
    for windows, x in bare_activations(work):
        best = torch.maximum(best, work.sae.encode(x)[windows != BOS].amax(0))
    difference = float((best[: len(written)] - written).abs().max())
    assert difference < WIDEST_TOP_DIFFERENCE, f"top activations differ by {difference}"
    return difference


def top_values(feature: dict[str, Any]) -> list[float]:
    """The activations of a latent's top windows: those of no quantile."""
    return [
        value for window in feature["activations"] if window["bin_min"] == -1 for value in window["values"]
    ]


def seconds(run: Callable[[], None]) -> float:
    """CPU seconds of all threads of this process."""
    started = time.process_time()
    run()
    return time.process_time() - started


if __name__ == "__main__":
    main()
