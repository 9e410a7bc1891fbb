"""Corpus sources, the choice of documents, and the tokenizer."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from feature_atlas.errors import InputError
from pipeline.core.corpus import open_source
from pipeline.core.python_docs import python_documents, python_files, split_docstrings
from pipeline.core.read_corpus import Selection, share_out
from pipeline.core.tokenizer import SubjectTokenizer


def read(text: str) -> list[tuple[str, str]]:
    return [(document.id, document.text) for document in open_source(text).read()]


def test_every_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.md").write_text("two")
    (tmp_path / "c.jsonl").write_text('{"text": "three"}\n\n"four"\n')
    (tmp_path / "ignored.csv").write_text("no")
    pq.write_table(pa.table({"text": ["five", "six"], "id": [1, 2]}), tmp_path / "d.parquet")
    assert read(str(tmp_path)) == [
        ("a.txt", "one"),
        ("c.jsonl#1", "three"),
        ("c.jsonl#3", "four"),
        ("d.parquet#1", "five"),
        ("d.parquet#2", "six"),
        ("sub/b.md", "two"),
    ]
    assert read(f"{tmp_path}/*.txt") == [("a.txt", "one")]
    assert read(str(tmp_path / "c.jsonl"))[1] == ("c.jsonl#3", "four")


def test_parquet_without_text(tmp_path: Path) -> None:
    pq.write_table(pa.table({"body": ["x"]}), tmp_path / "d.parquet")
    with pytest.raises(InputError, match="no column 'text'; it has: body"):
        read(str(tmp_path / "d.parquet"))


def test_datasets_are_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """hf: reads whatever the `datasets` library loads: here a local folder of the same layout."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.jsonl").write_text('{"body": "one"}\n{"body": "two"}\n')
    monkeypatch.chdir(tmp_path)
    assert read("hf:data:::body") == [("data#1", "one"), ("data#2", "two")]
    with pytest.raises(InputError, match="its columns: body"):
        read("hf:data")
    assert open_source("hf:data").streamed


def test_python_docs_part_code_from_prose() -> None:
    source = (
        '"""Module."""\nimport os\n\n\ndef f(x):\n    """Says.\n\n    More.\n    """\n    return x  # kept\n'
    )
    code, prose = split_docstrings(source)
    assert prose == "Module.\n\nSays.\n\nMore."
    assert code == "import os\n\n\ndef f(x):\n    return x  # kept\n"
    names = {path.name for path in python_files()}
    assert "argparse.py" in names
    assert "topics.py" not in names
    assert not any("test" in path.parts for path in python_files())


NESTED = """
'module'
class A:
    'A'
    try:
        def a(): 'a'
    except ValueError:
        def b(): 'b'
    else:
        def c(): 'c'
    finally:
        async def d(): 'd'
if x:
    def e(): 'e'
elif y:
    with z:
        def f():
            'f'
            class F: 'F'
else:
    match x:
        case 1:
            def g(): 'g'
for x in y:
    def h(): 'h'
else:
    while x:
        def i(): 'i'
"""


def test_docstrings_are_found_wherever_statements_hold_others() -> None:
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    nodes = [node for node in ast.walk(ast.parse(NESTED)) if isinstance(node, kinds)]
    assert split_docstrings(NESTED)[1].split("\n\n") == [ast.get_docstring(node) for node in nodes]


@given(st.lists(st.integers(0, 30), max_size=20), st.integers(1, 80), st.randoms())
def test_documents_are_chosen_by_hash_not_by_order(lengths: list[int], budget: int, random: object) -> None:
    """The same documents are kept, and found too short, in whatever order they come; unwanted ones never."""
    documents = [(f"doc{i}", [0] * n) for i, n in enumerate(lengths)]
    shuffled = documents.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    kept, too_short = [], []
    for order, ask in ((documents, False), (shuffled, False), (shuffled, True)):
        selection = Selection("s", budget)
        for number, (name, tokens) in enumerate(order):
            if not ask or selection.wants(name):
                selection.add(number, name, tokens)
        kept.append({name for name, _ in selection.cut(budget)})
        too_short.append(selection.too_short)
    assert kept[0] == kept[1] == kept[2]
    assert too_short[0] == too_short[1] == too_short[2]
    total = sum(len(tokens) for name, tokens in documents if name in kept[0])
    assert total <= budget or len(kept[0]) == 1


def test_unwanted_documents_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "b.txt").write_text("two")
    found = open_source(str(tmp_path)).read(lambda name: name == "b.txt")
    assert [document.id for document in found] == ["b.txt"]
    one = python_documents(python_files(), lambda name: name == "argparse.py")
    assert [name for name, _ in one] == ["argparse.py", "argparse.py docstrings"]


@given(st.lists(st.integers(0, 100), min_size=1, max_size=6), st.integers(1, 300))
def test_sources_share_evenly(wanted: list[int], total: int) -> None:
    shares = share_out(wanted, total)
    assert all(share <= want for share, want in zip(shares, wanted, strict=True))
    assert sum(shares) <= total
    fair = min((s for s, w in zip(shares, wanted, strict=True) if s < w), default=None)
    if fair is not None:
        assert sum(shares) > total - len(wanted)
        assert all(share <= fair + 1 for share in shares)


def test_one_file_and_two_file_tokenizers_agree(tiny_model: Path, tmp_path: Path) -> None:
    Tokenizer.from_file(str(tiny_model / "tokenizer.json")).model.save(str(tmp_path))
    texts = ["The heron, in grey\n\twater.", "naïve – “quoted” 😀", "<|endoftext|> is only text here"]
    one, two = SubjectTokenizer.load(tiny_model), SubjectTokenizer.load(tmp_path)
    assert one.encode(texts) == two.encode(texts)
    special = json.loads((tiny_model / "tokenizer.json").read_text())["added_tokens"][0]["id"]
    assert all(special not in tokens for tokens in one.encode(texts))


def test_vocabulary_tells_text_from_bytes(tiny_model: Path) -> None:
    tokenizer = SubjectTokenizer.load(tiny_model)
    texts, kinds = tokenizer.vocabulary(400)
    assert kinds.count(2) == 1
    assert texts[kinds.index(2)] == "<|endoftext|>"
    newline = tokenizer.encode(["\n"])[0][0]
    assert (texts[newline], kinds[newline]) == ("\n", 0)
    emoji = tokenizer.encode(["😀"])[0]
    assert [texts[t] for t in emoji] == ["f0", "9f", "98", "80"]
    assert {kinds[t] for t in emoji} == {1}
    sentence = tokenizer.encode(["the heron stood"])[0]
    assert "".join(texts[t] for t in sentence) == "the heron stood"
