"""The scan against the bare forward pass and encode of the same batches, in CPU seconds of one thread.

    python -m benchmarks.scan [--tokens N]

Of every batch are timed in turn the model alone, the encoders alone, and encoding with everything that
is kept of it. Ends with one JSON object.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch

from pipeline import tokens
from pipeline.core.embedded import embedded_root
from pipeline.core.encode import starts
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import load_params
from pipeline.core.subject import load_dictionaries
from pipeline.scan import counted, load_cut_model, new_scans, open_windows

T = TypeVar("T")


def main() -> None:
    """Measures the demo's neurons and dictionaries, apart."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--tokens", type=int, default=200_000)
    given = arguments.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as work:
        print(json.dumps(measure(given.tokens, Path(work)), indent=1))


def measure(max_tokens: int, work: Path) -> dict[str, float]:
    """CPU seconds, and the ratio (forward + encode + accumulate) / (forward + encode)."""
    params = load_params(embedded_root() / "params.yaml", {"max_tokens": max_tokens})
    tokens.run(params, work)
    folder = ModelFolder.resolve(params.model)
    dictionaries = load_dictionaries(params, folder)
    windows = open_windows(params, folder, work)
    scans = new_scans(dictionaries, windows, params, folder.record.d_vocab)
    model = load_cut_model(folder, dictionaries, "cpu")
    points = sorted({dictionary.hook_in for dictionary in dictionaries})
    kinds = ("neurons", "latents")
    spent = {"forward": 0.0, "encode": 0.0, **{f"encode and accumulate {kind}": 0.0 for kind in kinds}}
    with torch.inference_mode(), model.catching(points) as read:
        for batch in windows.batches(params.scan.batch):
            acts = _timed(spent, "forward", lambda b=batch: counted(model, read, b))
            for scan in scans:
                kind = "neurons" if scan.dictionary.two_signed else "latents"
                x = scan.dictionary.read(acts[scan.dictionary.hook_in])
                for lo in starts(scan.dictionary):
                    if kind == "latents":
                        _timed(spent, "encode", lambda s=scan, x=x, lo=lo: s.dictionary.pre(x, lo))
                    take_in = partial(scan.add, [x], lo, (batch,))
                    _timed(spent, f"encode and accumulate {kind}", take_in)
    bare = spent["forward"] + spent["encode"]
    latents = spent["forward"] + spent["encode and accumulate latents"]
    return {
        **spent,
        "counted tokens": windows.counted_tokens,
        "ratio without neurons": latents / bare,
        "ratio": (latents + spent["encode and accumulate neurons"]) / bare,
    }


def _timed(spent: dict[str, float], name: str, work: Callable[[], T]) -> T:
    started = time.process_time()
    result = work()
    spent[name] += time.process_time() - started
    return result


if __name__ == "__main__":
    main()
