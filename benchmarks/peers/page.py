"""SAEDashboard's page of some latents of the fixed work: one HTML that holds all of them.

    PEER/bin/python benchmarks/peers/page.py WORK OUT.html [--latents 256] [--whole]

Stand-alone, like `saedashboard.py` beside it. By default SAEDashboard's own layout, whose excerpts are the
peak and five tokens either side; with --whole that of `saedashboard.py`, whole windows of 128 tokens. Ours
are of up to 64 tokens, between the two.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from sae_dashboard.data_writing_fns import save_feature_centric_vis
from sae_dashboard.layout import SaeVisLayoutConfig
from sae_dashboard.sae_vis_data import SaeVisConfig
from sae_dashboard.sae_vis_runner import SaeVisRunner
from saedashboard import BOS, LATENTS_AT_A_TIME, WINDOWS_AT_A_TIME, layout, load


def main() -> None:
    """Prints one JSON object."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    arguments.add_argument("work", type=Path)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--latents", type=int, default=256)
    arguments.add_argument("--whole", action="store_true", help="whole windows in place of short excerpts")
    given = arguments.parse_args()
    write_page(given.work, given.out, given.latents, layout() if given.whole else None)
    print(json.dumps({"latents": given.latents, "bytes": given.out.stat().st_size}))


@torch.inference_mode()
def write_page(folder: Path, out: Path, n_latents: int, chosen: SaeVisLayoutConfig | None) -> None:
    """The first `n_latents` of the work's SAE in `out`."""
    work = load(folder)
    config = SaeVisConfig(
        hook_point=work.hook,
        features=list(range(n_latents)),
        minibatch_size_features=LATENTS_AT_A_TIME,
        minibatch_size_tokens=WINDOWS_AT_A_TIME,
        ignore_tokens={BOS},
        **({"feature_centric_layout": chosen} if chosen else {}),
    )
    data = SaeVisRunner(config).run(encoder=work.sae, model=work.model, tokens=work.windows)
    save_feature_centric_vis(data, out)


if __name__ == "__main__":
    main()
