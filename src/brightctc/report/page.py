"""Content → one HTML file: templates, style and script in it, and nothing to be fetched."""

import base64
import hashlib
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from brightctc.bundle import RESEARCH_USE, Shown
from brightctc.bundle.shown import ELEMENT
from brightctc.report.pseudonyms import Pseudonyms
from brightctc.report.table import NOTHING, ends, order, reasons, scored, written

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{}'"


def rendered(template: str, content: object, names: Pseudonyms, shown: Shown) -> str:
    """The page. content: what the template calls `page`; names: who is called what; shown: its machine-readable part.

    Every text goes through `names` before it is escaped; what comes from files is never taken for markup.
    """
    folder = resources.files("brightctc.report")
    style, script = ((folder / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment(names)
        .get_template(template)
        .render(
            page=content,
            research_use=RESEARCH_USE,
            policy=Markup(_POLICY.format(digest)),  # noqa: S704 - ours
            style=Markup(style),  # noqa: S704 - ours
            script=Markup(script),  # noqa: S704 - ours
            element=ELEMENT,
            shown=Markup(shown.text()),  # noqa: S704 - JSON without a `<`
        )
    )


def _environment(names: Pseudonyms) -> Environment:
    def worded(value: Any) -> Any:
        return names.in_words(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    def named(value: str | None) -> Markup:
        if isinstance(value, Markup):
            return value
        return escape(NOTHING if value is None else names.in_id(value))

    environment = Environment(
        loader=PackageLoader("brightctc.report"),
        autoescape=True,
        finalize=worded,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "named": named,
        "written": written,
        "ends": ends,
        "order": order,
        "reasons": reasons,
        "scored": scored,
    }
    environment.globals["masked"] = names.replace_any
    return environment
