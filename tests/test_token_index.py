"""The token index against brute force: every token type of the small atlas, ties, any order of taking in."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from feature_atlas import Atlas, Token, open_atlas
from feature_atlas.contract import N_UNITS, TOKENS, token_sizes
from feature_atlas.store import create_group
from feature_atlas.token import Effect, Fires
from feature_atlas.verify import verify
from pipeline import cli
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params
from pipeline.core.subject import load_dictionaries
from pipeline.core.terminal import print_token
from pipeline.core.token_index import Entries, TopUnits, UnitsByToken
from tests import brute, tiny
from tests.activations import activation_matrix

NEVER = 0  # <|endoftext|>: no text is read as it


@pytest.fixture(scope="module")
def atlas(tiny_atlas: Path) -> Atlas:
    """The small atlas, open."""
    return open_atlas(str(tiny_atlas))


def test_who_fires_on_a_token_equals_brute_force(atlas: Atlas, tiny_params: Params) -> None:
    documents = [atlas.document_tokens(i).astype(np.int64) for i in range(len(atlas.documents))]
    windowing = atlas.manifest.windowing
    windows, where = brute.places(documents, windowing.ctx, windowing.bos_token_id)
    folder = ModelFolder.resolve(tiny_params.model)
    model, addresses, parts = SubjectModel.load(folder), [], []
    for dictionary in load_dictionaries(tiny_params, folder):
        parts.append(activation_matrix(model, dictionary, windows, windowing, tiny_params.scan.batch))
        addresses += [f"{dictionary.id}/{index}" for index in range(dictionary.n_latents)]
    cosines, p = brute.token_cosines(np.concatenate(parts, axis=1), where.type, tiny.D_VOCAB)
    unit = {address: number for number, address in enumerate(addresses)}
    for type_ in range(tiny.D_VOCAB):
        found = atlas.token(type_)
        assert found.count == (where.type == type_).sum()
        strongest = np.sort(cosines[type_][cosines[type_] > 0])[: -N_UNITS - 1 : -1]
        assert [row.cosine for row in found.fires] == pytest.approx(strongest.tolist(), rel=1e-6)
        assert len({row.address for row in found.fires}) == len(found.fires)
        for row in found.fires:
            at = type_, unit[row.address]
            assert row.cosine == pytest.approx(cosines[at], rel=1e-6)
            assert row.p_fire_given_token == pytest.approx(p[at], rel=1e-6)


@pytest.mark.parametrize(("side", "sign"), [("promoted", 1), ("suppressed", -1)])
def test_who_promotes_a_token_equals_the_latents_own_lists(atlas: Atlas, side: str, sign: int) -> None:
    wanted: dict[int, list[tuple[float, str, float]]] = defaultdict(list)
    for record in atlas.manifest.dictionaries:
        for index in range(record.n_latents):
            shown = atlas[record.id][index].to_json()
            for row in shown[side]:
                at_max = float(np.float32(row["value"] * shown["max_activation"]))
                if shown["firings"] and sign * at_max > 0:
                    wanted[row["token_id"]].append((at_max, shown["address"], row["value"]))
    for type_ in range(tiny.D_VOCAB):
        strongest = sorted(wanted[type_], key=lambda row: -abs(row[0]))[:N_UNITS]  # ties stay in unit order
        assert getattr(atlas.token(type_), side) == [Effect(a, at_max, v) for at_max, a, v in strongest]


def test_ties_go_to_the_lower_unit_in_any_order_and_split() -> None:
    random = np.random.default_rng(0)
    n, types = 900, np.arange(900) % 7
    values = (random.integers(-3, 4, (n, 1)) * np.array([0.25, 0.5])).astype(np.float32)
    entries = [(int(t), u, v) for u, (t, v) in enumerate(zip(types, values, strict=True))]
    for _ in range(5):
        top, order = TopUnits(8), random.permutation(n)
        for part in np.split(order, np.sort(random.integers(0, n, 3))):
            top.add(Entries(types[part], part.astype(np.uint32), values[part]))
        for type_ in range(8):
            there = [(-abs(v[0]), u, v.tolist()) for t, u, v in entries if t == type_ and v[0]]
            best = sorted(there)[:N_UNITS]
            assert top.unit[type_, : len(best)].tolist() == [u for _, u, _ in best]
            assert top.values[type_, : len(best)].tolist() == [v for _, _, v in best]
            assert not top.values[type_, len(best) :].any()


def test_units_that_write_nothing_only_fire() -> None:
    index = UnitsByToken(np.array([0, 4, 9]))
    scan = {
        "fires_on/type": np.array([[1, 2, 0]]),
        "fires_on/firings": np.array([[4, 3, 0]], np.uint32),
        "moments/firings": np.array([9]),
        "moments/highest": np.array([1.0], np.float32),
    }
    index.add(scan, {"neighbour_index": np.zeros((1, 10))}, first=5)
    arrays = index.arrays()
    assert arrays["units"][:, 0, 0].tolist() == [0, 5, 5]
    assert arrays["values"][1:, 0, 0].ravel().tolist() == pytest.approx([4 / 6, 1, 3 / 9, 3 / 9])
    assert not arrays["values"][0].any() and not arrays["values"][:, 1:].any()


def test_a_type_that_never_occurs_has_nobody_firing(atlas: Atlas) -> None:
    found = atlas.token(NEVER)
    assert found.text == "<|endoftext|>"
    assert (found.count, found.fires) == (0, [])


def test_a_token_is_found_by_text_and_by_number(atlas: Atlas) -> None:
    heron = atlas.token(" heron")
    assert heron == atlas.token(heron.id)
    again = json.loads(json.dumps(heron.to_json(), allow_nan=False))
    assert again["token"] == " heron" and again["count"] == heron.count > 0
    assert again["fires"][0] == vars(heron.fires[0])


def test_the_command_prints_it(
    tiny_atlas: Path, atlas: Atlas, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    heron = atlas.token(" heron")
    for arguments in ([" heron", "--json"], [str(heron.id), "--id", "--json"]):
        monkeypatch.setattr("sys.argv", ["atlas", "token", str(tiny_atlas), *arguments])
        with pytest.raises(SystemExit, match="0"):
            cli.main()
        assert json.loads(capsys.readouterr().out) == heron.to_json()


def test_a_hostile_token_is_only_text_in_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    text = "[red]x[/red] \x1b[31m \u202e"
    print_token(
        Token(3, text, 1, [Fires("[bold]a/1", 0.5, 1.0)], [Effect("b/2", 2.0, 1.0)], [Effect("c/3", -2, -1)])
    )
    out = capsys.readouterr().out
    assert out.startswith("'[red]x[/red] \\x1b[31m \\u202e'  type 3")
    assert "\x1b" not in out and "\u202e" not in out
    assert "[bold]a/1" in out and "+2" in out and "-2" in out


def test_verify_finds_an_index_of_another_shape(tiny_atlas: Path, tmp_path: Path) -> None:
    place = next(shutil.copytree(tiny_atlas, tmp_path / "atlas").rglob("tokens.zarr"))
    shutil.rmtree(place)
    sizes = token_sizes(tiny.D_VOCAB) | {"rank": 3}
    arrays = {spec.path: np.ones([sizes[dim] for dim in spec.dims]) for spec in TOKENS}
    create_group(place, TOKENS, arrays, {})
    wrong = list(verify(open_atlas(str(tmp_path / "atlas"))))
    assert any("tokens.zarr/units has shape (400, 3, 3), not (400, 3, 32)" in line for line in wrong), wrong
