"""What `atlas estimate` tells, held against builds of the same.

    python -m benchmarks.estimates [--json]

Prints one JSON object last, and without --json writes the section of `docs/estimate.md` before. Estimate and
build run one after the other, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.one_pass import make
from benchmarks.report import machine, write_section
from benchmarks.work import MINI
from feature_atlas import open_atlas
from pipeline.build import STAGES, run_stage
from pipeline.core.embedded import embedded_root
from pipeline.core.estimate_table import duration, n_bytes
from pipeline.core.params import Params, load_params, make_params, save_params
from pipeline.core.runs import work_folder

PAGE = Path(__file__).parents[1] / "docs" / "estimate.md"
FEW, WIDE = 65_536, 262_144  # tokens at most of the demo's beginning, and of the wider dictionaries
ATLAS = "from pipeline.cli import main; main()"
N_DICTIONARIES, N_LATENTS, SAMPLE = 2, 3_072, 65_536


def main() -> None:
    """Prints one JSON object."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    arguments.add_argument("--json", action="store_true", help="only print")
    arguments.add_argument("--build", type=Path, nargs=2, metavar=("PARAMS", "ATLAS"), help="one build alone")
    given = arguments.parse_args()
    if given.build:
        print(json.dumps(built(*given.build)))
        return
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder))
    if not given.json:
        write_section("estimates", report(found), PAGE)
    print(json.dumps(found, indent=1))


def measure(folder: Path) -> dict[str, Any]:
    """By scale what was told and what was built."""
    found: dict[str, Any] = {}
    for name, params in scales(folder).items():
        path = folder / f"{len(found)}.yaml"
        save_params(path, params)
        told = _ran("-c", ATLAS, "estimate", "--config", path, "--json")
        real = _ran("-m", "benchmarks.estimates", "--build", path, folder / str(len(found)) / "atlas")
        found[name] = {"told": in_short(told), "build": real}
    return found


def scales(folder: Path) -> dict[str, Params]:
    """The demo's model and dictionaries over two lengths of text; and a wider model and dictionaries."""
    demo = embedded_root() / "params.yaml"
    make(folder / "wide", MINI, N_DICTIONARIES, N_LATENTS, WIDE, SAMPLE)
    wide = json.loads((folder / "wide" / "params.json").read_text()) | {"max_tokens": WIDE, "heads": True}
    return {
        "the demo, its first documents": load_params(demo, {"max_tokens": FEW}),
        "the demo": load_params(demo, {}),
        f"6 layers of 384, {N_DICTIONARIES} dictionaries of {N_LATENTS:,}": make_params(wide, "benchmark"),
    }


def built(path: Path, atlas: Path) -> dict[str, Any]:
    """A build: seconds by stage, bytes, and the peak of this process."""
    params, seconds = load_params(path, {}), dict[str, float]()
    for stage in (*STAGES, "assemble"):
        started = time.monotonic()
        run_stage(stage, params, str(atlas))
        seconds[stage] = time.monotonic() - started
    work = sum(path.stat().st_size for path in work_folder(atlas).rglob("*") if path.is_file())
    manifest = open_atlas(str(atlas)).manifest
    return {
        "tokens": manifest.corpus.n_tokens,
        "seconds": seconds,
        "store_bytes": manifest.n_bytes,
        "work_bytes": work,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def in_short(told: dict[str, Any]) -> dict[str, Any]:
    """The same of an estimate."""
    return {
        "tokens": told["tokens"],
        "seconds": told["seconds"],
        "store_bytes": told["total_store_bytes"],
        "work_bytes": told["work_bytes"],
        "memory": told["peak_memory"],
    }


def _ran(*arguments: object) -> dict[str, Any]:
    command = [sys.executable, *map(str, arguments)]
    environment = os.environ | {"OMP_WAIT_POLICY": "passive"}  # as the command itself has it
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment).stdout)


def report(found: dict[str, Any]) -> str:
    """The section of `docs/estimate.md`."""
    return "\n".join([*(_table(name, **each) for name, each in found.items()), f"{machine()}\n"])


def _table(name: str, told: dict[str, Any], build: dict[str, Any]) -> str:
    before, after = told["seconds"], build["seconds"]
    times = [(stage, before[stage], after[stage]) for stage in after]
    times.append(("all stages", sum(before.values()), sum(after.values())))
    rows = [(what, duration(a), duration(b), a / b) for what, a, b in times if max(a, b) >= 1]
    for what, key in (("atlas", "store_bytes"), ("work folder", "work_bytes"), ("memory", "memory")):
        rows.append((what, n_bytes(told[key]), n_bytes(build[key]), told[key] / build[key]))
    lines = "".join(f"| {what} | {a} | {b} | {ratio - 1:+.0%} |\n" for what, a, b, ratio in rows)
    return f"**{name}**, {build['tokens']:,} tokens\n\n| | told | build | off |\n|---|---|---|---|\n{lines}"


if __name__ == "__main__":
    main()
