"""Colours of the page in light and dark, their contrast by WCAG 2.2, and the ramps of the maps.

The contrast of two colours is ``(L1 + 0.05) / (L2 + 0.05)`` with the relative luminance L of sRGB. Source: Web Content Accessibility
Guidelines 2.2, success criteria 1.4.3 (text: 4.5) and 1.4.11 (parts of pictures and of controls: 3).
"""

from __future__ import annotations

from collections.abc import Mapping

LEVELS = 12  # colours of a map

LIGHT: dict[str, str] = {
    "paper": "#ffffff",
    "panel": "#f4f6fa",
    "ink": "#1b2130",
    "muted": "#4e586b",
    "line": "#d3d8e3",
    "edge": "#76809a",
    "link": "#0b57a4",
    "blue": "#0067a5",
    "orange": "#b54708",
    "green": "#04734f",
    "purple": "#74409c",
    "good": "#04734f",
    "bad": "#b3261e",
}
DARK: dict[str, str] = {
    "paper": "#12151c",
    "panel": "#1c212b",
    "ink": "#e9ecf2",
    "muted": "#aab4c5",
    "line": "#353d4d",
    "edge": "#8690a6",
    "link": "#86c5ff",
    "blue": "#5ab5ee",
    "orange": "#ffa366",
    "green": "#45cfa2",
    "purple": "#c8a2ec",
    "good": "#45cfa2",
    "bad": "#ff9a92",
}
# From the least to the largest value: of a density, and of a loss, whose valleys stand out.
_RAMPS = {
    "density": {
        "light": ("#ffffff", "#a9cdee", "#2f7fc6", "#0a2a66"),
        "dark": ("#12151c", "#1f4f86", "#57aee8", "#effaff"),
    },
    "loss": {
        "light": ("#3f5e2c", "#92a878", "#dcdfcf", "#f6f5f0"),
        "dark": ("#cfe6b4", "#7a9a63", "#3c4a3b", "#1d231f"),
    },
}
TEXTS = ("ink", "muted", "link", "good", "bad")  # on paper and on panels
SHAPES = ("ink", "edge", "blue", "orange", "green", "purple", "link")  # curves, bars, marks and controls


def luminance(color: str) -> float:
    """Relative luminance of a colour ``#rrggbb`` of sRGB: 0 of black, 1 of white.

    >>> round(luminance("#ffffff"), 6), luminance("#000000")
    (1.0, 0.0)
    """
    parts = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, from 1 to 21.

    >>> contrast("#000000", "#ffffff")
    21.0
    """
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def ramp(name: str, theme: str) -> list[str]:
    """The colours of a map from the least to the largest value, evenly spread between the anchors."""
    anchors = _RAMPS[name][theme]
    out = []
    for k in range(LEVELS):
        place = k / (LEVELS - 1) * (len(anchors) - 1)
        i = min(int(place), len(anchors) - 2)
        pairs = zip(*(bytes.fromhex(anchor[1:]) for anchor in anchors[i : i + 2]))
        out.append("#" + "".join(f"{round(a + (b - a) * (place - i)):02x}" for a, b in pairs))
    return out


def variables(theme: str) -> str:
    """The colours of a theme as custom properties of CSS."""
    colors: Mapping[str, str] = LIGHT if theme == "light" else DARK
    said = [f"--{name}:{color}" for name, color in colors.items()]
    for name in _RAMPS:
        said += [f"--{name}{k}:{color}" for k, color in enumerate(ramp(name, theme))]
    return ";".join(said)


def map_classes() -> str:
    """Rules that fill the levels of maps: ``.density3`` and so on."""
    return "".join(f".{name}{k}{{fill:var(--{name}{k})}}" for name in _RAMPS for k in range(LEVELS))
