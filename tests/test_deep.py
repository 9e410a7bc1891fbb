"""`atlas verify --deep`: nothing wrong in what was built, and each planted error found."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from feature_atlas import open_atlas
from feature_atlas.errors import InputError
from feature_atlas.store import Group, Rewriting
from feature_atlas.verify import list_files, verify
from pipeline.build import build
from pipeline.cli import app
from pipeline.core.params import Params, save_params
from pipeline.core.runs import PARAMS, work_folder, write_list
from pipeline.core.sides import Side
from pipeline.deep import check
from tests import tiny

SAES = ("jumprelu", "topk", "standard")
PARTS = ("dictionaries", "heads")
Arrays = dict[str, np.ndarray[Any, Any]]


@pytest.fixture(scope="module")
def built(tiny_params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Neurons of both layers, heads, and a dictionary of each kind of function."""
    folder = tmp_path_factory.mktemp("deep")
    saes = {
        name: f"{tiny.write_dictionary(folder / name, architecture=name)}@resid_post.{i % 2}"
        for i, name in enumerate(SAES)
    }
    params = tiny_params.model_copy(update={"dictionaries": saes, "map": False})
    build(params, folder / "atlas")
    return folder / "atlas"


@pytest.fixture
def atlas(built: Path, tmp_path: Path) -> Path:
    """A copy, with the parameters beside it."""
    shutil.copytree(built, tmp_path / "atlas")
    work_folder(tmp_path / "atlas").mkdir()
    shutil.copyfile(work_folder(built) / PARAMS, work_folder(tmp_path / "atlas") / PARAMS)
    return tmp_path / "atlas"


def wrong(atlas: Path, *groups: str, units: int = 100, seed: int = 0) -> list[str]:
    """What is found wrong with units of these dictionaries and heads; nothing else is looked at."""
    side = Side.open(str(atlas), None)
    told = side.atlas.manifest
    kept = {name: tuple(each for each in getattr(told, name) if each.id in groups) for name in PARTS}
    side.atlas.manifest = told.model_copy(update=kept)
    return list(check(side, units, seed, Counter()))


def rewrite(atlas: Path, group: str, change: Callable[[Arrays], None], *paths: str) -> None:
    """Changes arrays of a group, and makes sizes and digests fit: `atlas verify` sees nothing."""
    run = atlas / open_atlas(str(atlas)).manifest.run_path
    store, new = run / "dictionaries" / f"{group}.zarr", run / "new.zarr"
    arrays = {path: Group(str(store)).read(path).copy() for path in paths}
    change(arrays)
    rewriting = Rewriting(store, new, paths)
    for path, values in arrays.items():
        rewriting.write(path, 0, values)
    rewriting.close()
    shutil.rmtree(store)
    new.rename(store)
    write_list(run, list_files(run))
    assert list(verify(open_atlas(str(atlas)))) == []


def column(atlas: Path, group: str, kind: str, name: str) -> int:
    run = open_atlas(str(atlas)).run_url
    return Group(f"{run}/dictionaries/{group}.zarr").attributes["fields"][kind][name][0]


def test_what_was_built_is_what_comes_out_again(atlas: Path) -> None:
    compared: Counter[str] = Counter()
    assert list(check(Side.open(str(atlas), None), 4, 0, compared)) == []
    manifest = open_atlas(str(atlas)).manifest
    assert compared["units"] == 4 * len(manifest.dictionaries)
    assert compared["activations"] > 2_000
    assert compared["head windows"] > 6 * 15 and compared["attention values"] > 1000
    assert compared["counts of firings"] > 0 and compared["documents"] > 5


def test_another_seed_looks_at_other_units(atlas: Path) -> None:
    """One wrong unit of forty is found by some samples of five and not by others."""

    def change(arrays: Arrays) -> None:
        arrays["examples/acts"][7, 0, :3] = 255 - arrays["examples/acts"][7, 0, :3]

    rewrite(atlas, "topk", change, "examples/acts")
    found = [bool(wrong(atlas, "topk", units=5, seed=seed)) for seed in range(6)]
    assert len(set(found)) == 2


@pytest.mark.parametrize("group", [*SAES, "mlp_post.1"])
def test_one_activation_byte(atlas: Path, group: str) -> None:
    latent = next(x for x in (open_atlas(str(atlas))[group][i] for i in range(40)) if x.examples("top"))
    at = int(latent.ints["example_peak"][0])

    def change(arrays: Arrays) -> None:
        arrays["examples/acts"][latent.index, 0, at] -= 2

    rewrite(atlas, group, change, "examples/acts")
    (line,) = wrong(atlas, group)
    assert f"{latent.address}, top example 0 has 1 other activation: at its token {at}" in line


def test_a_value_and_a_token(atlas: Path) -> None:
    value = column(atlas, "standard", "floats", "example_activation")

    def change(arrays: Arrays) -> None:
        arrays["card/floats"][3, value + 30] *= 1.01
        arrays["examples/tokens"][4, 2, 1] ^= 1

    rewrite(atlas, "standard", change, "card/floats", "examples/tokens")
    found = wrong(atlas, "standard")
    assert any("standard/3, random" in line and "computed again" in line for line in found), found
    assert any("standard/4, top example 2 has other tokens" in line for line in found), found


@pytest.mark.parametrize("group", ["topk", "mlp_post.0"])
def test_a_top_example_removed(atlas: Path, group: str) -> None:
    """The others move up, as if it had never been seen; the last slot is empty."""
    dictionary = open_atlas(str(atlas)).dictionary(group)
    n_top = dictionary.sections["top"][1]
    index = next(i for i in range(len(dictionary)) if len(dictionary[i].examples("top")) == n_top)
    fields = dictionary.group.attributes["fields"]

    def change(arrays: Arrays) -> None:
        for path, table in (("card/floats", fields["floats"]), ("card/ints", fields["ints"])):
            for name in table:
                if name.startswith("example_"):
                    start = table[name][0]
                    row = arrays[path][index, start : start + n_top]
                    row[1:] = [*row[2:], 0]
        for path in ("examples/acts", "examples/tokens"):
            rows = arrays[path][index, :n_top]
            rows[1:-1], rows[-1] = rows[2:].copy(), 0

    rewrite(atlas, group, change, "card/floats", "card/ints", "examples/acts", "examples/tokens")
    found = wrong(atlas, group)
    assert any(f"{group}/{index}: window" in line and "not among its top" in line for line in found), found
    assert any(f"{group}/{index}: of its" in line and "left out" in line for line in found), found


def test_the_count_alone_finds_a_removed_one(atlas: Path) -> None:
    """The histogram says how many firings lie above the least example, wherever they are."""
    dictionary = open_atlas(str(atlas)).dictionary("standard")
    n_top = dictionary.sections["top"][1]
    overflow = column(atlas, "standard", "ints", "hist_overflow")
    index = next(i for i in range(len(dictionary)) if len(dictionary[i].examples("top")) == n_top)

    def change(arrays: Arrays) -> None:
        arrays["card/ints"][index, overflow] += 1000

    rewrite(atlas, "standard", change, "card/ints")
    (line,) = wrong(atlas, "standard")
    assert line.startswith(f"standard/{index}: of its 1,0") and "firings above" in line


def test_head_windows(atlas: Path) -> None:
    run = open_atlas(str(atlas)).run_url
    pattern = Group(f"{run}/dictionaries/attn.1.zarr").read("windows/attention")
    row, query = (int(i) for i in np.argwhere(pattern[:, 1, :, 0] > 5)[0])

    def change(arrays: Arrays) -> None:
        arrays["windows/attention"][row, 1, query, 0] -= 2
        arrays["windows/norms"][row + 1, 0] *= 1.5

    rewrite(atlas, "attn.1", change, "windows/attention", "windows/norms")
    found = wrong(atlas, "attn.1")
    assert any(f"attention from {query} to" in line for line in found), found
    assert any("norms" in line for line in found), found
    assert all(line.startswith("attn.1/") for line in found)


def test_a_head_window_that_should_be_listed(atlas: Path) -> None:
    """The strongest by write norm takes the place of the next: it is nowhere, the other twice."""
    fields = Group(f"{open_atlas(str(atlas)).run_url}/dictionaries/attn.0.zarr").attributes["fields"]

    def change(arrays: Arrays) -> None:
        for path, table in (("head/floats", fields["floats"]), ("head/ints", fields["ints"])):
            for name, (start, _) in table.items():
                if name.startswith("example_"):
                    arrays[path][0, start] = arrays[path][0, start + 1]
        for path in ("windows/tokens", "windows/attention", "windows/norms"):
            arrays[path][0] = arrays[path][1]

    rewrite(
        atlas,
        "attn.0",
        change,
        "head/floats",
        "head/ints",
        "windows/tokens",
        "windows/attention",
        "windows/norms",
    )
    found = wrong(atlas, "attn.0")
    assert any("attn.0/0: window" in line and "not among its write" in line for line in found), found


def test_swapped_rows_of_the_decoder(atlas: Path, tmp_path: Path) -> None:
    """Refused by the digest; found by what the rows write, if the manifest is made to fit."""
    params = Side.open(str(atlas), None).params
    weights = Path(str(params.dictionaries["standard"]).partition("@")[0])
    changed = tmp_path / "changed"
    shutil.copytree(weights, changed)
    arrays = load_file(changed / "sae_weights.safetensors")
    arrays["W_dec"][[3, 9]] = arrays["W_dec"][[9, 3]]
    save_file({k: v.contiguous() for k, v in arrays.items()}, changed / "sae_weights.safetensors")
    named = {**params.dictionaries, "standard": f"{changed}@resid_post.0"}
    save_params(work_folder(atlas) / PARAMS, params.model_copy(update={"dictionaries": named}))
    with pytest.raises(InputError, match="'standard' is not the one"):
        wrong(atlas, "standard")
    manifest = json.loads((atlas / "atlas.json").read_bytes())
    record = next(each for each in manifest["dictionaries"] if each["id"] == "standard")
    record["weights"] = hashlib.sha256((changed / "sae_weights.safetensors").read_bytes()).hexdigest()
    (atlas / "atlas.json").write_text(json.dumps(manifest))
    found = wrong(atlas, "standard")
    assert {line.split(":")[0] for line in found if "token" in line} == {"standard/3", "standard/9"}
    assert any("neighbour" in line for line in found)


def test_tokens_of_the_corpus(atlas: Path, tiny_text: Path, tmp_path: Path) -> None:
    """A document says something else than when the atlas was built."""
    changed = tmp_path / "text"
    shutil.copytree(tiny_text, changed)
    (changed / "05.txt").write_text("something else")
    params = Side.open(str(atlas), None).params
    save_params(work_folder(atlas) / PARAMS, params.model_copy(update={"corpus": [str(changed)]}))
    (line,) = wrong(atlas)
    assert "'05.txt'" in line and "other tokens" in line


def test_the_command(atlas: Path) -> None:
    ran = CliRunner().invoke(app, ["verify", str(atlas), "--deep", "--units", "2"])
    assert ran.exit_code == 0, ran.output
    told = " ".join(ran.output.split())
    assert "all as recorded" in told and "what was recomputed is as stored" in told and "10 units" in told

    def change(arrays: Arrays) -> None:
        arrays["examples/acts"][:, :2, :] //= 2

    rewrite(atlas, "topk", change, "examples/acts")
    ran = CliRunner().invoke(app, ["verify", str(atlas), "--deep"])
    assert isinstance(ran.exception, InputError) and "found wrong" in str(ran.exception)
    assert "wrong: topk/" in ran.output and "compared:" in ran.output


def test_without_parameters(atlas: Path) -> None:
    shutil.rmtree(work_folder(atlas))
    with pytest.raises(InputError, match="--config"):
        wrong(atlas)


def test_doubt_is_where_rounding_decides() -> None:
    """Of TopK with k = 2: the second and the third are a hair apart, and the first is far above."""
    from pipeline.core.recompute import _activations

    dictionary = tiny_topk(torch.tensor([[5.0, 2.0, 2.0 - 1e-6, 1.0]]))
    acts, doubt = _activations(dictionary, torch.ones(1, 1), torch.arange(4))
    assert acts[0].tolist() == [5, 2, 0, 0]
    assert doubt[0].tolist() == [False, True, True, False]


def tiny_topk(W_enc: torch.Tensor) -> Any:
    from feature_atlas.address import HookPoint
    from pipeline.core.dictionaries import Dictionary

    point, n = HookPoint("resid_post", 0), W_enc.shape[1]
    return Dictionary("d", "sae", "topk", point, point, n, "", "", k=2, W_enc=W_enc, b_enc=torch.zeros(n))
