"""Bad input: one clear line that names the thing and the remedy, exit code 2, what was there stays."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from feature_atlas import open_atlas
from feature_atlas.verify import verify
from pipeline import cli
from tests import tiny

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """`atlas` with arguments: its exit code and stderr."""

    def call(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["atlas", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        return int(stop.value.code or 0), capfd.readouterr().err

    return call


@pytest.fixture
def parts(tiny_model: Path, tiny_text: Path, tiny_dictionary: Path) -> dict[str, Path]:
    return {"model": tiny_model, "text": tiny_text, "dictionary": tiny_dictionary}


def build(run: Run, out: Path, parts: dict[str, Path], *more: object, **changed: object) -> tuple[int, str]:
    given = {"--model": parts["model"], "--corpus": parts["text"], "--ctx": tiny.CTX, **changed}
    flags = [part for pair in given.items() for part in pair]
    return run("build", "--out", out, *flags, *more)


def check(result: tuple[int, str], *words: str) -> None:
    code, err = result
    line = err.strip().split("\n")[-1]
    assert code == 2, err
    assert "Traceback" not in err
    assert line.startswith("atlas: ")
    for word in words:
        assert word in line, line


def test_no_such_corpus(run: Run, parts: dict[str, Path], tmp_path: Path) -> None:
    result = build(run, tmp_path / "a", parts, **{"--corpus": tmp_path / "nowhere.txt"})
    check(result, "nowhere.txt", "give a file")


def test_empty_corpus(run: Run, parts: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("")
    check(
        build(run, tmp_path / "a", parts, **{"--corpus": tmp_path / "empty.txt"}), "empty.txt", "no document"
    )


def test_a_document_of_one_token(run: Run, parts: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("t")
    result = build(run, tmp_path / "a", parts, **{"--corpus": tmp_path / "one.txt"})
    check(result, "one.txt", "fewer than 2 tokens", "add text")


def test_not_utf8(run: Run, parts: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 au lait")
    check(
        build(run, tmp_path / "a", parts, **{"--corpus": tmp_path / "latin.txt"}),
        "latin.txt",
        "byte 3",
        "iconv",
    )


def test_bad_json_line(run: Run, parts: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"text": "fine words here"}\n{"text": 3}\n')
    check(
        build(run, tmp_path / "a", parts, **{"--corpus": tmp_path / "bad.jsonl"}),
        "bad.jsonl",
        "line 2",
        "'text'",
    )


def test_not_parquet(run: Run, parts: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"no")
    check(
        build(run, tmp_path / "a", parts, **{"--corpus": tmp_path / "bad.parquet"}), "bad.parquet", "Parquet"
    )


def test_unreachable_hub_corpus(
    run: Run, parts: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    result = build(run, tmp_path / "a", parts, **{"--corpus": "hf:nobody/nothing"})
    check(result, "hf:nobody/nothing", "can't load")


def test_other_architecture(run: Run, parts: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.json").write_text('{"model_type": "mamba"}')
    check(build(run, tmp_path / "a", parts, **{"--model": tmp_path / "m"}), "mamba", "GPT2LMHeadModel")


def test_no_model(run: Run, parts: dict[str, Path], tmp_path: Path) -> None:
    check(build(run, tmp_path / "a", parts, **{"--model": tmp_path / "none"}), "none", "config.json")


def test_weights_cut_short(run: Run, parts: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(parts["model"], tmp_path / "m")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:4000])
    check(build(run, tmp_path / "a", parts, **{"--model": folder}), "model.safetensors")


def test_no_tokenizer(run: Run, parts: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(parts["model"], tmp_path / "m")
    (folder / "tokenizer.json").unlink()
    check(build(run, tmp_path / "a", parts, **{"--model": folder}), "tokenizer", "merges.txt")


def test_dictionary_of_another_width(run: Run, parts: dict[str, Path], tmp_path: Path) -> None:
    wide = tiny.write_dictionary(tmp_path / "wide", d_in=32)
    result = build(run, tmp_path / "a", parts, "--dictionary", f"wide={wide}@resid_post.0")
    check(result, "W_enc", "expected [24, 40]", "another model or hook point")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("{d}@resid_post.9", ("resid_post.9", "layers 0..1")),
        ("{d}@resid_past.1", ("resid_past.1", "resid_post")),
        ("{d}", ("name no hook point", "@resid_post.6")),
        ("{d}@", ("ID=[FORMAT:]PATH[@IN[:OUT]]",)),
        ("{t}/missing@resid_post.1", ("/missing", "hf:REPO")),
        ("{d}@attn_pattern.1", ("attn_pattern.1", "no vectors")),
        ("{d}@attn_v.1", ("attn_v.1", "no vectors")),
    ],
)
def test_bad_dictionary(
    run: Run, parts: dict[str, Path], tmp_path: Path, spec: str, words: tuple[str, ...]
) -> None:
    given = spec.format(d=parts["dictionary"], t=tmp_path)
    check(build(run, tmp_path / "a", parts, "--dictionary", f"x={given}"), *words)


def test_unknown_architecture_of_dictionary(run: Run, parts: dict[str, Path], tmp_path: Path) -> None:
    folder = tiny.write_dictionary(tmp_path / "temporal", architecture="temporal")
    result = build(run, tmp_path / "a", parts, "--dictionary", f"x={folder}@resid_post.1")
    check(result, "'temporal'", "'topk'")


def test_pickle_is_never_read(run: Run, parts: dict[str, Path], tmp_path: Path) -> None:
    folder = tiny.write_dictionary(tmp_path / "sae")
    (folder / "sae_weights.safetensors").write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")
    check(
        build(run, tmp_path / "a", parts, "--dictionary", f"x={folder}@resid_post.1"),
        "sae_weights.safetensors",
    )


def test_unknown_parameter(run: Run, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("model: x\ncorpus: [y]\ncontext: 3\n")
    check(run("build", "--config", tmp_path / "p.yaml", "--out", tmp_path / "a"), "p.yaml", "context")


def test_ctx_longer_than_the_model_reads(run: Run, parts: dict[str, Path], tmp_path: Path) -> None:
    check(build(run, tmp_path / "a", parts, **{"--ctx": 4096}), "4096", "at most 32")


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "mps", ""])
def test_no_such_device(run: Run, parts: dict[str, Path], tmp_path: Path, device: str) -> None:
    """Refused before anything is read."""
    check(
        build(run, tmp_path / "a", parts, **{"--device": device}), repr(device), "has here: cpu", "give one"
    )
    assert not list(tmp_path.iterdir())


def test_cuda_where_there_is_none(
    run: Run, parts: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    check(build(run, tmp_path / "a", parts, **{"--device": "cuda"}), "'cuda'", "cpu;", "built for this")


def test_unwritable_folder_leaves_what_was_there(run: Run, parts: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    check(build(run, tmp_path / "file" / "a", parts), "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_full_disk(
    run: Run, parts: dict[str, Path], tiny_atlas: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error while assembling: the atlas that was there is still there, and the next build ends it."""
    atlas = shutil.copytree(tiny_atlas, tmp_path / "atlas")
    before = (atlas / "atlas.json").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(atlas))

    monkeypatch.setattr("pipeline.assemble.write_once", full)
    check(build(run, atlas, parts), "No space left", "goes on where it stopped")
    assert (atlas / "atlas.json").read_bytes() == before
    check(run("show", atlas, "mlp_post.0/99999"), "mlp_post.0/99999", "0..95")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("tiny-sae/40", ("tiny-sae/40", "0..39")),
        ("nobody/1", ("nobody", "mlp_post.0")),
        ("tiny-sae", ("tiny-sae", "<dictionary>/<index>")),
        ("../etc/1", ("../etc",)),
    ],
)
def test_bad_address(run: Run, tiny_atlas: Path, address: str, words: tuple[str, ...]) -> None:
    check(run("show", tiny_atlas, address), *words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["HERON"], ("'HERON'", "near it: ' heron'")),
        (["§§"], ("'§§'", "leading space")),
        (["400", "--id"], ("type 400", "0..399")),
        (["heron", "--id"], ("--id heron", "leave out --id")),
    ],
)
def test_no_such_token(run: Run, tiny_atlas: Path, arguments: list[str], words: tuple[str, ...]) -> None:
    check(run("token", tiny_atlas, *arguments), *words)


def test_an_atlas_made_before_there_was_a_token_index(run: Run, tiny_atlas: Path, tmp_path: Path) -> None:
    atlas = shutil.copytree(tiny_atlas, tmp_path / "atlas")
    manifest = json.loads((atlas / "atlas.json").read_text())
    del manifest["token_index"]
    (atlas / "atlas.json").write_text(json.dumps(manifest))
    check(run("token", atlas, " heron"), "without a token index", "atlas build")
    assert not list(verify(open_atlas(str(atlas))))


def test_no_atlas(run: Run, tmp_path: Path) -> None:
    check(run("show", tmp_path), "atlas.json")
    check(run("verify", tmp_path), "atlas.json")
    check(run("site", tmp_path, "--out", tmp_path / "site"), "atlas.json")
    check(run("serve", tmp_path), "index.html", "atlas site")


def test_unknown_format_version(run: Run, tiny_atlas: Path, tmp_path: Path) -> None:
    atlas = shutil.copytree(tiny_atlas, tmp_path / "atlas")
    manifest = json.loads((atlas / "atlas.json").read_text())
    (atlas / "atlas.json").write_text(json.dumps(manifest | {"format_version": 99}))
    check(run("show", atlas), "99", "reads version 1")


def test_two_builds_at_once(run: Run, parts: dict[str, Path], tmp_path: Path) -> None:
    from pipeline.core.files import only_one

    with only_one(tmp_path / "a.work"):
        check(build(run, tmp_path / "a", parts), "another build")


def test_building_at_a_url(run: Run, parts: dict[str, Path]) -> None:
    code, err = run("build", "--out", "az://box/atlas", "--model", parts["model"], "--corpus", parts["text"])
    check((code, err), "no Azure account is named", "AZURE_STORAGE_CONNECTION_STRING")
