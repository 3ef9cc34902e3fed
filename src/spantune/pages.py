"""In: the package that holds a page's template and style sheet, and what it shows. Out: a page that needs nothing else.

Does not know: what is shown. The style sheet is ours and fixed, so it is the one thing that is not escaped; its hash goes into
the page's policy as `digest`. jinja2 is imported when a page is made: who checks data does not wait for what nobody asked for.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup


def rendered(package: str, name: str, helpers: tuple[Callable[..., Any], ...], values: Mapping[str, Any]) -> str:
    """The page of `templates/NAME.html.j2` and `templates/NAME.css`, to be written as UTF-8; `helpers` are its filters."""
    style, digest = _style(package, f"{name}.css")
    return _template(package, f"{name}.html.j2", helpers).render({**values, "style": style, "digest": digest}).strip() + "\n"


@cache
def _template(package: str, file: str, helpers: tuple[Callable[..., Any], ...]) -> "Template":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(package), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {helper.__name__: helper for helper in helpers}
    return environment.get_template(file)


@cache
def _style(package: str, file: str) -> tuple["Markup", str]:
    """The style sheet and its hash for the policy."""
    from jinja2 import Environment, PackageLoader
    from markupsafe import Markup

    source, _, _ = PackageLoader(package).get_source(Environment(autoescape=True), file)
    return Markup(source), base64.b64encode(hashlib.sha256(source.encode()).digest()).decode("ascii")
