"""The list of pages: path -> template and what it is given."""

from __future__ import annotations

from viewer_builder.about import about
from viewer_builder.dictionary import dictionary
from viewer_builder.heads import heads
from viewer_builder.overview import overview
from viewer_builder.render import Page
from viewer_builder.site import Site


def pages(site: Site) -> dict[str, Page]:
    """Every page of the site; latents, of which there may be a million, share one, and so do heads."""
    latent = {"config": site.config("", "latent", None)}
    found = {
        "index.html": Page("overview.html", site.shell("", "") | overview(site)),
        "latent.html": Page("latent.html", site.shell("", "") | latent),
        "compare.html": Page(
            "compare.html", site.shell("", "") | {"config": site.config("", "compare", None)}
        ),
        "about.html": Page("about.html", site.shell("", "about") | about(site.atlas)),
    }
    for record in site.atlas.manifest.dictionaries:
        values = site.shell("../", record.id) | dictionary(site, site.atlas.dictionary(record.id))
        found[site.dictionary_path(record.id)] = Page("dictionary.html", values)
    if site.atlas.manifest.heads:
        found["head.html"] = Page("head.html", site.shell("", "") | {"config": site.config("", "head", None)})
    for record in site.atlas.manifest.heads:
        values = site.shell("../", record.id) | heads(site, site.atlas.heads(record.id))
        found[site.heads_path(record.id)] = Page("heads.html", values)
    return found
