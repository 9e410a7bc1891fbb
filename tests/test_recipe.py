"""The demo's recipe from nothing to a model card, shortened; and that what is committed is what it wrote."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from pipeline.core.embedded import embedded_root
from pipeline.core.files import file_digest
from pipeline.core.params import load_params
from tests import tiny

DEMO = embedded_root() / "data" / "demo"
RECIPE = DEMO / "recipe"


def shortened() -> dict[str, Any]:
    """The recipe's settings, for a model of one block and a few steps."""
    recipe = yaml.safe_load((RECIPE / "recipe.yaml").read_text())
    recipe |= {"vocabulary": 400, "held_out": 0.03, "mix": {"project": 1, "python-docs": 0}}
    recipe["model"] = {"n_layer": 1, "n_embd": 16, "n_head": 2, "n_positions": 32}
    recipe["lm"] |= {"steps": 6, "batch": 8, "warmup": 2, "checkpoint_every": 2}
    recipe["latents"] |= {"steps": 6, "batch": 64, "expansion": 2, "checkpoint_every": 2}
    recipe["dictionaries"] = {
        "a.sae": {"at": "resid_post.0", "k": 4},
        "a.transcoder": {"at": "ln2_out.0:mlp_out.0", "k": 4},
    }
    recipe["quality"] = {"spliced_tokens": 500}
    recipe["induction"] = {"sequences": 2}
    return recipe


@pytest.fixture
def run(tmp_path: Path) -> list[str]:
    """The command that makes a demo in `tmp_path/out` of a few made-up documents."""
    words = np.array("a heron stood in the grey river while two boats went by and nobody spoke".split())
    dice = np.random.default_rng(0)
    texts = [" ".join(dice.choice(words, 300)) for _ in range(60)]
    columns = {"source": ["birds"] * 60, "title": [f"{i} / 1" for i in range(60)], "text": texts}
    pq.write_table(pa.table(columns), tmp_path / "texts.parquet")
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(shortened()))
    return [
        *(sys.executable, "-W", "ignore", str(RECIPE / "make.py"), "--threads", "1"),
        *("--texts", str(tmp_path / "texts.parquet"), "--recipe", str(tmp_path / "recipe.yaml")),
        *("--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")),
    ]


def digests(out: Path) -> dict[str, str]:
    return {path.relative_to(out).as_posix(): file_digest(path) for path in out.rglob("*.safetensors")}


def test_the_recipe_runs_from_nothing_and_passes_over_what_is_done(run: list[str], tmp_path: Path) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(run, check=True, env=environment, capture_output=True)
    out, first = tmp_path / "out", digests(tmp_path / "out")
    assert set(first) == {
        "lm/model.safetensors",
        "dictionaries/a.sae/sae_weights.safetensors",
        "dictionaries/a.transcoder/sae_weights.safetensors",
    }
    sae = tiny.load(f"{out}/dictionaries/a.sae@resid_post.0", width=16)
    transcoder = tiny.load(f"{out}/dictionaries/a.transcoder@ln2_out.0:mlp_out.0", width=16)
    for dictionary in (sae, transcoder):
        assert dictionary.quality is not None
        assert dictionary.quality.n_tokens > 1000
    card = (out / "README.md").read_text()
    assert "$" not in card
    for name, sha in first.items():
        assert f"{sha}  {name}" in card
    said = subprocess.run(run, check=True, env=environment, capture_output=True, text=True)
    assert "step" not in said.stdout + said.stderr
    assert digests(out) == first


def test_the_committed_files_are_what_the_card_says() -> None:
    card = (DEMO / "README.md").read_text()
    listed = dict(re.findall(r"^    ([0-9a-f]{64})  (\S+)$", card, re.MULTILINE))
    assert {name: sha for sha, name in listed.items()} == {
        f"{part}/{name}": sha for part in ("lm", "dictionaries") for name, sha in digests(DEMO / part).items()
    }


def test_every_dictionary_of_the_demo_brings_its_quality() -> None:
    for name in load_params(embedded_root() / "params.yaml", {}).dictionaries:
        told = json.loads((DEMO / "dictionaries" / name / "quality.json").read_text())
        assert told["weights"] == file_digest(DEMO / "dictionaries" / name / "sae_weights.safetensors")


def test_the_card_tells_the_blind_test_as_it_came_out() -> None:
    card, told = (DEMO / "README.md").read_text(), json.loads((DEMO / "blind.json").read_text())
    weights = DEMO / "dictionaries" / told["dictionary"] / "sae_weights.safetensors"
    assert told["weights"] == file_digest(weights)
    for index, latent in told["latents"].items():
        assert f"| {index} | {latent['description']} | {latent['right']} |" in card


def test_sixty_latents_of_the_demo_have_a_label() -> None:
    specs = load_params(embedded_root() / "params.yaml", {}).dictionaries
    labelled = [tiny.load(spec, name, width=128).labels for name, spec in specs.items()]
    assert sum(len(labels.labels) for labels in labelled if labels) >= 60
