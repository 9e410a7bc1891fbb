"""sdist and wheel: the site is bundled, the demo is embedded, and neither Node nor a checkout is needed."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel built from that sdist where there is no npm."""
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out)]
    subprocess.run([*build, "--sdist", str(ROOT)], check=True, capture_output=True)
    sdist = next(out.glob("*.tar.gz"))
    with tarfile.open(sdist) as archive:
        archive.extractall(out / "source", filter="data")
    source = next((out / "source").iterdir())
    without_npm = os.environ | {"PATH": str(Path(sys.executable).parent)}
    subprocess.run([*build, "--wheel", str(source)], check=True, capture_output=True, env=without_npm)
    return out


def test_wheel_holds_what_it_needs_and_no_more(built: Path) -> None:
    names = zipfile.ZipFile(next(built.glob("*.whl"))).namelist()
    for wanted in (
        "site_template/static/main.js",
        "site_template/static/main.css",
        "site_template/templates/latent.html",
        "pipeline/embedded/params.yaml",
        "pipeline/embedded/data/demo/lm/model.safetensors",
        "pipeline/embedded/data/demo/dictionaries/resid_post.0.sae/cfg.json",
    ):
        assert wanted in names
    tops = {name.split("/")[0] for name in names}
    packages = {"feature_atlas", "interchange", "pipeline", "viewer_builder", "site_template"}
    assert {top for top in tops if not top.endswith(".dist-info")} == packages
    assert not [name for name in names if "node_modules" in name or name.startswith("site_template/src")]


def test_an_unpacked_wheel_builds_and_renders(built: Path, tmp_path: Path) -> None:
    """From the wheel alone, in a folder of its own: a small atlas of the embedded demo, and its site."""
    wheel = tmp_path / "wheel"
    zipfile.ZipFile(next(built.glob("*.whl"))).extractall(wheel)
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from pipeline.cli import main; main()"
    atlas = [sys.executable, "-W", "ignore", "-c", code, str(wheel)]
    config = wheel / "pipeline" / "embedded" / "params.yaml"
    params = yaml.safe_load(config.read_text())
    # else they take most of the time
    config.write_text(yaml.safe_dump(params | {"effects": {"examples": 1}}))
    small = ["--corpus", "demo-texts", "--max-tokens", "2000"]
    run = {"check": True, "cwd": tmp_path, "capture_output": True}
    subprocess.run([*atlas, "build", "--config", str(config), "--out", "atlas", *small], **run)
    subprocess.run([*atlas, "site", "atlas", "--out", "site"], **run)
    subprocess.run([*atlas, "verify", "site/atlas"], **run)
    assert "resid_post.3.sae" in (tmp_path / "site" / "index.html").read_text()
