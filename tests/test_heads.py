"""Every number of every head against brute force on whole patterns, from a plain numpy forward."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from feature_atlas import Atlas, Head, Heads, open_atlas
from feature_atlas.contract import METRICS, N_HEAD_TYPES
from feature_atlas.errors import AddressError, InputError
from feature_atlas.verify import verify
from pipeline import describe
from pipeline.build import build
from pipeline.core.embedded import embedded_root
from pipeline.core.head_cards import head_arrays
from pipeline.core.head_scan import HeadScan
from pipeline.core.heads import HeadGroup, write_factor
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params, ScanParams, load_params
from pipeline.core.subject import load_dictionaries
from pipeline.core.windows import Corpus, Windows
from tests import brute, brute_heads, families, numpy_gpt2, numpy_rotary, tiny
from tests.brute_heads import Seen

FROM_WEIGHTS = {field.name for field in METRICS if field.name.startswith("random_")} | {"copying_score"}
TYPES, HEADS = 12, 3


@pytest.fixture(
    scope="module", params=["tiny, in units", "tiny, no BOS, ctx 8", "llama, shared keys", "demo, ctx 64"]
)
def built(
    request: pytest.FixtureRequest, tiny_params: Params, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Atlas, Params]:
    """An atlas of heads alone, and its parameters."""
    few = ScanParams(**(tiny_params.scan.model_dump() | {"fires_on_types": 20}))
    llama = families.write_family(tmp_path_factory.mktemp("model"), "llama")
    demo = {"max_tokens": 1500, "ctx": 64, "dictionaries": {}}
    params = {
        "tiny, in units": tiny.in_units(tiny_params),
        "tiny, no BOS, ctx 8": tiny_params.model_copy(update={"bos": False, "ctx": 8, "scan": few}),
        "llama, shared keys": tiny_params.model_copy(update={"model": str(llama), "ctx": 16}),
        "demo, ctx 64": load_params(embedded_root() / "params.yaml", demo),
    }[request.param].model_copy(update={"neurons": False, "dictionaries": {}})
    out = tmp_path_factory.mktemp("built") / "atlas"
    build(params, out)
    return open_atlas(str(out)), params


def test_every_head_equals_brute_force(built: tuple[Atlas, Params]) -> None:
    atlas, params = built
    assert not list(verify(atlas))
    by_head = whole_patterns(atlas, Path(params.model))
    assert len(by_head) == sum(record.n_heads for record in atlas.manifest.heads) > 0
    for address, windows in by_head.items():
        head = atlas.at(address)
        assert isinstance(head, Head)
        shown = json.loads(json.dumps(head.to_json(), allow_nan=False))
        assert shown["address"] == address
        check_scores(head, windows, atlas.manifest.windowing.ctx)
        check_types(head, windows, atlas.manifest.model.d_vocab)
        for by in ("write", "attention"):
            check_best(head, windows, by)
        check_examples(head, windows)


def whole_patterns(atlas: Atlas, folder: Path) -> dict[str, list[Seen]]:
    """By head every window of the corpus with its whole pattern, in float64."""
    windowing = atlas.manifest.windowing
    documents = [atlas.document_tokens(i).astype(np.int64) for i in range(len(atlas.documents))]
    windows, where = brute.places(documents, windowing.ctx, windowing.bos_token_id)
    weights, rotary = load_file(folder / "model.safetensors"), atlas.manifest.heads[0].rotary
    found: dict[str, list[Seen]] = {}
    for number, tokens in enumerate(windows):
        column = int(np.flatnonzero(where.window == number)[0])
        place = int(where.document[column]), int(where.position[column])
        acts = (numpy_rotary if rotary else numpy_gpt2).forward(folder, tokens)
        for record in atlas.manifest.heads:
            value, pattern = acts[f"attn_v.{record.layer}"], acts[f"attn_pattern.{record.layer}"]
            if rotary:
                matrix = weights[f"model.layers.{record.layer}.self_attn.o_proj.weight"].T
            else:
                matrix = weights[f"transformer.h.{record.layer}.attn.c_proj.weight"]
            W_O = matrix.astype(np.float64).reshape(record.n_heads, -1, matrix.shape[1])
            for head in range(record.n_heads):
                norm = np.linalg.norm(value[head] @ W_O[head], axis=-1)
                seen = Seen(*place, tokens.tolist(), pattern[head], norm)
                found.setdefault(f"{record.id}/{head}", []).append(seen)
    return found


def check_scores(head: Head, windows: list[Seen], ctx: int) -> None:
    want = brute_heads.scores(windows, ctx)
    for name in head.scores.keys() - FROM_WEIGHTS:
        assert head.number(name) == pytest.approx(want[name], rel=1e-4, abs=1e-6), name
    for name in ("duplicate_queries", "induction_queries"):
        assert head.number(name) == want[name]
    np.testing.assert_allclose(head.floats["offset_attention"], want["offset_attention"], 1e-4, 1e-6)
    hist = head.ints["max_hist"]
    assert hist.sum() == want["max_histogram"].sum()
    assert np.abs(hist - want["max_histogram"]).sum() <= 4  # what rounding may take over an edge
    assert np.diff(head.floats["example_write"][:8]).max() <= 0


def check_types(head: Head, windows: list[Seen], d_vocab: int) -> None:
    """Every share and mean is right; the list is that of all types unless rare ones were left out."""
    want = brute_heads.types(windows, d_vocab)
    shown, total = head.to_json(), want["query"].sum()
    for side in ("query", "key"):
        rows = shown[f"{side}_tokens"]
        for row in rows:
            mass, count = want[side][row["token_id"]], want["count"][row["token_id"]]
            assert row["count"] == count
            assert row["share"] == pytest.approx(mass / total, rel=1e-4)
            assert row["mean_attention"] == pytest.approx(mass / count, rel=1e-4)
        shares = [row["share"] for row in rows]
        assert len(rows) == N_HEAD_TYPES and shares == sorted(shares, reverse=True)
        if shown[f"{side}_missed"] == 0:
            assert shares == pytest.approx((np.sort(want[side])[::-1][:16] / total).tolist(), rel=1e-4)
        else:
            common = np.argsort(-want["count"], kind="stable")[:20]
            missed = 1 - want[side][common].sum() / total
            assert shown[f"{side}_missed"] == pytest.approx(missed, rel=1e-4, abs=1e-6)


def check_best(head: Head, windows: list[Seen], by: str) -> None:
    """The values are those of the best windows, and each is what its window gives."""
    measured = {(seen.document, seen.position): seen for seen in windows}
    shown = head.examples(by)
    want = brute_heads.best(windows, by, 8)
    values = [each.write if by == "write" else each.attention_sum for each in shown]
    assert values == pytest.approx(
        [seen.write.max() if by == "write" else seen.attention for seen in want], rel=1e-5
    )
    assert len({(each.document, each.position) for each in shown}) == len(shown) == min(8, len(windows))
    for value, each in zip(values, shown, strict=True):
        seen = measured[each.document, each.position]
        assert value == pytest.approx(seen.write.max() if by == "write" else seen.attention, rel=1e-5)


def check_examples(head: Head, windows: list[Seen]) -> None:
    """Tokens, attention, norms and peak of every example are those of its window; random ones differ."""
    measured = {(seen.document, seen.position): seen for seen in windows}
    assert len({(each.document, each.position) for each in head.examples("random")}) == min(6, len(windows))
    for section in ("write", "attention", "random"):
        for each in head.examples(section):
            seen = measured[each.document, each.position]
            assert each.token_ids == seen.tokens
            np.testing.assert_allclose(each.norms, seen.norm, rtol=1e-4)
            assert each.pattern == pytest.approx(seen.pattern[each.query, each.key], rel=1e-4, abs=1e-6)
            pairs = np.tril(seen.pattern, -1)[1:, 1:] if section == "attention" else seen.write[1:, 1:]
            assert (pairs if pairs.any() else seen.pattern[1:, 1:])[each.query - 1, each.key - 1] == (
                pytest.approx(pairs.max() or seen.pattern[1, 1], rel=1e-5)
            )
            assert (each.attention > 0).sum(axis=1).max() <= 8
            for query, row in enumerate(each.attention):
                kept = brute_heads.strongest(seen.pattern[query], query)
                told, least = row > 0, min(kept.values()) if len(kept) == 8 else 0.005
                assert np.abs(row - seen.pattern[query])[told].max() <= 0.5 / 255 + 1e-4
                assert (seen.pattern[query][~told] <= least + 1e-6).all()  # not told: less than all that is


@pytest.fixture(scope="module", params=[(8, 0), (64, None), (64, 0), (8, 0, "merged")], ids=str)
def tied(request: pytest.FixtureRequest) -> tuple[Windows, HeadScan, dict[int, list[Seen]]]:
    """A scan of patterns of few distinct values, where ties are common; and what brute force sees.

    Batch by batch into one scan, or each into one of its own, which are merged.
    """
    ctx, bos, *merged = request.param
    random = np.random.default_rng(ctx)
    lengths = [2, ctx - 1, ctx, 3 * ctx + 1, 5, *random.integers(2, 3 * ctx, 12)]
    documents = [random.integers(1, TYPES, n) for n in lengths]
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    ids = [str(i) for i in range(len(lengths))]
    windows = Windows(Corpus(np.concatenate(documents), starts, ids, ids, ["made"], 0), ctx, bos)
    factor = write_factor(torch.eye(2).repeat(HEADS, 1, 1))
    params = ScanParams(fires_on_types=TYPES)
    scan = HeadScan(HeadGroup(0, HEADS, False), factor, ctx, params, windows.type_counts(TYPES))
    seen: dict[int, list[Seen]] = {}
    for batch in windows.batches(5):
        shape = (len(batch.windows), HEADS, ctx)
        pattern = np.stack([patterns(random, ctx) for _ in range(shape[0] * HEADS)]).reshape(*shape, ctx)
        value = torch.from_numpy(random.integers(0, 3, (*shape, 2)).astype(np.float32))
        into = scan.fresh() if merged else scan
        for head in range(HEADS):
            into.add(head, (batch,), [pattern], [value])
            for w, length in enumerate(batch.length):
                name = int(batch.name[batch.start[w]])
                seen.setdefault(head, []).append(
                    Seen(
                        name >> 32,
                        name & (2**32 - 1),
                        batch.windows[w, :length].tolist(),
                        pattern[w, head, :length, :length],
                        np.linalg.norm(value[w, head, :length].numpy(), axis=-1).astype(np.float32),
                    )
                )
        if merged:
            scan.merge(into)
    return windows, scan, seen


def patterns(random: np.random.Generator, ctx: int) -> np.ndarray:
    """A causal pattern in 16ths: each query divides 16 parts among its keys."""
    rows = np.zeros((ctx, ctx), np.float32)
    for query in range(ctx):
        rows[query, : query + 1] = random.multinomial(16, random.dirichlet(np.full(query + 1, 0.3))) / 16
    return rows


def test_ties_go_to_the_earlier_window(tied: tuple[Windows, HeadScan, dict[int, list[Seen]]]) -> None:
    windows, scan, by_head = tied
    described = {
        f"{name}_{kind}": np.zeros((HEADS, N_HEAD_TYPES, 10))
        for name in ("ov_promoted", "ov_suppressed", "qk")
        for kind in ("value", "token")
    } | {name: np.zeros(HEADS) for name in FROM_WEIGHTS}
    arrays = head_arrays(scan.result(), described, windows, TYPES)
    starts = windows.corpus.starts
    for head, seen in by_head.items():
        want = brute_heads.scores(seen, windows.ctx)
        for name in {field.name for field in METRICS} - FROM_WEIGHTS:
            assert arrays[f"scores/{name}"][head] == pytest.approx(want[name], rel=1e-5, abs=1e-7), name
        for row, best in enumerate(
            [*brute_heads.best(seen, "write", 8), *brute_heads.best(seen, "attention", 8)]
        ):
            at = head * 22 + row
            token = starts[best.document] + best.position - (1 if windows.bos is None else 0)
            lead = [] if windows.bos is None else [windows.bos]
            n = len(best.tokens)
            text = [*lead, *windows.corpus.tokens[token : token + n - len(lead)]]
            assert arrays["windows/tokens"][at, :n].tolist() == text == best.tokens
            keys, steps = arrays["windows/attention"][at]
            for query in range(n):
                there = steps[query] > 0
                told = dict(
                    zip(keys[query, there].tolist(), (steps[query, there] / 255).tolist(), strict=True)
                )
                want_keys = brute_heads.strongest(best.pattern[query], query)
                assert list(told) == list(want_keys)
                assert list(told.values()) == pytest.approx(list(want_keys.values()), abs=0.5 / 255)


def test_heads_come_to_an_atlas_that_had_none(tiny_params: Params, tmp_path: Path) -> None:
    """What is there already is not scanned again; without heads nothing speaks of them."""
    out, work = tmp_path / "atlas", tmp_path / "atlas.work"
    without = tiny_params.model_copy(update={"heads": False})
    build(without, out)
    atlas = open_atlas(str(out))
    assert atlas.manifest.heads == () and not list(verify(atlas))
    with pytest.raises(AddressError, match="no dictionary 'attn.0'"):
        atlas.at("attn.0/0")
    with pytest.raises(InputError, match="scan was made without heads.*atlas scan"):
        describe.run(tiny_params, work)
    before = {path: path.stat().st_mtime_ns for path in work.glob("[sd]*/*.npz")}
    build(tiny_params, out)
    assert before == {path: path.stat().st_mtime_ns for path in before}
    atlas = open_atlas(str(out))
    assert [record.id for record in atlas.manifest.heads] == ["attn.0", "attn.1"]
    assert not list(verify(atlas))


def test_a_damaged_group_is_found(tiny_atlas: Path, tmp_path: Path) -> None:
    atlas = shutil.copytree(tiny_atlas, tmp_path / "atlas")
    shutil.rmtree(next(atlas.rglob("attn.1.zarr")) / "windows" / "norms")
    assert any("windows/norms" in line for line in verify(open_atlas(str(atlas))))


def test_no_dictionary_may_take_the_name_of_heads(tiny_params: Params, tiny_dictionary: Path) -> None:
    taken = {"dictionaries": {"attn.0": f"{tiny_dictionary}@resid_post.1"}}
    folder = ModelFolder.resolve(tiny_params.model)
    with pytest.raises(InputError, match="two dictionaries are called 'attn.0'"):
        load_dictionaries(tiny_params.model_copy(update=taken), folder)
    alone = tiny_params.model_copy(update=taken | {"heads": False})
    assert [each.id for each in load_dictionaries(alone, folder)][-1] == "attn.0"
    nothing = {"heads": False, "neurons": False, "dictionaries": {}}
    with pytest.raises(InputError, match="nothing to describe"):
        load_dictionaries(tiny_params.model_copy(update=nothing), folder)


def test_a_head_is_found_by_its_address(tiny_atlas: Path) -> None:
    atlas = open_atlas(str(tiny_atlas))
    heads = atlas["attn.1"]
    assert isinstance(heads, Heads)
    assert heads[2].to_json() == atlas.at("attn.1/2").to_json()
    assert heads.score("induction_score").tolist() == [h.number("induction_score") for h in each(heads)]
    for address, says in (("attn.1/3", r"attn.1 has heads 0\.\.2"), ("attn.2/0", "it has: .*attn.1")):
        with pytest.raises(AddressError, match=says):
            atlas.at(address)


def each(heads: Heads) -> Iterator[Head]:
    return (heads[index] for index in range(len(heads)))
