"""What the overview shows."""

from __future__ import annotations

from typing import Any

from feature_atlas import Atlas
from feature_atlas.manifest import DictionaryRecord
from viewer_builder.featured import Featured, featured
from viewer_builder.heads import grids
from viewer_builder.ladder import ladder
from viewer_builder.site import Site
from viewer_builder.strips import alone, strip
from viewer_builder.words import dead_of, kind_of, units_of


def overview(site: Site) -> dict[str, Any]:
    """Figures, the ladder of layers, featured latents, heads, dictionaries and provenance."""
    manifest = site.atlas.manifest
    return {
        "figures": _figures(site.atlas),
        "sources": ", ".join(manifest.corpus.sources),
        "counted": f"{manifest.windowing.counted_tokens:,}",
        "ladder": ladder(site),
        "featured": [_card(site, each) for each in featured(site.atlas)],
        "grids": grids(site),
        "rows": [_row(site, record) for record in manifest.dictionaries],
        "provenance": _provenance(site.atlas),
        "first": manifest.dictionaries[0].id if manifest.dictionaries else None,
    }


def _figures(atlas: Atlas) -> list[tuple[str, str]]:
    manifest = atlas.manifest
    model = manifest.model
    units = sum(record.n_latents for record in manifest.dictionaries)
    heads = sum(record.n_heads for record in manifest.heads)
    return [
        ("layers × width", f"{model.n_layers} × {model.d_model}"),
        ("parameters", _short(model.n_parameters)),
        ("tokens read", f"{manifest.windowing.counted_tokens:,}"),
        ("units described", f"{units:,}"),
        *([("heads", f"{heads:,}")] if heads else []),
        ("size", f"{_short(manifest.n_bytes)}B"),
    ]


def _card(site: Site, each: Featured) -> dict[str, Any]:
    vocabulary = site.atlas.vocabulary
    address = f"{each.dictionary}/{each.index}"
    return {
        "address": address,
        "path": site.latent_path(address),
        "token": alone(vocabulary[each.token]),
        "strips": [strip(snippet, vocabulary) for snippet in each.preview],
        "label": each.label,
        "firings": f"{each.firings:,}",
        "concentration": f"{each.concentration:.0%}",
    }


def _row(site: Site, record: DictionaryRecord) -> dict[str, str]:
    reads = record.hook_in if record.hook_in == record.hook_out else f"{record.hook_in} → {record.hook_out}"
    return {
        "id": record.id,
        "path": site.dictionary_path(record.id),
        "kind": kind_of(record),
        "reads": reads,
        "units": f"{record.n_latents:,} {units_of(record)}",
        "dead": f"{dead_of(record):,}",
        "source": record.source,
    }


def _provenance(atlas: Atlas) -> list[tuple[str, str]]:
    manifest = atlas.manifest
    model, windowing = manifest.model, manifest.windowing
    bos = "no BOS" if windowing.bos_token_id is None else f"BOS {windowing.bos_token_id}"
    return [
        ("model", f"{model.name} ({model.architecture}), weights {model.weights[:12]}…"),
        ("corpus", f"{', '.join(manifest.corpus.sources)}: {manifest.corpus.n_documents:,} documents"),
        ("windows", f"{windowing.n_windows:,} of {windowing.ctx} tokens, {bos}"),
        ("run", f"{manifest.run}, {manifest.created}"),
    ]


def _short(n: int) -> str:
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if n >= size:
            return f"{n / size:.3g} {suffix}"
    return f"{n} "
