"""Checkpoints that run code when they are unpickled without care, in the layout of each family that pickles.

Made at test time from the goldens: no such file is committed.
"""

from __future__ import annotations

import gzip
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from tests.goldens.common import GOLDENS
from tests.goldens.dunefsky import state_dict as dunefsky_state
from tests.goldens.dunefsky import training_code

# family: a golden, and the checkpoint in it
PICKLED = {
    "openai": ("openai/v5", "autoencoders/1.pt"),
    "dictionary_learning": ("dictionary_learning/batchtopk", "trainer_0/ae.pt"),
    "dunefsky": ("dunefsky/pt", "transcoder.pt"),
    "attention_saes": ("attention_saes/hook_z", "gpt2-small_L1_Hcat_z.pt"),
}


class Touch:
    """Unpickled, it writes the file `trace`."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (f"open({str(self.trace)!r}, 'w').close()",)


def as_value(family: str, stored: Any, touch: Touch) -> Any:
    """The checkpoint with the object as one more value, or in Dunefsky's as the configuration."""
    return {**stored, "cfg" if family == "dunefsky" else "step": touch}


def among_the_weights(family: str, stored: Any, touch: Touch) -> Any:
    """The checkpoint with the object in place of an array."""
    if family == "dunefsky":
        return {**stored, "state_dict": {**stored["state_dict"], "b_enc": touch}}
    name = {"openai": "latent_bias", "attention_saes": "b_enc"}.get(family, "encoder.bias")
    return {**stored, name: touch}


def whole(family: str, stored: Any, touch: Touch) -> Any:
    """Nothing but the object."""
    return touch


PLACES: tuple[Callable[[str, Any, Touch], Any], ...] = (as_value, among_the_weights, whole)


def write(family: str, place: Callable[[str, Any, Touch], Any], folder: Path, trace: Path) -> Path:
    """A copy in `folder` of the family's golden; its checkpoint, returned, writes `trace` if unpickled."""
    golden, name = PICKLED[family]
    shutil.copytree(GOLDENS / golden, folder)
    path = folder / name
    with training_code() as config:
        stored = (
            {"cfg": config, "state_dict": dunefsky_state(900)}
            if family == "dunefsky"
            else torch.load(path, weights_only=True)
        )
        torch.save(place(family, stored, Touch(trace)), path)
    return path


def write_bare(folder: Path, trace: Path) -> tuple[Path, Path]:
    """The object alone as a plain pickle, and that compressed: layouts that torch does not write."""
    folder.mkdir()
    bare, packed = folder / "ae.pt", folder / "transcoder.pkl.gz"
    bare.write_bytes(pickle.dumps(Touch(trace)))
    with gzip.open(packed, "wb") as file:
        pickle.dump(Touch(trace), file)
    return bare, packed
