"""The list of pages: path -> template and what it is given."""

from __future__ import annotations

from viewer_builder.about import about
from viewer_builder.dictionary import dictionary
from viewer_builder.heads import finder, heads
from viewer_builder.overview import overview
from viewer_builder.patterns import patterns
from viewer_builder.render import Page
from viewer_builder.site import FINDER, Site

SHELLS = {
    "latent": "latent.html",
    "head": "head.html",
    "dictionary": "any-dictionary.html",
    "open": "open.html",
    "list": "list.html",
    "search": "search.html",
    "compare": "compare.html",
    "token": "token.html",
}


def pages(site: Site) -> dict[str, Page]:
    """Every page of the site; latents, of which there may be a million, share one, and so do heads.

    The pages of SHELLS are filled by script, of whatever atlas is asked for: the site's own may have
    no heads, and another still have.
    """
    found = {
        f"{name}.html": Page(template, site.shell("", "") | {"config": site.config("", name, None)})
        for name, template in SHELLS.items()
    }
    found |= {
        "index.html": Page(
            "overview.html",
            site.shell("", "") | overview(site) | {"config": site.config("", "overview", None)},
        ),
        "about.html": Page(
            "about.html",
            site.shell("", "about") | about(site.atlas) | {"config": site.config("", "about", None)},
        ),
    }
    config = {"config": site.config("", "patterns", None)}
    found["patterns.html"] = Page("patterns.html", site.shell("", "") | patterns(site) | config)
    for record in site.atlas.manifest.dictionaries:
        values = site.shell("../", record.id) | dictionary(site, site.atlas.dictionary(record.id))
        found[site.dictionary_path(record.id)] = Page("dictionary.html", values)
    if site.atlas.manifest.heads:
        found[FINDER] = Page("finder.html", site.shell("", "all heads") | finder(site))
    for record in site.atlas.manifest.heads:
        values = site.shell("../", record.id) | heads(site, site.atlas.heads(record.id))
        found[site.heads_path(record.id)] = Page("heads.html", values)
    return found
