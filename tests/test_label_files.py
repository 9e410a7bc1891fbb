"""Labels brought into an atlas: from every format, back again, and none lost whatever happens."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from feature_atlas import Label, open_atlas
from feature_atlas.errors import InputError
from feature_atlas.verify import verify
from interchange.export import choose, export
from interchange.labels import read_labels
from pipeline import cli
from pipeline import relabel as relabelling
from pipeline.build import build
from pipeline.core.params import Params
from pipeline.core.runs import work_folder
from pipeline.relabel import relabel

AWKWARD = '<b>nouns</b>, "quoted" & \u202enames\nin two lines'
ROWS = [
    {"address": "tiny-sae/3", "text": "a guess", "source": "one", "score": None},
    {"address": "tiny-sae/3", "text": AWKWARD, "source": "two", "score": 0.1 + 0.2},
    {"address": "tiny-sae/3", "text": "a better one", "source": "three", "score": 0.9},
    {"address": "mlp_post.0/95", "text": "=1+1", "source": "one", "score": -1e-7},
]
BEST_FIRST = [
    Label("a better one", "three", 0.9),
    Label(AWKWARD, "two", 0.1 + 0.2),
    Label("a guess", "one", None),
]


@pytest.fixture
def atlas(tiny_atlas: Path, tmp_path: Path) -> Path:
    """A copy of the small atlas with its work folder, to be labelled."""
    shutil.copytree(work_folder(tiny_atlas), work_folder(tmp_path / "atlas"))
    return shutil.copytree(tiny_atlas, tmp_path / "atlas")


def bring(atlas: Path, file: Path, dictionary: str = "", source: str = "") -> int:
    opened = open_atlas(str(atlas))
    return relabel(opened, read_labels(file, opened, dictionary, source))


def write(path: Path, rows: list[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def exported(atlas: Path, out: Path, to: str = "labels") -> Path:
    opened = open_atlas(str(atlas))
    export(opened, to, out, choose(opened, to, []), lambda _: None)
    return out


@pytest.mark.parametrize("name", ["labels.csv", "labels.jsonl", "."])
def test_out_and_in_again_loses_nothing(name: str, atlas: Path, tiny_atlas: Path, tmp_path: Path) -> None:
    assert bring(atlas, write(tmp_path / "rows.jsonl", ROWS)) == len(ROWS)
    first = exported(atlas, tmp_path / "first")
    other = shutil.copytree(tiny_atlas, tmp_path / "other")
    bring(other, first / name)
    again = exported(other, tmp_path / "again")
    for file in ("labels.csv", "labels.jsonl"):
        assert (again / file).read_bytes() == (first / file).read_bytes()
    told = [json.loads(line) for line in (first / "labels.jsonl").read_text().splitlines()]
    assert sorted(map(str, told)) == sorted(map(str, ROWS))


def test_each_is_read_with_source_and_score_best_first(atlas: Path, tmp_path: Path) -> None:
    bring(atlas, write(tmp_path / "rows.jsonl", ROWS))
    dictionary = open_atlas(str(atlas))["tiny-sae"]
    assert dictionary[3].labels == dictionary.all_labels[3] == BEST_FIRST
    assert dictionary[3].label == dictionary.labels[3] == "a better one"
    assert (dictionary[4].labels, dictionary.label_source) == ([], "one, three, two")
    shown = dictionary[3].to_json()
    assert shown["labels"] == [vars(label) for label in BEST_FIRST]
    assert shown["label"] == {"text": "a better one", "source": "three"}
    assert [latent.labels for shard in dictionary.shards() for latent in shard] == dictionary.all_labels


def test_the_new_run_shares_all_else_and_is_whole(atlas: Path, tmp_path: Path) -> None:
    before = open_atlas(str(atlas))
    run = atlas / before.manifest.run_path
    inodes = {path.relative_to(run): path.stat().st_ino for path in run.rglob("*") if path.is_file()}
    bring(atlas, write(tmp_path / "rows.jsonl", ROWS))
    after = open_atlas(str(atlas))
    assert not list(verify(after))
    assert after.manifest.labelled_from == before.manifest.run != after.manifest.run
    assert [path.name for path in (atlas / "runs").iterdir()] == [after.manifest.run]
    new = {
        path.relative_to(atlas / after.manifest.run_path): path for path in files(atlas, after.manifest.run)
    }
    own = {str(name) for name, path in new.items() if inodes.get(name) != path.stat().st_ino}
    for name in own - {"files.json"}:
        assert name.endswith(".zarr/zarr.json") or "/label" in name or name.startswith("search.zarr/")
    assert inodes.keys() <= new.keys()
    assert after.manifest.n_bytes == sum(p.stat().st_size for n, p in new.items() if str(n) != "files.json")
    old = json.loads(before.manifest.model_dump_json())
    changed = {key for key, value in after.manifest.model_dump(mode="json").items() if value != old[key]}
    assert changed == {"run", "labelled_from", "n_bytes"}


def files(atlas: Path, run: str) -> list[Path]:
    return [path for path in (atlas / "runs" / run).rglob("*") if path.is_file()]


def test_a_source_replaces_what_it_said_itself(atlas: Path, tmp_path: Path) -> None:
    bring(atlas, write(tmp_path / "rows.jsonl", ROWS))
    run = open_atlas(str(atlas)).manifest.run
    assert bring(atlas, tmp_path / "rows.jsonl") == 0
    assert open_atlas(str(atlas)).manifest.run == run
    again = [{"address": "tiny-sae/3", "text": "now thus", "source": "two"}]
    again += [{"address": "tiny-sae/3", "text": "or thus", "score": 2, "source": "two"}]
    assert bring(atlas, write(tmp_path / "again.jsonl", again)) == 2
    opened = open_atlas(str(atlas))
    assert [(label.text, label.score) for label in opened["tiny-sae"][3].labels] == [
        ("or thus", 2.0), ("a better one", 0.9), ("a guess", None), ("now thus", None),
    ]  # fmt: skip
    assert opened.at("mlp_post.0/95").label == "=1+1"
    assert not list(verify(opened))


def test_a_build_of_the_same_leaves_them(atlas: Path, tiny_params: Params, tmp_path: Path) -> None:
    bring(atlas, write(tmp_path / "rows.jsonl", ROWS))
    run = open_atlas(str(atlas)).manifest.run
    build(tiny_params, atlas)
    assert open_atlas(str(atlas)).manifest.run == run
    build(tiny_params.model_copy(update={"title": "another"}), atlas)
    opened = open_atlas(str(atlas))
    assert (opened.manifest.labelled_from, opened["tiny-sae"][3].labels) == (None, [])
    assert not list(verify(opened))


@pytest.mark.parametrize("step", ["write_list", "switch", "sweep"])
def test_stopped_at_any_step_it_is_the_old_or_the_new(
    step: str, atlas: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = write(tmp_path / "rows.jsonl", ROWS)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(relabelling, step, stop)
        with pytest.raises(KeyboardInterrupt):
            bring(atlas, rows)
    opened = open_atlas(str(atlas))
    assert not list(verify(opened))
    assert bool(opened["tiny-sae"][3].labels) == (step == "sweep")
    bring(atlas, rows)
    opened = open_atlas(str(atlas))
    assert opened["tiny-sae"][3].labels == BEST_FIRST
    assert not list(verify(opened))
    assert [path.name for path in (atlas / "runs").iterdir()] == [opened.manifest.run]


def test_damage_is_not_signed_anew(atlas: Path, tmp_path: Path) -> None:
    shard = next(atlas.rglob("tiny-sae.zarr/examples/acts/c/0/0/0"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"\0")
    bring(atlas, write(tmp_path / "rows.jsonl", ROWS))
    assert any("was changed" in line for line in verify(open_atlas(str(atlas))))


# ---- Neuronpedia and delphi


def test_explanations_that_we_exported_find_their_latents(
    atlas: Path, tiny_atlas: Path, tmp_path: Path
) -> None:
    bring(atlas, write(tmp_path / "rows.jsonl", ROWS))
    out = exported(atlas, tmp_path / "np", "neuronpedia")
    for row in map(
        json.loads, gzip.decompress(next(out.glob("**/explanations/*")).read_bytes()).splitlines()
    ):
        assert {"id", "modelId", "layer", "index", "description", "authorId", "typeName"} <= row.keys()
    other = shutil.copytree(tiny_atlas, tmp_path / "other")
    bring(other, out, source="there")
    told = open_atlas(str(other))["tiny-sae"][3].labels
    assert sorted(told, key=str) == sorted((Label(each.text, "there") for each in BEST_FIRST), key=str)


def test_explanations_of_another_source_need_a_dictionary(atlas: Path, tmp_path: Path) -> None:
    row = {"id": "c1", "modelId": "gpt2-small", "layer": "6-res-jb", "index": "7", "description": "colours",
           "typeName": "oai_token-act-pair", "explanationModelName": "gpt-4o-mini"}  # fmt: skip
    folder = tmp_path / "explanations"
    folder.mkdir()
    with gzip.open(folder / "batch-0.jsonl.gz", "wt") as file:
        file.write(json.dumps(row) + "\n")
    with pytest.raises(InputError, match=r"batch-0.*line 1: which dictionary is layer '6-res-jb'"):
        bring(atlas, folder)
    bring(atlas, folder, "tiny-sae")
    assert open_atlas(str(atlas)).at("tiny-sae/7").labels == [
        Label("colours", "oai_token-act-pair gpt-4o-mini")
    ]
    with gzip.open(folder / "batch-1.jsonl.gz", "wt") as file:
        file.write(json.dumps(row | {"layer": "7-res-jb"}) + "\n")
    with pytest.raises(InputError, match="layer '7-res-jb' after '6-res-jb'"):
        bring(atlas, folder, "tiny-sae")


def test_delphi_explanations_come_with_their_scores(atlas: Path, tmp_path: Path) -> None:
    folder = tmp_path / "results" / "explanations"
    folder.mkdir(parents=True)
    (folder / "layers.1_latent5.txt").write_text(json.dumps('days "of" the week'))
    (folder / "layers.1_latent11.txt").write_text("plain text\n")
    scored = tmp_path / "results" / "scores" / "detection"
    scored.mkdir(parents=True)
    # Of three that activate two are found, of two that do not one is left alone: (2/3 + 1/2) / 2
    judged = [(True, True), (True, True), (True, False), (False, True), (False, False), (True, None)]
    examples = [{"activating": truth, "prediction": said, "str_tokens": ["x"]} for truth, said in judged]
    (scored / "layers.1_latent5.txt").write_text(json.dumps(examples))
    bring(atlas, folder, "tiny-sae")
    opened = open_atlas(str(atlas))
    (label,) = opened.at("tiny-sae/5").labels
    assert (label.text, label.source) == ('days "of" the week', "delphi, detection")
    assert label.score == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert opened.at("tiny-sae/11").labels == [Label("plain text", "delphi")]
    with pytest.raises(InputError, match=r"which dictionary is delphi's layers\.1"):
        bring(atlas, folder)
    (folder / "layers.0_latent5.txt").write_text("other")
    with pytest.raises(InputError, match=r"speaks of layers\.0 and layers\.1"):
        bring(atlas, folder, "tiny-sae")


# ---- what can't be used

HEAD = b"address,text,score,source\n"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("l.csv", HEAD + b"tiny-sae/3,x,,\ntiny-sae/40,x,,\n", r"l\.csv, line 3: .*tiny-sae/0\.\.39"),
        ("l.csv", HEAD + b"nobody/3,x,,\n", r"line 2: no dictionary 'nobody'"),
        ("l.csv", HEAD + b"tiny-sae,x,,\n", r"line 2: address 'tiny-sae' is not"),
        ("l.csv", HEAD + b"tiny-sae/3,x,good,\n", r"line 2: score 'good' is not a number"),
        ("l.csv", HEAD + b"tiny-sae/3,x,nan,\n", r"line 2: score nan is not a finite number"),
        ("l.csv", HEAD + b"tiny-sae/3, ,1,\n", r"line 2: the label or its source is empty"),
        ("l.csv", HEAD + b"tiny-sae/3,x\n", r"line 2: 2 cells under 4 columns"),
        ("l.csv", HEAD + b'tiny-sae/3,"x,,\n', r"l\.csv, line \d, is not CSV"),
        ("l.csv", HEAD + b"tiny-sae/3,\x1b[2J,,\n", r"line 2: .* control character '\\x1b'"),
        ("l.csv", HEAD + b"tiny-sae/3,caf\xe9,,\n", r"line 2, is not UTF-8"),
        ("l.csv", b"address,text,colour\n", r"line 1: column 'colour' is unknown"),
        ("l.csv", b"address,text,text\n", r"line 1: column 'text' is unknown or there twice"),
        ("l.csv", b"address,score\n", r"line 1: no column 'text'"),
        ("l.csv", b"", r"l\.csv is empty"),
        ("l.jsonl", b'{"address": "tiny-sae/3", "text": "x"}\nnonsense\n', r"line 2, is not JSON"),
        ("l.jsonl", b"[1]\n", r"line 1, is not a JSON object"),
        ("l.jsonl", b'{"address": "tiny-sae/3", "text": 7}\n', r"line 1: text 7 is not a string"),
        ("l.jsonl", b'{"address": "tiny-sae/3", "text": "x", "score": true}\n', r"score True is not"),
        ("l.jsonl", b'{"address": "tiny-sae/3", "text": "x", "score": NaN}\n', r"not a finite number"),
        ("l.jsonl", b'{"address": "tiny-sae/3", "text": "\\ud800"}\n', r"line 1: .* control character"),
        ("l.jsonl", b'{"address": "tiny-sae/3"}\n', r"line 1: no column 'text'"),
        ("l.jsonl.gz", b"not gzip", r"can't read .*l\.jsonl\.gz"),
        ("l.jsonl", b'{"layer": 3, "index": "1", "description": "x"}\n', r"needs the strings layer, index"),
    ],
)
def test_it_says_where_it_is_wrong_and_changes_nothing(
    name: str, content: bytes, words: str, atlas: Path, tmp_path: Path
) -> None:
    before = (atlas / "atlas.json").read_bytes()
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words):
        bring(atlas, tmp_path / name)
    assert (atlas / "atlas.json").read_bytes() == before


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "nowhere.csv", "can't read"),
        (lambda folder: folder, "holds no labels"),
    ],
)
def test_what_is_not_there_is_named(
    make: Callable[[Path], Path], words: str, atlas: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    with pytest.raises(InputError, match=words):
        bring(atlas, make(folder))


def test_an_atlas_elsewhere_is_not_labelled(atlas: Path, tmp_path: Path) -> None:
    opened = open_atlas(str(atlas))
    found = read_labels(write(tmp_path / "rows.jsonl", ROWS), opened, "", "")
    opened.url = "https://example.org/atlas"
    with pytest.raises(InputError, match="can't write to https://: give a folder, az://"):
        relabel(opened, found)


# ---- the commands


def test_the_commands_export_label_and_show(
    atlas: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def atlas_command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["atlas", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        out, err = capfd.readouterr()
        return int(stop.value.code or 0), out, " ".join(err.split())  # long lines are folded

    code, _, err = atlas_command("label", atlas, write(tmp_path / "rows.jsonl", ROWS))
    assert (code, "4 labels are new or changed" in err) == (0, True)
    code, out, _ = atlas_command("show", atlas, "tiny-sae/3")
    assert code == 0
    assert "a better one  (three, score 0.9)" in out and "a guess  (one)" in out
    out_folder = tmp_path / "out"
    code, _, err = atlas_command(
        "export", atlas, "--to", "parquet", "--out", out_folder, "--dictionary", "tiny-sae"
    )
    assert (code, "40 units" in err) == (0, True)
    assert [path.name for path in (out_folder / "latents").iterdir()] == ["tiny-sae.parquet"]
    for arguments, words in (
        (("export", atlas, "--to", "dashboard", "--out", tmp_path / "x"), "formats: neuronpedia"),
        (("export", atlas, "--to", "labels", "--out", tmp_path / "x", "--dictionary", "no"), "'no'"),
        (("export", atlas, "--to", "labels", "--out", tmp_path), "holds something else"),
        (("label", atlas, tmp_path / "rows.jsonl", "--dictionary", "tiny-sae"), "leave out --dictionary"),
    ):
        code, _, err = atlas_command(*arguments)
        assert code == 2 and "atlas: " in err and words in err and "Traceback" not in err, err
