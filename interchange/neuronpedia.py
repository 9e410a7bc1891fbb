"""Neuronpedia's bulk layout: `<model>/<source>/` with features, activations and explanations."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from feature_atlas import Atlas, Dictionary, Example, Latent
from feature_atlas.errors import InputError
from feature_atlas.manifest import Manifest
from interchange.histogram import activations, centres
from interchange.names import hook_name, set_name, slug, source_id
from interchange.rows import batches, write_lines

BATCH = 1024  # features of one file, as in Neuronpedia's own exports
CREATOR = "feature-atlas"  # of every row: a user that the importing database must have
TOP = -1.0  # bin edges and share of the top activations, which are no bin

Row = dict[str, Any]


def write(
    atlas: Atlas, dictionaries: Sequence[Dictionary], folder: Path, advance: Callable[[int], None]
) -> None:
    """Writes `<model>/<source>/` of every dictionary. Raises InputError if two have the same source id."""
    taken: dict[str, str] = {}
    for dictionary in dictionaries:
        name = source_id(dictionary.record)
        if name in taken:
            raise InputError(
                f"{taken[name]} and {dictionary.record.id} would both be Neuronpedia's source {name!r}:"
                " export them apart with --dictionary"
            )
        taken[name] = dictionary.record.id
    for dictionary in dictionaries:
        source = folder / slug(atlas.manifest.model.name) / source_id(dictionary.record)
        for name, row in _heads(dictionary).items():
            write_lines(source / f"{name}.jsonl", [row])
        for number, latents in enumerate(batches(dictionary, BATCH)):
            _write_batch(source, f"batch-{number}.jsonl.gz", latents)
            advance(len(latents))


def _write_batch(source: Path, name: str, latents: list[Latent]) -> None:
    write_lines(source / "features" / name, (feature(latent) for latent in latents))
    write_lines(source / "activations" / name, (row for each in latents for row in activation_rows(each)))
    if any(latent.labels for latent in latents):
        write_lines(source / "explanations" / name, (row for each in latents for row in explanations(each)))


def _heads(dictionary: Dictionary) -> dict[str, Row]:
    """The one row of each of release, model, sourceset and source."""
    manifest, record = dictionary.atlas.manifest, dictionary.record
    model, corpus = manifest.model, ", ".join(manifest.corpus.sources)
    made: Row = {"creatorId": CREATOR, "createdAt": manifest.created}
    named: Row = {"creatorName": "Feature Atlas", "urls": []}
    description = f"{record.id}: {record.architecture} of {record.n_latents} latents at {record.hook_in}"
    release = slug(manifest.title)
    return {
        "release": {"name": release, "description": manifest.title, **named, **made},
        "model": {
            "id": slug(model.name),
            "displayName": model.name,
            "displayNameShort": model.name,
            "layers": model.n_layers,
            "neuronsPerLayer": model.d_mlp,
            "dimension": model.d_model,
            "owner": model.name,
            **made,
        },
        "sourceset": {
            "modelId": slug(model.name),
            "name": set_name(record),
            "description": description,
            "type": record.kind,
            "releaseName": release,
            **named,
            **made,
        },
        "source": {
            "id": source_id(record),
            "modelId": slug(model.name),
            "setName": set_name(record),
            "dataset": corpus,
            "num_prompts": manifest.windowing.n_windows,
            "num_tokens_in_prompt": manifest.windowing.ctx,
            "notes": f"{description}; run {manifest.run}",
            **made,
        },
    }


def feature(latent: Latent) -> Row:
    """A row of `features/`. What the atlas has no number for is empty or null."""
    record, shown = latent.dictionary.record, latent.summary()
    effects = shown["effect_histogram"]
    fires = latent.number("firings") > 0
    near = shown["neighbours"]
    return {
        **_key(latent),
        "creatorId": CREATOR,
        "createdAt": _manifest(latent).created,
        "maxActApprox": latent.number("max"),
        "hasVector": False,
        "vector": [],
        "vectorLabel": None,
        "vectorDefaultSteerStrength": None,
        "hookName": hook_name(record.hook_in),
        "topkCosSimIndices": [int(each["address"].rpartition("/")[2]) for each in near],
        "topkCosSimValues": [each["cosine"] for each in near],
        **{f"neuron_alignment_{part}": [] for part in ("indices", "values", "l1")},
        **{f"correlated_neurons_{part}": [] for part in ("indices", "pearson", "l1")},
        **{f"correlated_features_{part}": [] for part in ("indices", "pearson", "l1")},
        "neg_str": [_storable(row["token"]) for row in shown["suppressed"]],
        "neg_values": [row["value"] for row in shown["suppressed"]],
        "pos_str": [_storable(row["token"]) for row in shown["promoted"]],
        "pos_values": [row["value"] for row in shown["promoted"]],
        "frac_nonzero": latent.number("density"),
        "freq_hist_data_bar_heights": activations(latent).tolist() if fires else [],
        "freq_hist_data_bar_values": centres(0, latent.number("max"), 50) if fires else [],
        "logits_hist_data_bar_heights": effects["counts"] if effects else [],
        "logits_hist_data_bar_values": centres(effects["low"], effects["high"], 50) if effects else [],
        "decoder_weights_dist": [],
        "sourceSetName": set_name(record),
    }


def activation_rows(latent: Latent) -> Iterator[Row]:
    """Rows of `activations/`: top examples; the bands' samples; the random firings, of the whole range."""
    key = _key(latent)
    for rank, example in enumerate(latent.examples("top")):
        yield _activation(latent, key, f"top/{rank}", example, (TOP, TOP, TOP))
    firings = latent.number("firings")
    for number, (band, examples) in enumerate(zip(latent.band_ranges(), latent.band_examples(), strict=True)):
        for rank, example in enumerate(examples):
            where = (band["low"], band["high"], band["firings"] / firings)
            yield _activation(latent, key, f"band/{number}/{rank}", example, where)
    for rank, example in enumerate(latent.examples("random")):
        yield _activation(latent, key, f"random/{rank}", example, (0.0, latent.number("max"), 1.0))


def _activation(
    latent: Latent, key: Row, part: str, example: Example, where: tuple[float, float, float]
) -> Row:
    values = example.activations
    return {
        "id": _id(latent, part),
        **key,
        "tokens": [_storable(token) for token in example.tokens],
        "values": values,
        "maxValue": max(values),
        "maxValueTokenIndex": values.index(max(values)),
        "minValue": min(values),
        "creatorId": CREATOR,
        "createdAt": _manifest(latent).created,
        "binMin": where[0],
        "binMax": where[1],
        "binContains": where[2],
        "qualifyingTokenIndex": example.peak,
        "dfaValues": [],
        "dfaTargetIndex": None,
        "dfaMaxValue": None,
        "lossValues": [],
        "logitContributions": None,
        "dataIndex": f"{example.document_id}:{example.position}",
        "dataSource": latent.dictionary.atlas.documents[example.document].source,
    }


def explanations(latent: Latent) -> Iterator[Row]:
    """Rows of `explanations/`, one a label."""
    for rank, label in enumerate(latent.labels):
        score = "" if label.score is None else f", score {label.score!r}"
        yield {
            "id": _id(latent, f"label/{rank}"),
            **_key(latent),
            "description": label.text,
            "authorId": CREATOR,
            "embedding": None,
            "typeName": None,
            "explanationModelName": None,
            "notes": f"{label.source}{score}",
        }


def _storable(token: str) -> str:
    """PostgreSQL, which Neuronpedia imports to, has no NUL in its texts: its picture stands for it."""
    return token.replace("\0", "␀")


def _key(latent: Latent) -> Row:
    model = _manifest(latent).model.name
    return {"modelId": slug(model), "layer": source_id(latent.dictionary.record), "index": str(latent.index)}


def _id(latent: Latent, part: str) -> str:
    """25 letters and digits, as a cuid; the same for the same row of the same run."""
    text = f"{_manifest(latent).run}/{latent.address}/{part}"
    return "c" + hashlib.sha256(text.encode()).hexdigest()[:24]


def _manifest(latent: Latent) -> Manifest:
    return latent.dictionary.atlas.manifest
