"""SAEDashboard's page of some latents of the fixed work: one HTML that holds all of them.

    PEER/bin/python benchmarks/peers/page.py WORK OUT.html [--latents 256]

Stand-alone, like `saedashboard.py` beside it, whose layout it takes: whole windows around the top 20 and
5 of each of 5 quantiles, histograms, logits and tables, which is what a page of ours shows.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from sae_dashboard.data_writing_fns import save_feature_centric_vis
from sae_dashboard.sae_vis_data import SaeVisConfig
from sae_dashboard.sae_vis_runner import SaeVisRunner
from saedashboard import BOS, LATENTS_AT_A_TIME, WINDOWS_AT_A_TIME, layout, load


def main() -> None:
    """Prints one JSON object."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    arguments.add_argument("work", type=Path)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--latents", type=int, default=256)
    given = arguments.parse_args()
    write_page(given.work, given.out, given.latents)
    print(json.dumps({"latents": given.latents, "bytes": given.out.stat().st_size}))


@torch.inference_mode()
def write_page(folder: Path, out: Path, n_latents: int) -> None:
    """The first `n_latents` of the work's SAE in `out`."""
    work = load(folder)
    config = SaeVisConfig(
        hook_point=work.hook,
        features=list(range(n_latents)),
        minibatch_size_features=LATENTS_AT_A_TIME,
        minibatch_size_tokens=WINDOWS_AT_A_TIME,
        ignore_tokens={BOS},
        feature_centric_layout=layout(),
    )
    data = SaeVisRunner(config).run(encoder=work.sae, model=work.model, tokens=work.windows)
    save_feature_centric_vis(data, out)


if __name__ == "__main__":
    main()
