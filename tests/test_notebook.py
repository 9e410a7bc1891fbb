"""What a notebook shows: that it is whole HTML, its numbers are the store's, and text stays text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from feature_atlas import Atlas, Head, Latent, open_atlas
from feature_atlas.contract import METRICS
from tests import synthetic

VOID = {"br", "img", "input", "hr"}


class Strict(HTMLParser):
    """Fails where an element is closed that is not the last one opened; gathers text and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes what was opened."""
        assert tag not in VOID
        self.open.append(tag)
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        """Checks what is closed."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keeps text."""
        self.texts.append(data)


def parsed(html: str) -> Strict:
    parser = Strict()
    parser.feed(html)
    parser.close()
    assert not parser.open
    return parser


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    """An atlas whose tokens, labels and names try to be markup."""
    return open_atlas(str(synthetic.hostile(tmp_path_factory.mktemp("a") / "hostile")))


@pytest.fixture(scope="module")
def normal(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    """An atlas with dead and rare latents."""
    return open_atlas(str(synthetic.normal(tmp_path_factory.mktemp("a") / "normal")))


@pytest.fixture(scope="module", params=["resid_post.0.x/7", "mlp_post.0/3", "attn.0/1"])
def card(request: pytest.FixtureRequest, hostile: Atlas) -> str:
    """HTML of a latent, a neuron and a head."""
    return hostile.at(request.param)._repr_html_()  # pyright: ignore[reportPrivateUsage]


def html_of(unit: Latent | Head) -> str:
    return unit._repr_html_()  # pyright: ignore[reportPrivateUsage]


def test_it_is_whole_and_nothing_in_it_runs(card: str) -> None:
    found = parsed(card)
    assert found.names <= {"div", "b", "span", "table", "tr", "td", "svg", "rect", "title"}
    assert found.attributes <= {
        *("style", "role", "aria-label", "viewbox", "width", "height", "fill", "opacity", "x", "y")
    }
    assert "url(" not in card and "http" not in card


def test_hostile_text_is_shown_as_text(hostile: Atlas) -> None:
    latent = hostile.at("resid_post.0.x/7")
    assert isinstance(latent, Latent)
    texts = "".join(parsed(html_of(latent)).texts)
    assert f"label {synthetic.HOSTILE}" in texts
    assert not {"\u202e", "\u200b", "\x00"} & set(texts)
    top = [hostile.vocabulary[int(t)] for t in hostile.dictionary("resid_post.0.x").stat("top_token")]
    awkward = hostile.dictionary("resid_post.0.x")[top.index(synthetic.HOSTILE)]
    assert synthetic.HOSTILE.replace(" ", "␣") in "".join(parsed(html_of(awkward)).texts)


def test_numbers_are_those_of_the_store(normal: Atlas) -> None:
    latent = normal.at("resid_post.1.toy/3")
    assert isinstance(latent, Latent)
    html = html_of(latent)
    found = parsed(html)
    assert f"{latent.number('density'):.3%}" in found.texts
    assert f"{latent.number('max'):.3g}" in found.texts
    assert f"{int(latent.number('firings')):,}" in found.texts
    tokens = [text for text in found.texts if text.replace("␣", " ") in normal.vocabulary]
    promoted = latent.ints["promoted_token"].tolist()
    assert {normal.vocabulary[t] for t in promoted} <= {token.replace("␣", " ") for token in tokens}
    values = [f"{value:.3g}" for value in latent.floats["suppressed_value"].tolist()]
    assert set(values) <= set(found.texts)
    told = [int(n.replace(",", "")) for n in re.findall(r"<title>[^<]*: ([\d,]+)</title>", html)]
    counts = [int(n) for n in latent.ints["hist"]]
    filled = [i for i, n in enumerate(counts) if n]
    assert told == counts[filled[0] : filled[-1] + 1]
    heights = [float(height) for height in re.findall(r'height="([\d.]+)"><title>', html)]
    assert max(heights) == 64 and heights.index(64) == told.index(max(told))


def test_heat_is_the_share_of_the_largest_activation(normal: Atlas) -> None:
    latent = normal.at("mlp_post.0/3")
    assert isinstance(latent, Latent)
    html = html_of(latent)
    for section, hue, end in (("top", "240,154,42", "max"), ("bottom", "107,164,228", "min")):
        example = latent.examples(section)[0]
        share = min(1.0, example.activations[example.peak] / latent.number(end))
        assert share > 0.9
        assert f"rgba({hue},{share * 0.6:.2f});outline:1px solid" in html


def test_a_dead_latent_has_a_card_too(normal: Atlas) -> None:
    dictionary = normal.dictionary("resid_post.1.toy")
    dead = dictionary[dictionary.stat("firings").tolist().index(0)]
    texts = parsed(html_of(dead)).texts
    assert "no distribution to draw" in texts and "0.000%" in texts and "none" in texts


def test_a_head_tells_its_scores_and_where_it_looks(normal: Atlas) -> None:
    head = normal.at("attn.1/1")
    assert isinstance(head, Head)
    html = html_of(head)
    texts = parsed(html).texts
    for field in METRICS:
        assert field.name.replace("_", " ") in texts
        assert f"{head.number(field.name):.3g}" in texts
    first = head.examples("write")[0]
    assert f"{first.write:.3g}" in texts
    assert f"rgba(240,154,42,{float(first.attention[first.query, first.key]) * 0.6:.2f})" in html
