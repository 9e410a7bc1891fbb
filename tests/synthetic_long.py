"""An atlas of many heads over long windows: what a head page and the head finder must bear.

`python -m tests.synthetic_long FOLDER` writes one of 48 layers of 25 heads, to look at.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from feature_atlas.manifest import MANIFEST
from feature_atlas.verify import FILES, list_files
from tests.synthetic import RUN, Text, Units, prose, write_atlas
from tests.synthetic_heads import write_heads

CTX = 512
LENGTHS = (64, 128, 256, 512)  # of the documents, and so of their windows, in turn


def long(path: Path, n_layers: int = 3, n_heads: int = 5) -> Path:
    """Heads by layer, whose windows have 64 to 512 tokens."""
    text = in_lengths(prose(400))
    write_atlas(path, "Long windows", text, [Units("mlp_post.0", "mlp_post.0", 16, two_signed=True)])
    run = path / "runs" / RUN
    records = []
    for layer in range(n_layers):
        store = f"dictionaries/attn.{layer}.zarr"
        write_heads(run / store, text, layer, n_heads, CTX)
        records.append(
            {"id": f"attn.{layer}", "layer": layer, "n_heads": n_heads, "rotary": False, "store": store}
        )
    files = list_files(run)
    (run / FILES).write_text(json.dumps({name: told for name, told in files.items() if name != FILES}))
    manifest = json.loads((path / MANIFEST).read_bytes())
    manifest["windowing"] |= {"ctx": CTX, "stride": CTX}
    manifest["model"] |= {"n_layers": n_layers, "n_heads": n_heads}
    (path / MANIFEST).write_text(json.dumps(manifest | {"heads": records}))
    return path


def in_lengths(text: Text) -> Text:
    """The same tokens cut into documents of LENGTHS, as many as there are whole."""
    n = len(text.tokens) // sum(LENGTHS) * len(LENGTHS)
    starts = np.cumsum([0, *(LENGTHS[i % len(LENGTHS)] for i in range(n))]).astype(np.uint32)
    return replace(text, tokens=text.tokens[: starts[-1]], starts=starts, ids=text.ids[:n])


if __name__ == "__main__":
    long(Path(sys.argv[1]), 48, 25)
