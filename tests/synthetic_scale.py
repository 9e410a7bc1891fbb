"""An atlas of one dictionary of 100,000 latents, a third of them labelled, in a few seconds.

Statistics, top tokens, previews, labels and places are those of 100,000 latents. Cards and examples are
made for one shard of 512, whose files stand for every other shard as hard links: the page of latent i
shows latent i mod 512, so its numbers are not those of its row in the list.

`python -m tests.synthetic_scale FOLDER` writes it to FOLDER/scale.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

from feature_atlas.atlas import open_atlas
from feature_atlas.contract import DICTIONARY, LABELS, MAP, SHARD, ArraySpec
from feature_atlas.labels import Label, label_arrays, label_attribute
from feature_atlas.manifest import MANIFEST
from feature_atlas.store import Group, add_strings, create_group
from feature_atlas.verify import FILES, list_files
from tests.synthetic import RUN, Arrays, Units, prose, write_atlas
from tests.synthetic_map import laid_out

N_LATENTS = 100_000
DICTIONARY_ID = "resid_post.0.scale"
COUNTED = 4_000_000  # tokens that the statistics claim to be over
DEAD, LABELLED = 0.03, 0.33
N_UNKNOWN = 3  # latents whose kurtosis is no number, as after an overflow

_KINDS = [
    "words for",
    "names of",
    "the end of",
    "numbers before",
    "a pause after",
    "code that opens",
    "talk of",
]
_THINGS = [
    "rivers",
    "engines",
    "harbours",
    "letters",
    "bread",
    "the weather",
    "matrices",
    "a garden",
    "months",
]


def scale(path: Path, n: int = N_LATENTS) -> Path:
    """Writes the atlas: 512 latents in full, then `n`."""
    units = Units(DICTIONARY_ID, "resid_post.0", SHARD)
    write_atlas(path, "An atlas of 100,000 latents", prose(100), [units])
    run = path / "runs" / RUN
    store = run / "dictionaries" / f"{DICTIONARY_ID}.zarr"
    one = store.rename(path / "one-shard.zarr")
    random = np.random.default_rng(11)
    arrays = statistics(n, random)
    _grow(one, store, arrays, labels(n, random))
    shutil.rmtree(one)
    _sign(path, run, n, alive=int((arrays["stats/firings"] > 0).sum()))
    return path


def statistics(n: int, random: np.random.Generator) -> Arrays:
    """Columns spread as those of trained dictionaries are: nearly all over several powers of ten.

    Moments follow from density, the mean when firing and its spread as if firings were gamma distributed.
    """
    density = np.clip(10 ** random.normal(-3.4, 0.75, n), 2e-6, 0.6)
    firings = np.where(random.random(n) < DEAD, 0, np.maximum(1, np.round(density * COUNTED)))
    density, alive = firings / COUNTED, firings > 0
    typical = 10 ** random.normal(0.2, 0.35, n) * alive
    spread = random.uniform(0.3, 1.4, n)  # standard deviation of a firing / its mean
    second, mean = typical**2 * (1 + spread**2), typical * density
    variance = density * second - mean**2
    with np.errstate(divide="ignore", invalid="ignore"):
        skew = np.where(alive, density * second**1.5 * (1 + spread) / variance**1.5, 0)
        kurtosis = np.where(alive, density * second**2 * (1 + spread) ** 2 / variance**2, 0)
    kurtosis[np.flatnonzero(alive)[:N_UNKNOWN]] = np.nan
    columns = {
        "density": density,
        "max": typical * (1 + spread * np.log1p(firings) / 2),
        "min": np.zeros(n),
        "mean": mean,
        "mean_firing": typical,
        "variance": variance,
        "skew": skew,
        "kurtosis": kurtosis,
        "concentration": random.beta(0.7, 1.6, n) * alive,
    }
    return {
        **{f"stats/{name}": values.astype(np.float32) for name, values in columns.items()},
        "stats/firings": firings.astype(np.uint32),
    }


def labels(n: int, random: np.random.Generator) -> dict[int, list[Label]]:
    """What a third of the latents are said to fire on."""
    labelled = np.flatnonzero(random.random(n) < LABELLED).tolist()
    kinds, things = random.choice(_KINDS, n), random.choice(_THINGS, n)
    score = random.uniform(0.2, 1, n).round(3).tolist()
    return {i: [Label(f"{kinds[i]} {things[i]}, guess {i}", "a guesser", score[i])] for i in labelled}


def _grow(one: Path, into: Path, arrays: Arrays, said: dict[int, list[Label]]) -> None:
    """Writes the group of all latents, with the files of `one` shard wherever a chunk is one latent."""
    n, few = len(arrays["stats/density"]), Group(str(one))
    row = np.arange(n) % SHARD
    cards = [spec for spec in DICTIONARY if spec.chunk == 1]
    columns = {spec.path: _nothing(few, spec, n) for spec in cards}
    columns |= {name: few.read(name)[row] for name in ("preview", "stats/top_token")}
    columns |= arrays | label_arrays(said, n) | laid_out(n)
    attributes = few.attributes
    attributes["sizes"] |= {"latent": n}
    attributes["labels"] = label_attribute(said)
    create_group(into, (*DICTIONARY, *LABELS, *MAP), columns, attributes)
    for spec in cards:
        folder = Path(spec.path, "c")
        (shard,) = (path for path in (one / folder).rglob("*") if path.is_file())
        for number in range(-(-n // SHARD)):
            file = into / folder / str(number) / shard.relative_to(one / folder / "0")
            file.parent.mkdir(parents=True)
            os.link(shard, file)
    add_strings(into, (), {}, {})  # lists the sizes of the files that came since


def _nothing(few: Group, spec: ArraySpec, n: int) -> np.ndarray[Any, Any]:
    """Zeros in the shape of the array, which take no memory and make no file."""
    like = few.array(spec.path)
    return np.broadcast_to(np.zeros((), like.dtype), (n, *like.shape[1:]))


def _sign(path: Path, run: Path, n: int, alive: int) -> None:
    (run / FILES).unlink()
    files = list_files(run)
    (run / FILES).write_text(json.dumps(files))
    manifest = json.loads((path / MANIFEST).read_text())
    manifest["dictionaries"][0] |= {"n_latents": n, "alive": alive}
    manifest["windowing"]["counted_tokens"] = COUNTED
    manifest["n_bytes"] = sum(size for size, _ in files.values())
    (path / MANIFEST).write_text(json.dumps(manifest))


if __name__ == "__main__":
    print(open_atlas(str(scale(Path(sys.argv[1]) / "scale"))).manifest.title)
