"""Formulas as MathML, which browsers draw themselves: nothing is loaded from the network, and no LaTeX is needed to build the pages.

The converter is that of docutils, on which Sphinx stands. A formula that it does not know ends a build with warnings as errors.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol, cast

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml

if TYPE_CHECKING:
    from sphinx.application import Sphinx


class _Writer(Protocol):
    body: list[str]


SPELLED = {r"\dots": r"\ldots"}


def mathml(formula: str, block: bool = False) -> str:
    """A formula of LaTeX as MathML.

    >>> "".join(mathml("x^2").split())
    '<mathxmlns="http://www.w3.org/1998/Math/MathML"><msup><mi>x</mi><mn>2</mn></msup></math>'
    >>> mathml(r"\\frac12") == mathml(r"\\frac{1}{2}") != mathml(r"\\frac{12}{1}")
    True
    """
    for before, after in SPELLED.items():
        formula = formula.replace(f"{before} ", f"{after} ")
    formula = re.sub(
        r"(\\[dt]?frac) ?(\d) ?(\d)", r"\1{\2}{\3}", formula
    )  # as TeX reads it; docutils takes both digits as one
    formula = re.sub(r"([\^_])(\d)(?=\d)", r"\1{\2}", formula)
    return tex2mathml(formula.strip(), as_block=block)


def written(writer: object, node: nodes.Element, block: bool) -> None:
    """Put a formula into a page."""
    from sphinx.util import logging

    try:
        made = mathml(node.astext(), block)
    except MathError as error:
        logging.getLogger(__name__).warning(
            "a formula that MathML has no word for: %s (%s)", node.astext(), error, location=node
        )
        made = f"<code>{nodes.unescape(node.astext())}</code>"
    cast(_Writer, writer).body.append(f'<div class="math">{made}</div>' if block else made)
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Called by Sphinx: a renderer of formulas by the name ``mathml``."""
    app.add_html_math_renderer(
        "mathml",
        (lambda writer, node: written(writer, node, False), None),
        (lambda writer, node: written(writer, node, True), None),
    )
