"""The search index against a naive writing of its definition; what is found, against a look at every word."""

from __future__ import annotations

import hashlib
import json
import math
import random
import shutil
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from feature_atlas import Atlas, Label, open_atlas
from feature_atlas.contract import N_POSTINGS, N_WORDS, NO_TYPE, SEARCH
from feature_atlas.errors import FormatError
from feature_atlas.postings import Entries, read_postings, search_arrays
from feature_atlas.search import MOST_HITS, greedy_types, matching_types
from feature_atlas.search_index import label_words, write_search
from feature_atlas.store import Group, create_group
from feature_atlas.verify import verify
from feature_atlas.words import fold, forgiven, slips, words
from pipeline import cli
from pipeline.relabel import relabel
from tests import synthetic

Table = dict[str, dict[int, float]]  # share of a unit's words, by word and unit

TOY = "resid_post.1.toy"
SAID = {
    0: [Label("Herons, and other tall birds", "a tester", 0.5), Label("the Zürich lake", "another", 0.1)],
    3: [Label("numbers before a unit of length", "a tester")],
    7: [Label("tall numbers", "a tester")],
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a synthetic atlas, without labels."""
    return synthetic.normal(tmp_path_factory.mktemp("search") / "plain")


@pytest.fixture(scope="module")
def atlas(plain: Path) -> Atlas:
    """The same with some latents labelled."""
    path = shutil.copytree(plain, plain.with_name("labelled"))
    relabel(open_atlas(str(path)), {TOY: SAID})
    return open_atlas(str(path))


def index_of(atlas: Atlas) -> Group:
    return Group(f"{atlas.run_url}/search.zarr")


def units_of(atlas: Atlas) -> Iterator[tuple[int, str, int]]:
    """Number, dictionary and index of every unit, in order."""
    number = 0
    for record in atlas.manifest.dictionaries:
        for index in range(record.n_latents):
            yield number, record.id, index
            number += 1


def naive_near(pieces: list[str], peak: int) -> dict[str, int]:
    """Words letter by letter, each with its distance from the words of the peak token."""
    first = max(0, peak - 12)
    letters = [(c, i) for i, piece in enumerate(pieces[first : peak + 13], start=first) for c in piece]
    found: list[tuple[str, set[int], int]] = []
    before_peak = sum(i < peak for _, i in letters)
    at = 0
    while at < len(letters):
        end = at
        while end < len(letters) and letters[end][0].isalnum():
            end += 1
        if end > at:
            found.append(("".join(c for c, _ in letters[at:end])[:32], {i for _, i in letters[at:end]}, at))
        at = max(end, at + 1)
    inside = [word for word, owners, _ in found if peak in owners]
    before = [word for word, owners, at in found if peak not in owners and at < before_peak]
    after = [word for word, owners, at in found if peak not in owners and at >= before_peak]
    near = [(word, 0) for word in inside]
    near += [(word, 1 + i) for i, word in enumerate(reversed(before[-2:]))]
    near += [(word, 1 + i) for i, word in enumerate(after[:2])]
    return {word: min(d for other, d in near if other == word) for word, _ in near}


def text_table(atlas: Atlas) -> Table:
    """What the top examples say, by the reader's examples."""
    kinds = Group(f"{atlas.run_url}/vocabulary.zarr").read("kind")
    table: Table = defaultdict(dict)
    for number, name, index in units_of(atlas):
        latent = atlas.dictionary(name)[index]
        slots = atlas.dictionary(name).sections["top"][1]
        shares: defaultdict[str, float] = defaultdict(float)
        for example in latent.examples("top"):
            pieces = [" " if kinds[t] else fold(atlas.vocabulary[t]) for t in example.token_ids]
            if example.activation > 0:
                for word, distance in naive_near(pieces, example.peak).items():
                    shares[word] += example.activation / latent.number("max") / (1 + distance) / slots
        for word, share in sorted(shares.items(), key=lambda item: (-item[1], item[0]))[:N_WORDS]:
            table[word][number] = share
    return table


def label_table(atlas: Atlas) -> Table:
    """What the labels say."""
    table: Table = defaultdict(dict)
    for number, name, index in units_of(atlas):
        said = words(" · ".join(label.text for label in atlas.dictionary(name)[index].labels))
        for word in said:
            table[word][number] = said.count(word) / len(said)
    return table


@pytest.fixture(scope="module")
def texts(atlas: Atlas) -> Table:
    return text_table(atlas)


@pytest.fixture(scope="module")
def labels(atlas: Atlas) -> Table:
    return label_table(atlas)


def weight(table: Table, word: str, unit: int, n_units: int) -> int:
    return max(1, round(10_000 * table[word][unit] * math.log(1 + n_units / len(table[word]))))


def test_the_index_holds_what_labels_and_peaks_say(atlas: Atlas, labels: Table, texts: Table) -> None:
    assert_holds(atlas, labels, texts)
    assert len(texts) > 70 and max(map(len, texts.values())) > 50


def test_so_does_that_of_a_build(tiny_atlas: Path) -> None:
    atlas = open_atlas(str(tiny_atlas))
    texts = text_table(atlas)
    assert_holds(atlas, {}, texts)
    assert len(texts) > 20


def assert_holds(atlas: Atlas, labels: Table, texts: Table) -> None:
    """Every term, place and posting; a weight that is rounded may be one step off."""
    group, n_units = index_of(atlas), sum(d.n_latents for d in atlas.manifest.dictionaries)
    terms = group.read("terms/text").tolist()
    assert terms == sorted({*labels, *texts})
    postings, at = group.read("postings").tolist(), 0
    tops = [
        int(atlas.dictionary(name).stat("top_token")[i])
        if atlas.dictionary(name).stat("firings")[i]
        else NO_TYPE
        for _, name, i in units_of(atlas)
    ]
    for term, place in zip(terms, group.read("terms/place").tolist(), strict=True):
        sides = [table.get(term, {}) for table in (labels, texts)]
        assert place == [at, *map(len, sides)]
        for table, side in zip((labels, texts), sides, strict=True):
            told = postings[at : at + len(side)]
            at += len(side)
            assert [u for u, _, _ in told] == [u for u, _, _ in sorted(told, key=lambda r: (-r[1], r[0]))]
            assert {u for u, _, _ in told} == set(side)
            assert all(abs(w - weight(table, term, u, n_units)) <= 1 for u, w, _ in told)
            assert all(top == tops[u] for u, _, top in told)
    assert at == len(postings)


@pytest.mark.parametrize("source", ["labels", "texts"])
def test_what_is_found_equals_a_look_at_every_word(
    atlas: Atlas, labels: Table, texts: Table, source: str
) -> None:
    table = {"labels": labels, "texts": texts}[source]
    both = sorted({*labels, *texts})
    stored = {
        (side, term, row[0]): row[1]
        for term, place in zip(both, index_of(atlas).read("terms/place").tolist(), strict=True)
        for side, (start, n) in enumerate([(place[0], place[1]), (place[0] + place[1], place[2])])
        for row in index_of(atlas).read("postings", slice(start, start + n)).tolist()
    }

    def stands_for(word: str) -> dict[str, float]:
        def units(term: str) -> int:
            return len(labels.get(term, {})) + len(texts.get(term, {}))

        begun = [t for t in both if t.startswith(word)] if len(word) >= 3 else [t for t in both if t == word]
        if begun:
            best = sorted(begun, key=lambda t: (t != word, -units(t), t))[:8]
            return {t: 1.0 if t == word else 0.25 for t in best}
        far = {t: slips(word, t) for t in both if t[0] == word[0]}
        near = [t for t in far if far[t] <= forgiven(word)]
        return {t: 0.125 / far[t] for t in sorted(near, key=lambda t: (far[t], -units(t), t))[:8]}

    def scan(query: str) -> list[tuple[str, float]]:
        asked = [stands_for(word) for word in dict.fromkeys(words(query))]
        found = []
        for number, name, index in units_of(atlas):
            scores = [
                max(
                    (f * stored[side, t, number] for t, f in terms.items() if (side, t, number) in stored),
                    default=0,
                )
                for terms in asked
            ]
            if asked and all(scores):
                found.append((f"{name}/{index}", sum(scores)))
        return sorted(found, key=lambda hit: -hit[1])[:MOST_HITS]

    side = ["labels", "texts"].index(source)
    draw = random.Random(0)
    some = draw.sample(sorted(table), min(25, len(table)))
    queries = [
        *some,
        *(word[:3] for word in some),
        *(word[:-2] + word[-1:] for word in some if len(word) > 4),
    ]
    queries += [f"{a} {b}" for a, b in zip(some, draw.sample(some, len(some)), strict=True)]
    units = sorted({unit for rows in table.values() for unit in rows})
    for unit in draw.sample(units, min(20, len(units))):
        mine = [word for word in sorted(table) if unit in table[word]]
        queries.append(" ".join(draw.sample(mine, min(2, len(mine)))))
    n_found = 0
    for query in [*queries, "", "  ", "!?", "qqqqqqqq"]:
        hits = getattr(atlas.search(query), source)
        assert [(hit.address, hit.score) for hit in hits] == scan(query), query
        n_found += len(hits)
    assert n_found > 50


def test_a_label_is_found_with_all_it_says(atlas: Atlas) -> None:
    [hit] = atlas.search("herons tall").labels
    assert (hit.address, hit.terms) == (f"{TOY}/0", ["herons", "tall"])
    assert hit.label == "Herons, and other tall birds · the Zürich lake"
    assert [hit.address for hit in atlas.search("ZURICH").labels] == [f"{TOY}/0"]
    assert [hit.address for hit in atlas.search("numbres").labels] == [f"{TOY}/7", f"{TOY}/3"]
    assert atlas.search("herons numbers").labels == []


def test_labelling_leaves_what_the_text_says(plain: Path, atlas: Atlas) -> None:
    before, after = (
        {path: group.read(path) for path in ("terms/text", "terms/place", "postings")}
        for group in (index_of(open_atlas(str(plain))), index_of(atlas))
    )
    old, new = read_postings(before, 1), read_postings(after, 1)
    assert old.terms == new.terms and len(new.terms) < len(after["terms/text"])
    assert np.array_equal(old.count, new.count) and np.array_equal(old.rows, new.rows)
    assert not list(verify(atlas))


def test_the_index_is_the_same_when_it_is_written_again(atlas: Atlas, tmp_path: Path) -> None:
    run = Path(atlas.run_url)
    write_search(tmp_path / "again.zarr", run, [(d.id, d.store) for d in atlas.manifest.dictionaries])
    digests = [
        {p.relative_to(root): hashlib.sha256(p.read_bytes()).digest() for p in root.rglob("*") if p.is_file()}
        for root in (tmp_path / "again.zarr", run / "search.zarr")
    ]
    assert digests[0] == digests[1] and len(digests[0]) > 5


def test_labelling_an_atlas_without_an_index_gives_it_one(plain: Path, tmp_path: Path) -> None:
    path = without_index(plain, tmp_path)
    with pytest.raises(FormatError, match="made without a search index; build it again"):
        open_atlas(str(path)).search("river")
    relabel(open_atlas(str(path)), {TOY: SAID})
    found = open_atlas(str(path)).search("tall")
    assert found.labels and not list(verify(open_atlas(str(path))))
    assert open_atlas(str(path)).search("river").texts == open_atlas(str(plain)).search("river").texts


def without_index(atlas: Path, into: Path) -> Path:
    """A copy as it was before there was a search index."""
    path = shutil.copytree(atlas, into / "old")
    manifest = json.loads((path / "atlas.json").read_text())
    del manifest["search_index"]
    (path / "atlas.json").write_text(json.dumps(manifest))
    run = path / "runs" / manifest["run"]
    shutil.rmtree(run / "search.zarr")
    files = json.loads((run / "files.json").read_text())
    kept = {name: told for name, told in files.items() if not name.startswith("search.zarr/")}
    (run / "files.json").write_text(json.dumps(kept))
    return path


def test_the_cut_keeps_the_best_and_ties_go_to_the_lower_unit() -> None:
    entries, n = Entries(), N_POSTINGS + 100
    for unit in reversed(range(n)):
        entries.add(unit, {"common": 0.5 if unit % 2 else 0.25, "odd" if unit % 2 else "even": 1.0})
    found = entries.postings(np.arange(n, dtype=np.uint32) + 7)
    assert found.terms == ["common", "even", "odd"]
    assert found.count.tolist() == [n, n // 2, n // 2]
    best = [u for u in range(n) if u % 2] + [u for u in range(n) if not u % 2]
    assert found.rows[:N_POSTINGS, 0].tolist() == best[:N_POSTINGS]
    assert (found.rows[:, 2] == found.rows[:, 0] + 7).all()
    nothing = Entries().postings(np.zeros(0, np.uint32))
    arrays = search_arrays([nothing, found])
    assert arrays["terms/place"].tolist() == [[0, 0, n], [512, 0, n // 2], [512 + n // 2, 0, n // 2]]
    again = read_postings(arrays, 1)
    assert again.terms == found.terms and np.array_equal(again.rows, found.rows)


def test_words_are_one_spelling() -> None:
    assert words("Zürich’s read_text(ﬁle) 3.5% ΑΣ") == ["zurich", "s", "read", "text", "file", "3", "5", "ας"]
    assert words("x" * 40) == ["x" * 32]
    assert label_words("a b A") == {"a": 2 / 3, "b": 1 / 3}


def test_slips_are_the_fewest_changes() -> None:
    @cache
    def naive(a: str, b: str) -> int:
        if not a or not b:
            return len(a) + len(b)
        least = min(naive(a[1:], b) + 1, naive(a, b[1:]) + 1, naive(a[1:], b[1:]) + (a[0] != b[0]))
        swapped = a[:2] == b[1::-1] and len(a) > 1 and len(b) > 1
        return min(least, naive(a[2:], b[2:]) + 1) if swapped else least

    draw = random.Random(1)
    for _ in range(300):
        a, b = ("".join(draw.choices("abc", k=draw.randint(0, 7))) for _ in range(2))
        assert slips(a, b) == naive(a, b), (a, b)
    assert slips("exeption", "exception") == slips("teh", "the") == 1


def test_token_types_by_text() -> None:
    vocabulary = ["the", " the", "The", " they", "ther", "bathe", "⟨e2⟩", "Thé", " naïve", "river", "the "]
    found = [(m.token, m.how) for m in matching_types("the", vocabulary)]
    assert found == [
        ("the", "exact"),
        (" the", "spaces"),
        ("the ", "spaces"),
        ("The", "case"),
        ("Thé", "case"),
        ("ther", "contains"),
        (" they", "contains"),
        ("bathe", "contains"),
    ]
    assert [(m.token, m.how) for m in matching_types("naive", vocabulary)] == [(" naïve", "case")]
    assert [(m.token, m.how) for m in matching_types("rivre", vocabulary)] == [("river", "near")]
    assert matching_types("   ", vocabulary) == []


def test_a_phrase_is_cut_into_the_longest_tokens_that_fit() -> None:
    vocabulary = [" ", "h", " har", "bour", " the", "the", "b", "our", "o", "u", "r"]
    assert greedy_types("the harbour", vocabulary) == [4, 2, 3]
    assert greedy_types(" the harbour", vocabulary) == [4, 2, 3]
    assert greedy_types("the x", vocabulary) is None
    assert greedy_types("", vocabulary) == [0]


def test_units_that_fire_on_a_phrase_fire_on_each_of_its_tokens(atlas: Atlas) -> None:
    tokens = [token for token in atlas.vocabulary if token[:1] == " " and token.strip().isalpha()]
    seen = 0
    for first in tokens[:30]:
        for second in tokens[:30]:
            phrase = atlas.search(first + second).phrase
            if phrase is None or phrase.tokens != [first, second]:
                continue
            tables = [{row.address: row for row in atlas.token(token).fires} for token in (first, second)]
            common = set(tables[0]) & set(tables[1])
            assert {row.address for row in phrase.fires} == common
            for row in phrase.fires:
                assert row.cosine == min(table[row.address].cosine for table in tables)
            assert [r.cosine for r in phrase.fires] == sorted((r.cosine for r in phrase.fires), reverse=True)
            seen += len(common)
        if seen > 20:
            return
    pytest.fail("no unit fires on two tokens")


def test_the_command_prints_it(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["atlas", "search", atlas.url, "tall numbers", "--json"])
    with pytest.raises(SystemExit, match="0"):
        cli.main()
    assert json.loads(capsys.readouterr().out) == json.loads(
        json.dumps(atlas.search("tall numbers").to_json())
    )
    monkeypatch.setattr("sys.argv", ["atlas", "search", atlas.url, "tall"])
    with pytest.raises(SystemExit, match="0"):
        cli.main()
    assert "Herons, and other tall birds" in capsys.readouterr().out


def test_verify_finds_an_index_of_another_shape(plain: Path, tmp_path: Path) -> None:
    place = next(shutil.copytree(plain, tmp_path / "atlas").rglob("search.zarr"))
    attributes = Group(str(place)).attributes
    arrays = {spec.path: Group(str(place)).read(spec.path) for spec in SEARCH}
    shutil.rmtree(place)
    create_group(place, SEARCH, arrays | {"postings": arrays["postings"][:-1]}, attributes)
    wrong = list(verify(open_atlas(str(tmp_path / "atlas"))))
    assert any("search.zarr/postings has shape" in line for line in wrong), wrong
