"""Fixtures that several tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.build import build
from pipeline.core.params import Params, ScanParams
from tests import tiny

pytest_plugins = ["tests.emulators.stores", "tests.published_site"]

# What takes minutes begins first, so that no process ends long after the others.
LONGEST = (
    "test_demo.py",
    "test_scan.py",
    "test_ray.py",
    "test_recipe.py",
    "test_dvc.py",
    "test_resume.py",
    "test_faults.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of LONGEST before all others, which stay in their order."""
    rank = {name: i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the random model."""
    return tiny.write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def tiny_dictionary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SAELens folder of the random dictionary."""
    return tiny.write_dictionary(tmp_path_factory.mktemp("sae"))


@pytest.fixture(scope="session")
def tiny_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the small corpus."""
    return tiny.write_text(tmp_path_factory.mktemp("text"))


@pytest.fixture(scope="session")
def tiny_params(tiny_model: Path, tiny_dictionary: Path, tiny_text: Path) -> Params:
    """Parameters of the small atlas: neurons of both layers, and a TopK dictionary."""
    return Params(
        title="tiny",
        model=str(tiny_model),
        corpus=[str(tiny_text)],
        dictionaries={"tiny-sae": f"{tiny_dictionary}@resid_post.1"},
        ctx=tiny.CTX,
        scan=ScanParams(n_top=4, batch=4, cofiring_tokens=200, checkpoint_seconds=0),
    )


@pytest.fixture(scope="session")
def tiny_atlas(tiny_params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the small atlas, built."""
    out = tmp_path_factory.mktemp("tiny") / "atlas"
    build(tiny_params, out)
    return out


@pytest.fixture(scope="session")
def latents_params(tiny_params: Params, tiny_dictionary: Path) -> Params:
    """Parameters of an atlas of few files: two dictionaries, neither neurons nor heads."""
    given = {"one-sae": f"{tiny_dictionary}@resid_post.1", "other-sae": f"{tiny_dictionary}@resid_post.0"}
    return tiny_params.model_copy(update={"dictionaries": given, "neurons": False, "heads": False})


@pytest.fixture(scope="session")
def latents_atlas(latents_params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of that atlas, built."""
    out = tmp_path_factory.mktemp("latents") / "atlas"
    build(latents_params, out)
    return out
