"""The fixed work as files that any tool can read: model, SAE, and the windows that our build reads.

python -m benchmarks.peers.work OUT
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.scan import BATCH, BUILT, cpu
from benchmarks.work import hook_point, make_model, make_sae, make_windows, write_sae
from pipeline.core.dictionaries import Dictionary
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.windows import Windows

N_LATENTS = 3_072


@dataclass(frozen=True)
class Work:
    """What both sides measure. The model is cut after the hook point; the seconds are CPU seconds."""

    subject: ModelFolder
    model: SubjectModel
    sae: Dictionary
    windows: Windows
    corpus_seconds: float


def main() -> None:
    """Writes the work to a new folder."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    arguments.add_argument("out", type=Path)
    write_work(arguments.parse_args().out)


def write_work(out: Path) -> Work:
    """`model/` of Hugging Face, `sae/` of SAELens, `windows.npy` with a BOS first and in place of padding."""
    subject = make_model(out / "model")
    started = cpu()
    windows = make_windows(subject, BUILT, out / "work")
    corpus_seconds = cpu() - started
    model = SubjectModel.load(subject)
    model.cut_after([hook_point()])
    sae = make_sae(model, windows, N_LATENTS)
    describe_for_saelens(sae, write_sae(sae, out / "sae"))
    np.save(out / "windows.npy", np.concatenate([batch.windows for batch in windows.batches(BATCH)]))
    return Work(subject, model, sae, windows, corpus_seconds)


def describe_for_saelens(sae: Dictionary, folder: Path) -> None:
    """The configuration that SAELens 6 asks for: with a version below 6, it takes it for an older format."""
    assert sae.W_enc is not None
    settings = {
        "architecture": "standard",
        "d_in": sae.W_enc.shape[0],
        "d_sae": sae.n_latents,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": True,
        "normalize_activations": "none",
        "metadata": {
            "sae_lens_version": "6.0.0",
            "hook_name": f"blocks.{sae.hook_in.layer}.hook_{sae.hook_in.point}",
        },
    }
    (folder / "cfg.json").write_text(json.dumps(settings))


if __name__ == "__main__":
    main()
