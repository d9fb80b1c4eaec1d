"""PNG files with few colours, for documentation: a third of the size, and nobody sees the difference.

The picture of the front page is the one that `make demo` draws:

python -c "from tools.pictures.palette import few_colors; few_colors('demo/run.png', 'docs/images/iris_neuron.png')"
"""

from __future__ import annotations

import io
import os
from pathlib import Path

from qml_dynamics.base.errors import MethodError, ProblemError, integer, require
from qml_dynamics.results.trajectory import atomic_file


def few_colors(
    source: str | os.PathLike[str], target: str | os.PathLike[str], colors: int = 256, width: int = 1280
) -> Path:
    """The picture on white, at most ``width`` pixels wide, with a palette of its own. Returns the target.

    Args:
        source: a picture that Pillow reads.
        target: a PNG, written by rename.
        colors: 2 to 256.
        width: of the new picture; a narrower one keeps its size.

    Raises:
        MethodError: an option out of its range.
        ProblemError: there is no such picture.
    """
    from PIL import Image  # comes with Matplotlib

    integer(colors, "colors", 2, 256, MethodError)
    integer(width, "width", 16, 1 << 14, MethodError)
    path = Path(target)
    require(path.suffix.lower() == ".png", "target", "end in .png", str(target), MethodError)
    try:
        with Image.open(source) as opened:
            given = opened.convert("RGBA")
    except (OSError, ValueError) as error:
        raise ProblemError(f"Argument `source` must be a picture, but {error}.") from error
    picture = Image.new("RGB", given.size, "white")
    picture.paste(given, mask=given.getchannel("A"))
    if picture.width > width:
        size = (width, round(picture.height * width / picture.width))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    out = io.BytesIO()
    # by maximum coverage: rare colours, such as those of a few marks, keep a place of their own
    small = picture.quantize(colors, Image.Quantize.MAXCOVERAGE, kmeans=4, dither=Image.Dither.NONE)
    small.save(out, format="PNG", optimize=True)
    with atomic_file(path) as handle:
        handle.write(out.getvalue())
    return path
