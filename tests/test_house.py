"""The plan itself: who may import whom, who owns which library, and that generated files are current."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from docs.dictionaries import PATH as DICTIONARIES_PATH
from docs.dictionaries import row_name
from docs.format import PATH as FORMAT_PATH
from docs.format import format_page
from pipeline.core.params import Params, load_params
from tests.goldens.cases import cases
from viewer_builder.schema_ts import PATH as SCHEMA_PATH
from viewer_builder.schema_ts import schema

ROOT = Path(__file__).parents[1]
STAGES = {"tokens", "scan", "describe", "effects", "map", "quality", "assemble"}
OWNERS = {
    "transformers": "pipeline/core/model.py",
    "numba": "pipeline/core/accumulate/kernel.py",
    "umap": "pipeline/core/layout.py",
    "sklearn": "pipeline/core/layout.py",
    "tokenizers": "pipeline/core/tokenizer.py",
    "datasets": "pipeline/core/corpus.py",
    "pyarrow": "interchange/arrow.py",
    "huggingface_hub": "pipeline/core/remote.py",
    "safetensors": "pipeline/core/readers/checkpoint.py",
    "zarr": "feature_atlas/store.py",
    "google_crc32c": "feature_atlas/chunks.py",
    "fsspec": "feature_atlas/store.py",
    "jinja2": "viewer_builder/render.py",
    "azure": "pipeline/core/blobs_azure.py",
    "botocore": "pipeline/core/blobs_s3.py",
    "google": "pipeline/core/blobs_gcs.py",
    "requests": "pipeline/core/blobs_gcs.py",
    "ray": "pipeline/core/ray_engine.py",
    "typer": "pipeline/cli*.py",
}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files(package: str) -> list[Path]:
    found = sorted((ROOT / package).rglob("*.py"))
    assert found
    return found


@pytest.mark.parametrize(
    ("package", "never"),
    [
        ("feature_atlas", {"interchange", "pipeline", "viewer_builder", "site_template", "torch"}),
        ("interchange", {"pipeline", "viewer_builder", "site_template", "torch", "zarr"}),
        ("viewer_builder", {"interchange", "pipeline", "torch", "zarr"}),
        ("pipeline/core", {"viewer_builder"}),
    ],
)
def test_packages_import_downwards(package: str, never: set[str]) -> None:
    wrong = [
        (str(path), name) for path in files(package) for name in imports(path) if name.split(".")[0] in never
    ]
    assert not wrong


def test_only_the_command_line_knows_the_viewer() -> None:
    users = [p.name for p in files("pipeline") if any(n.startswith("viewer_builder") for n in imports(p))]
    assert users == ["cli.py"]


def test_stages_meet_only_on_disk() -> None:
    for stage in STAGES:
        others = {f"pipeline.{name}" for name in STAGES - {stage}}
        assert not others & set(imports(ROOT / "pipeline" / f"{stage}.py")), stage
    for path in files("pipeline/core"):
        assert not {f"pipeline.{name}" for name in STAGES} & set(imports(path)), path


@pytest.mark.parametrize(("library", "owner"), OWNERS.items())
def test_each_library_has_one_owner(library: str, owner: str) -> None:
    packages = ("feature_atlas", "interchange", "pipeline", "viewer_builder")
    users = {
        re.sub(r"cli_\w+", "cli", str(path.relative_to(ROOT)))  # parts of the command line
        for package in packages
        for path in files(package)
        if any(name.split(".")[0] == library for name in imports(path))
    }
    assert users and all(fnmatch(user, owner) for user in users), users


def test_generated_files_are_current() -> None:
    assert SCHEMA_PATH.read_text() == schema(), "run: python -m viewer_builder.schema_ts"
    assert FORMAT_PATH.read_text() == format_page(), "run: python -m docs.format"


def test_the_page_of_dictionaries_tells_of_every_golden() -> None:
    """Not how near each comes: last bits differ between machines."""
    rows = DICTIONARIES_PATH.read_text().splitlines()
    names = [row.split(" | ")[0].removeprefix("| ") for row in rows if row.startswith("| ")]
    told = [name for name in names if name != "variant"]
    assert told == [row_name(case) for case in cases()], "run: python -m docs.dictionaries"


def test_every_parameter_is_described_and_the_demo_uses_them_all() -> None:
    params = load_params(ROOT / "params.yaml", {})
    written = yaml.safe_load((ROOT / "params.yaml").read_text())
    assert written.keys() == Params.model_fields.keys()
    recipe = yaml.safe_load((ROOT / "data" / "demo" / "recipe" / "recipe.yaml").read_text())
    made = {name: str(spec).rpartition("@")[2] for name, spec in params.dictionaries.items()}
    assert made == {name: told["at"] for name, told in recipe["dictionaries"].items()}
    source = (ROOT / "pipeline/core/params.py").read_text()
    assert source.count('    """') >= len(Params.model_fields) - 2


def test_dvc_has_a_stage_for_every_stage_file() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert set(stages) == STAGES | {"site"}
    for name, stage in stages.items():
        assert stage["cmd"].startswith(f"atlas {name} ")
        for path in stage["deps"]:
            assert path.startswith("build/") or (ROOT / path).exists(), path
