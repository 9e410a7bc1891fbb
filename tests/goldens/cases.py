"""What each golden is read as, which are refused, and how near the readers come to the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from feature_atlas.address import HookPoint
from pipeline.core.dictionaries import Dictionary
from pipeline.core.dictionary_spec import DictionaryParams, parse_spec
from pipeline.core.load_dictionary import load_dictionary
from tests.goldens.common import GOLDENS, Array

# Folder of goldens -> checkpoint in each, and hook points where the files name none.
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "sae_lens": (".", {}),
    "sae_lens_pre6": (".", {}),
    "openai": ("autoencoders/1.pt", {"hook_in": "resid_post.1"}),
    "dictionary_learning": ("trainer_0", {"hook_in": "resid_post.1"}),
    "sparsify": ("h.1*", {}),
    "circuit_tracer": (".", {"format": "circuit-tracer"}),  # as many latents as d_in: it must be said
    "dunefsky": ("transcoder.p*", {}),
    "attention_saes": ("*.pt", {}),
}
# Golden -> what its refusal says.
REFUSED = {
    "sae_lens/abstopk": "architecture is 'abstopk'",
    "sae_lens/temporal": "architecture is 'temporal'",
    "sae_lens/matching_pursuit": "architecture is 'matching_pursuit'",
    "sae_lens/checkpoint_batchtopk": "architecture is 'batchtopk'",
    "sae_lens/standard_expected_average_only_in": "give it as norm_scale",
    "sae_lens_pre6/first_normalize_true": "give it as norm_scale",
    "sae_lens_pre6/scaled": "finetuning_scaling_factor is True",
    "sae_lens_pre6/tanh_relu": "activation_fn is 'tanh-relu'",
    "openai/topk_signed": "postact_fn is 'Identity'",
    "dictionary_learning/backup_batchtopk": "biases are for activations divided by a norm",
    "circuit_tracer/jumprelu_negative_threshold": "a threshold is negative",
    "dunefsky/pkl_gz": "is a compressed pickle",
}
# Goldens with a factor of the inputs that no file holds: read a second time, given it.
SCALED = ("sae_lens/standard_expected_average_only_in", "sae_lens_pre6/first_normalize_true")
STORED = ("sae_lens/checkpoint_standard",)  # the factor lies beside the weights


@dataclass(frozen=True)
class Case:
    """A golden, how it is named to the reader, and the ends of the names of the arrays expected."""

    golden: str
    given: dict[str, Any] = field(default_factory=dict[str, Any])
    suffix: str = ""

    @property
    def name(self) -> str:
        """The golden, and what is given beside its files."""
        return self.golden + self.suffix

    @property
    def refusal(self) -> str | None:
        """What it is refused with; None if it is read."""
        return None if self.suffix else REFUSED.get(self.golden)

    def arrays(self) -> dict[str, Array]:
        """What the originating library computed."""
        with np.load(GOLDENS / self.golden / "expected.npz") as file:
            return {name: file[name] for name in file.files}

    def load(self) -> list[Dictionary]:
        """The dictionaries, as the pipeline reads them."""
        family, _, _ = self.golden.partition("/")
        inside, points = FAMILIES[family]
        (path,) = (GOLDENS / self.golden).glob(inside) if inside != "." else [GOLDENS / self.golden]
        spec = parse_spec("d", DictionaryParams(path=str(path), **points, **self.given))
        return load_dictionary(spec, self._width)

    def _width(self, point: HookPoint) -> int:
        """12 is where only transcoders' goldens write, 16 everywhere else."""
        if not (GOLDENS / self.golden / "expected.npz").is_file():
            return 16
        shape = self.arrays()["reconstruction"].shape
        return shape[-1] if point.point == "mlp_out" else 16

    def errors(self) -> tuple[float, float | None]:
        """Largest difference of latents, and of reconstructions, over the largest value.

        The second is None where latents alone give no activation.
        """
        expected, differences = self.arrays(), list[tuple[float, float | None]]()
        found = self.load()
        for number, dictionary in enumerate(found):
            names = ("x", f"latents{self.suffix}", f"reconstruction{self.suffix}")
            layer = [expected[name][number] if len(found) > 1 else expected[name] for name in names]
            differences.append(_differences(dictionary, *layer))
        reconstructed = [each for _, each in differences if each is not None]
        return max(each for each, _ in differences), max(reconstructed, default=None)


def _differences(
    dictionary: Dictionary, x: Array, latents: Array, reconstruction: Array
) -> tuple[float, float | None]:
    read = torch.from_numpy(x)
    off = float(np.abs(dictionary.encode(read).numpy() - latents).max() / np.abs(latents).max())
    if not dictionary.reconstructs:
        return off, None
    y = dictionary.decode(torch.from_numpy(latents), read).numpy()
    return off, float(np.abs(y - reconstruction).max() / np.abs(reconstruction).max())


def cases() -> Iterator[Case]:
    """Every golden, in order of names."""
    for family in sorted(FAMILIES):
        for folder in sorted(path for path in (GOLDENS / family).iterdir() if path.is_dir()):
            golden = f"{family}/{folder.name}"
            yield Case(golden, suffix="_folded" if golden in STORED else "")
            if golden in SCALED:
                scale = float(Case(golden).arrays()["scale"])
                yield Case(golden, {"norm_scale": scale}, "_folded")


def checkpoint(case: Case) -> Path:
    """Folder of a golden."""
    return GOLDENS / case.golden
