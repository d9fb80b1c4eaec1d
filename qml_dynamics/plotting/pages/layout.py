"""The document: head with its content security policy, list of contents, sections, style sheet and the script of the slider.

The policy lets nothing load and lets only the two constants below be used, by their SHA-256: even markup that slipped through an escape
could not run. Without scripts all pictures of the wave stand side by side.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

from ... import __version__
from . import palette
from .markup import Constant, Element, element

GENERATOR = f"qml-dynamics {__version__}"
_STYLE = """
*{box-sizing:border-box}
html{color-scheme:light dark;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,sans-serif;overflow-wrap:anywhere}
.page{max-width:76rem;margin:0 auto;padding:1rem}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-999rem}
.skip:focus{position:static;left:auto}
h1{font-size:1.6rem;line-height:1.25;margin:.5rem 0}
h2{font-size:1.25rem;margin:0 0 .75rem;padding-top:1rem;border-top:1px solid var(--line)}
h3{font-size:1.05rem;margin:1.25rem 0 .5rem}
section{margin:1.5rem 0}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1rem;margin:0;padding:0;list-style:none}
nav a{display:inline-block;padding:.3rem 0;min-height:24px}
.note,figcaption,caption,footer{color:var(--muted);font-size:.925rem}
.verdict{font-size:1.05rem}
.good{color:var(--good)}
.bad{color:var(--bad)}
figure{margin:0;max-width:40rem}
svg{display:block;width:100%;height:auto;background:var(--paper)}
svg text{fill:var(--ink);font:12px system-ui,sans-serif}
svg text.label{fill:var(--muted)}
svg text.mono{font-family:ui-monospace,monospace}
.axis{stroke:var(--edge);fill:none;stroke-width:1}
.curve{fill:none;stroke-width:1.8;stroke-linejoin:round}
.dashed{stroke-dasharray:5 4;stroke-width:1.3}
.area,.filled{fill-opacity:.3}
.cells{shape-rendering:crispEdges}
.halo{fill:var(--paper);stroke:var(--ink);stroke-width:1}
.mark{fill:var(--paper);stroke-width:2.5}
.scroll{overflow-x:auto;max-width:100%;margin:.75rem 0}
table{border-collapse:collapse;font-size:.95rem;font-variant-numeric:tabular-nums}
caption{text-align:left;padding:.25rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .9rem .3rem 0;border-bottom:1px solid var(--line)}
th{font-weight:600}
table:not(.pairs){overflow-wrap:normal}
data,.number{white-space:nowrap}
.pairs{width:100%}
.pairs th{width:14rem;font-weight:400;color:var(--muted)}
pre{background:var(--panel);color:var(--ink);padding:.75rem;overflow-x:auto;overflow-wrap:normal;font-size:.875rem}
code{font-family:ui-monospace,monospace;font-size:.95em}
summary{cursor:pointer;padding:.3rem 0;min-height:24px}
.frames{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,17rem),1fr));gap:1rem;margin:0;padding:0;list-style:none}
.live .frames{display:block}
.live .frame{display:none}
.live .frame.now{display:block}
.live .frame figcaption{display:none}
.slider{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem .75rem;max-width:40rem;margin:.5rem 0}
.slider[hidden]{display:none}
.slider input{flex:1 1 10rem;min-width:0;height:28px;accent-color:var(--link)}
.slider output{min-width:7rem}
@media (max-width:40rem){
.pairs,.pairs tbody,.pairs tr,.pairs th,.pairs td{display:block;width:auto}
.pairs caption{display:block}
.pairs th{border-bottom:0;padding-bottom:0}
}
@media print{
.slider{display:none}
.live .frames{display:grid}
.live .frame,.live .frame figcaption{display:block}
}
"""
_SCRIPT = """
document.querySelectorAll("[data-frames]").forEach(function (box) {
  var frames = box.querySelectorAll(".frame"), slider = box.querySelector("input"), now = box.querySelector("output");
  if (!slider) { return; }
  function show() {
    var chosen = Number(slider.value);
    frames.forEach(function (frame, i) { frame.classList.toggle("now", i === chosen); });
    var time = frames[chosen].getAttribute("data-time");
    now.textContent = time;
    slider.setAttribute("aria-valuetext", time);
  }
  box.classList.add("live");
  box.querySelector(".slider").hidden = false;
  slider.value = "0";
  slider.addEventListener("input", show);
  show();
});
"""


def style() -> str:
    """The style sheet: the colours of both themes, and the rules."""
    names = ("ink", "edge", "blue", "orange", "green", "purple")
    shapes = "".join(
        f".curve.{name},.mark.{name}{{stroke:var(--{name})}}.area.{name},.dot.{name},.bar.{name},.filled.{name}{{fill:var(--{name})}}"
        for name in names
    )
    themes = f":root{{{palette.variables('light')}}}@media (prefers-color-scheme:dark){{:root{{{palette.variables('dark')}}}}}"
    return f"{themes}{_STYLE}{shapes}.mark.orange{{fill:var(--orange)}}{palette.map_classes()}"


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def document(title: str, lead: str, sections: Sequence[Element]) -> str:
    """The whole page as text.

    Args:
        title: of the page and of its first heading.
        lead: a sentence below it.
        sections: each with an ``h2`` whose ``id`` the list of contents leads to.
    """
    sheet = style()
    policy = f"default-src 'none'; style-src {_digest(sheet)}; script-src {_digest(_SCRIPT)}; base-uri 'none'; form-action 'none'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="generator", content=GENERATOR),
        element("title", title),
        element("style", Constant(sheet)),
    )
    items = [element("li", element("a", heading, href=f"#{name}")) for name, heading in _headings(sections)]
    contents = element("nav", element("ul", items), aria_label="Contents")
    header = element("header", element("h1", title), element("p", lead), contents)
    page = element("div", header, element("main", sections, id="content"), _footer(), class_="page")
    body = element("body", element("a", "Skip to the content", href="#content", class_="skip"), page)
    script = element("script", Constant(_SCRIPT))
    whole = element("html", head, Element(body.name, body.attributes, (*body.children, script)), lang="en")
    return f"<!DOCTYPE html>\n{whole}\n"


def _headings(sections: Sequence[Element]) -> list[tuple[str, str]]:
    """The name and the text of the heading of each section."""
    found = []
    for each in sections:
        heading = each.children[0]
        assert isinstance(heading, Element)
        found.append((dict(heading.attributes)["id"], str(heading.children[0])))
    return found


def _footer() -> Element:
    return element(
        "footer",
        element("p", f"Made by {GENERATOR}. This file is whole: it loads nothing, and works without a network."),
    )
