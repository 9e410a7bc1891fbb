"""`atlas repair`: each kind of damage undone, nothing else touched, and what can't be undone told."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from feature_atlas import open_atlas
from feature_atlas.errors import InputError
from feature_atlas.verify import verify
from pipeline.cli import app
from pipeline.core.runs import work_folder
from pipeline.repair import repair

Damage = Callable[[Path], None]
# One file of each store, and of each kind: metadata, a shard, a chunk, the tokenizer.
FILES = (
    "corpus.zarr/tokens/c/0",
    "vocabulary.zarr/zarr.json",
    "tokenizer/tokenizer.json",
    "dictionaries/tiny-sae.zarr/examples/acts/c/0/0/0",
    "dictionaries/mlp_post.1.zarr/zarr.json",
    "dictionaries/attn.0.zarr/windows/attention/c/0/0/0/0",
    "tokens.zarr/count/c/0",
    "search.zarr/postings/c/0/0",
)


def changed(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.fixture
def atlas(tiny_atlas: Path, tmp_path: Path) -> Path:
    """A copy with its work folder."""
    shutil.copytree(tiny_atlas, tmp_path / "atlas")
    shutil.copytree(work_folder(tiny_atlas), work_folder(tmp_path / "atlas"))
    return tmp_path / "atlas"


def run_of(atlas: Path) -> Path:
    return atlas / open_atlas(str(atlas)).manifest.run_path


def state(atlas: Path) -> dict[str, tuple[bytes, int, int]]:
    """Content, place on disk and time of every file."""
    files = [path for path in atlas.rglob("*") if path.is_file()]
    return {
        path.relative_to(atlas).as_posix(): (path.read_bytes(), path.stat().st_ino, path.stat().st_mtime_ns)
        for path in files
    }


def wrong(atlas: Path) -> list[str]:
    return list(verify(open_atlas(str(atlas))))


@pytest.mark.parametrize("damage", [changed, cut_short, Path.unlink])
def test_every_kind_of_file_and_damage(atlas: Path, damage: Damage) -> None:
    before = state(atlas)
    for name in FILES:
        damage(run_of(atlas) / name)
    assert len(wrong(atlas)) >= len(FILES)
    assert repair(str(atlas), None) == []
    assert wrong(atlas) == []
    after = state(atlas)
    names = {f"{run_of(atlas).relative_to(atlas).as_posix()}/{name}" for name in FILES}
    assert {name: told[0] for name, told in after.items()} == {name: told[0] for name, told in before.items()}
    assert {name for name in after if after[name] != before[name]} == names
    assert not (work_folder(atlas) / "repair").exists()


def test_a_whole_store_is_gone(atlas: Path) -> None:
    shutil.rmtree(run_of(atlas) / "dictionaries" / "tiny-sae.zarr")
    assert repair(str(atlas), None) == []
    assert wrong(atlas) == []


def test_nothing_is_wrong(atlas: Path) -> None:
    """Nothing is written, and no parameters are needed."""
    before = state(atlas)
    shutil.rmtree(work_folder(atlas))
    assert repair(str(atlas), None) == []
    assert state(atlas) == before


def test_left_overs_of_kills_go(atlas: Path) -> None:
    run = run_of(atlas)
    (run / ".files.json.partial").write_text("half")
    (run / ".search.zarr.partial").mkdir()
    (run / ".search.zarr.partial" / "zarr.json").write_text("half")
    (run / "notes.txt").write_text("somebody's")
    assert repair(str(atlas), None) == []
    (line,) = wrong(atlas)
    assert "notes.txt" in line


def test_other_bytes_replace_nothing(atlas: Path) -> None:
    """The scan's outcome was touched: what it makes now is not what is listed."""
    victim = run_of(atlas) / "dictionaries/tiny-sae.zarr/examples/acts/c/0/0/0"
    changed(victim)
    before = state(atlas)
    shutil.copyfile(work_folder(atlas) / "scan/mlp_post.0.npz", work_folder(atlas) / "scan/mlp_post.1.npz")
    changed(run_of(atlas) / "dictionaries/mlp_post.1.zarr/examples/acts/c/0/0/0")
    damaged = state(atlas)
    (line,) = repair(str(atlas), None)
    assert "mlp_post.1.zarr" in line and "left as it is" in line
    after = state(atlas)
    assert {name for name in after if after[name] != damaged[name]} == {
        name for name in before if name.endswith("tiny-sae.zarr/examples/acts/c/0/0/0")
    }
    ran = CliRunner().invoke(app, ["repair", str(atlas)])
    assert isinstance(ran.exception, InputError) and "1 files can't be repaired" in str(ran.exception)


@pytest.mark.parametrize("gone", ["scan", "describe"])
def test_what_the_stages_left_is_gone(atlas: Path, gone: str) -> None:
    cut_short(run_of(atlas) / FILES[0])
    shutil.rmtree(work_folder(atlas) / gone)
    before = state(atlas)
    with pytest.raises(InputError, match=f"run: atlas {gone}, or atlas build"):
        repair(str(atlas), None)
    assert state(atlas) == before


def test_the_list_is_gone(atlas: Path) -> None:
    (run_of(atlas) / "files.json").write_text("{")
    with pytest.raises(InputError, match="atlas build"):
        repair(str(atlas), None)


def test_of_a_url_and_without_parameters(atlas: Path) -> None:
    with pytest.raises(InputError, match="can't write to https://: give a folder, az://"):
        repair("https://example.org/atlas", None)
    cut_short(run_of(atlas) / FILES[0])
    (work_folder(atlas) / "params.yaml").unlink()
    with pytest.raises(InputError, match="--config"):
        repair(str(atlas), None)


def test_killed_in_the_middle(atlas: Path) -> None:
    """Whatever is there then, no file that was right is another, and the next one ends it."""
    for name in FILES:
        changed(run_of(atlas) / name)
    right = {path: told[0] for path, told in state(atlas).items()}
    damaged = {f"{run_of(atlas).relative_to(atlas).as_posix()}/{name}" for name in FILES}
    script = (
        "import sys; from pipeline.repair import repair; print('go', flush=True); repair(sys.argv[1], None)"
    )
    first, deadline = run_of(atlas) / FILES[0], time.monotonic() + 60
    listed = first.read_bytes()
    with subprocess.Popen([sys.executable, "-c", script, str(atlas)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"go\n"
        while process.poll() is None and first.read_bytes() == listed and time.monotonic() < deadline:
            time.sleep(0.001)
        process.kill()
    for name, told in state(atlas).items():
        assert name in damaged or ".partial" in name or told[0] == right[name], name
    assert repair(str(atlas), None) == []
    assert wrong(atlas) == []
