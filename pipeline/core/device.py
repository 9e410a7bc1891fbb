"""Where torch runs: which devices there are, in what precision, what lies on them, in which streams.

The only file that knows CUDA.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from feature_atlas.errors import InputError
from pipeline.core.dictionaries import ENCODER, Dictionary

CPU = torch.device("cpu")


def open_device(name: str) -> torch.device:
    """The device called `name`, where products of float32 are taken in float32 from now on.

    TF32, which a GPU may use instead, rounds factors to 10 bits: an activation is then off by some
    1e-3, other firings pass the threshold, and other examples are on top than a CPU finds. It is
    torch's default nowhere, but an environment variable, which some containers set, makes it so.
    Raises InputError if torch has no such device here.
    """
    there = ["cpu", *_gpus()]
    if name not in there:
        raise InputError(
            f"device is {name!r}, but torch {torch.__version__} has here: {', '.join(there)};"
            " give one of these, or install a torch that is built for this machine's GPU"
        )
    torch.set_float32_matmul_precision("highest")
    return torch.device(name)


def _gpus() -> list[str]:
    n = torch.cuda.device_count()
    return ["cuda", *(f"cuda:{i}" for i in range(n))] if n else []


def all_stay(n_bytes: int, n_free: int) -> bool:
    """Whether encoders of `n_bytes` are kept on a device: if they take at most half of what is free.

    The other half is for the activations of the batches that are read at once.
    """
    return 2 * n_bytes <= n_free


def placed(dictionaries: list[Dictionary], device: torch.device) -> list[Dictionary]:
    """The dictionaries with their encoders on the device, if all may stay there, or ready to be copied."""
    if device.type == "cpu":
        return dictionaries
    n_bytes = sum(array.nbytes for each in dictionaries for array in each.arrays(ENCODER).values())
    n_free, _ = torch.cuda.mem_get_info(device)
    if all_stay(n_bytes, n_free):
        return [each.to(device, ENCODER) for each in dictionaries]
    return [_pinned(each) for each in dictionaries]


def _pinned(dictionary: Dictionary) -> Dictionary:
    """W_enc latents-major and in pinned memory: each block is one piece, copied without a detour."""
    if dictionary.W_enc is None:
        return dictionary
    return replace(dictionary, W_enc=dictionary.W_enc.T.contiguous().pin_memory().T)


def take_stream(device: torch.device) -> None:
    """From now on this thread's work on a GPU waits for no other thread's."""
    if device.type == "cuda":
        torch.cuda.set_stream(torch.cuda.Stream(device))


def wait(device: torch.device) -> None:
    """Returns when all that this thread asked of the device is done."""
    if device.type == "cuda":
        torch.cuda.current_stream(device).synchronize()
