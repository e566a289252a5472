"""Pages that need nothing but themselves: one look, and figures within the page."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gridloom.scenarios.results.replacing import replacing

_STYLE = Path(__file__).with_name("page.css")


def write_page(path: Path, template: Path, content: Mapping[str, Any]) -> None:
    """Write a page, which takes the place of what was at `path`.

    Args:
        path: the page.
        template: of Jinja; has `style`, and `data_uri` for figures in SVG, beside its content.
        content: what the template prints; whatever it does not mark as safe is escaped.

    Raises:
        RecordError: the page cannot be written.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["data_uri"] = _data_uri
    style = Markup(_STYLE.read_text(encoding="utf-8"))  # noqa: S704 -- our own file
    page = environment.from_string(template.read_text(encoding="utf-8"))
    text = page.render(style=style, **content)
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8", newline="\n")


def _data_uri(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode('ascii')}"
