"""Pages to text. Templates are escaped everywhere and fail on a name they were not given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

import site_template

TEMPLATE = Path(site_template.__file__).parent


@dataclass(frozen=True)
class Page:
    """A template and what it is given."""

    template: str
    values: Mapping[str, Any]


def render(page: Page) -> str:
    """The page as HTML; touches no disk but the templates."""
    return _environment().get_template(page.template).render(page.values)


def script_json(value: Any) -> Markup:
    """JSON that is safe inside a script element: `<`, `>`, `&` and `'` are escaped."""
    return htmlsafe_json_dumps(value)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
