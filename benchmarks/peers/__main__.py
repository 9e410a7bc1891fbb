"""Our whole build and SAEDashboard on the same work, in turn, each over its own bare forward and encoder.

    python -m benchmarks.peers --python PEER/bin/python [--defaults]

SAEDashboard is measured before and after ours, in its own environment (README.md beside this file).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import torch

from benchmarks.peers.work import Work, write_work
from benchmarks.scan import BUILT, bare_seconds, whole_build


def main() -> None:
    """Prints one JSON object."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    arguments.add_argument("--python", required=True, help="the interpreter of SAEDashboard's environment")
    arguments.add_argument("--defaults", action="store_true", help="SAEDashboard's default settings: slow")
    given = arguments.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder), given.python, given.defaults), indent=1))


def measure(folder: Path, python: str, defaults: bool) -> dict[str, Any]:
    """Theirs, ours, theirs."""
    work = write_work(folder / "work")
    before = theirs(folder / "work", python, defaults)
    measured = ours(work, folder / "ours")
    runs = [before, theirs(folder / "work", python, defaults)]
    return {"ours": measured, "saedashboard": runs, "saedashboard_over_ours": compared(measured, runs)}


def compared(measured: dict[str, Any], runs: list[dict[str, Any]]) -> dict[str, float]:
    """How many times ours they take: the whole build, and the build less what they are spared."""
    ratio = sum(run["ratio"] for run in runs) / len(runs)
    whole = measured["whole_build_ratio"]["median"]
    spared = {"whole_build": 0, "given_tokens": measured["corpus_ratio"]}
    return {name: round(ratio / (whole - less), 2) for name, less in spared.items()}


def ours(work: Work, folder: Path) -> dict[str, Any]:
    """The whole build of this work as `benchmarks.scan` measures it, and how much of it reads the corpus."""
    found = whole_build(work.subject, work.sae, work.windows, folder, BUILT)
    bare = bare_seconds(work.model, work.sae, work.windows, work.windows.counted_tokens)
    return found | {
        "corpus_ratio": round(work.corpus_seconds / bare, 3),
        "bare_seconds": bare,
        "counted_tokens": work.windows.counted_tokens,
    }


def theirs(work: Path, python: str, defaults: bool) -> dict[str, Any]:
    """What `saedashboard.py` prints in its own environment."""
    command = [python, str(Path(__file__).with_name("saedashboard.py")), str(work)]
    said = subprocess.run([*command, *["--defaults"] * defaults], stdout=subprocess.PIPE, check=True)
    return json.loads(said.stdout)


if __name__ == "__main__":
    main()
