"""State dicts of PyTorch as plain arrays: live ones, ``.safetensors`` files, and ``.pt`` files.

Neither package is imported before it is needed. No file is read by pickle: a ``.safetensors`` file holds plain arrays, and a
``.pt`` file is read with ``weights_only=True``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np

from ...base.archive import check_archive
from ...base.arguments import checks_arguments_but
from ...base.errors import MethodError, ProblemError, check_memory, one_of, require
from ...base.numeric import Array
from ...base.places import regular
from .arrays import plain, vectors
from .loaders import Loaded, matrices, need

StateDict: TypeAlias = Mapping[str, "Array | StateDict"]  # nested: a checkpoint that holds one
_DTYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "BOOL": "|b1"},
    **{f"I{8 * n}": f"<i{n}" for n in (1, 2, 4, 8)},
    **{f"U{8 * n}": f"<u{n}" for n in (1, 2, 4, 8)},
}


@checks_arguments_but("source")
def from_torch(
    source: StateDict | str | os.PathLike[str],
    *,
    only: str | Sequence[str] | None = None,
    key: str | None = None,
    skip: bool | Sequence[str] = False,
) -> Loaded:
    """Weight matrices of a PyTorch state dict, in the order in which it lists them (in a ``.safetensors`` file: by name).

    Args:
        source: ``model.state_dict()`` (any mapping of names to tensors or arrays), a ``.safetensors`` file, or a file that
            ``torch.save(model.state_dict(), ...)`` wrote.
        only: which layers, by name without ``.weight``; all that have a matrix when None.
        skip: what else of the state dict may be left out: entries or layers by name, or True for everything. A network is read
            as linear layers one after the other; normalisations, convolutions, recurrent and attention layers, embeddings,
            adapters, masks and other parametrisations of a matrix would make it another network, so they are refused unless
            they are named here (or the layers that are wanted, in ``only``).
        key: where the state dict stands in a checkpoint that holds more than it, such as ``"model_state_dict"``.

    Returns:
        :class:`Loaded`; matrices ``(out, in)`` as PyTorch keeps them. The activation is not in a state dict.

    Raises:
        ProblemError: entries that are no linear layers and not to be left out; no such file, no matrix in it,
            tensors without real numbers, a bias that does not fit, or layers that do
            not form a chain (name those that do).
        MethodError: reading the file needs a package that is not installed.

    >>> net = from_torch({"0.weight": np.ones((3, 2)), "0.bias": np.zeros(3), "2.weight": np.ones((1, 3))})
    >>> net.names, [w.shape for w in net.weights], net.biases[1].tolist()
    (('0', '2'), [(3, 2), (1, 3)], [0.0])
    """
    state = _inside(source if isinstance(source, Mapping) else _state_file(source), key)
    arrays = {str(name): plain(value, f"source[{name!r}]") for name, value in state.items()}
    known = [_layer_of(name) for name, a in arrays.items() if _is_weight(name) and a.ndim == 2]
    require(bool(known), "source", "hold a weight matrix: an entry `*.weight` of two axes", _entries(arrays))
    asked = [only] if isinstance(only, str) else only
    names = known if asked is None else [one_of(name, "only", known) for name in asked]
    require(bool(names), "only", "name at least one layer", only)
    entry = {name: {part: f"{name}.{part}".removeprefix(".") for part in ("weight", "bias")} for name in names}
    weights = matrices([arrays[entry[name]["weight"]] for name in names])
    offsets = [arrays.get(entry[name]["bias"], np.zeros(len(w))) for name, w in zip(names, weights)]
    used = {place for places in entry.values() for place in places.values()}
    skipped = tuple(name for name in arrays if name not in used)
    _refuse_others(names, skipped, only is not None, skip)
    return Loaded(weights, vectors(offsets, weights), tuple(names), skipped=skipped)


_OTHERS = re.compile(
    r"(^|[._])(emb|embed|embeds|embedding|embeddings|wte|wpe|lut|lora|adapter|ia3)([._\d]|$)", re.IGNORECASE
)
_HEAD = re.compile(r"head", re.IGNORECASE)


def _refuse_others(names: Sequence[str], skipped: Sequence[str], chosen: bool, skip: bool | Sequence[str]) -> None:
    """Refuse what would make another network of it than a chain of linear layers, unless that was asked for.

    Of layers that are named in ``only`` everything must be read; matrices whose names say that they are embeddings or adapters, and
    second heads, are read where they are named.
    """
    if skip is True:
        return
    listed = isinstance(skip, Sequence) and not isinstance(skip, str) and all(isinstance(s, str) for s in skip)
    require(skip is False or listed, "skip", "be True, False or a list of names", skip)
    free = () if isinstance(skip, bool) else tuple(skip)
    odd = [n for n in skipped if not any(n == s or n.startswith(f"{s}.") for s in free)]
    if chosen:
        odd = [n for n in odd if any(n.startswith(f"{name}.") for name in names if name)]
    else:
        odd += [n for n in names if _OTHERS.search(n)]
        heads = [n for n in names if _HEAD.search(n)]
        odd += heads if len(heads) > 1 else []
    what = f"of {len(odd)} other entries: {', '.join(odd[:4])}{', ...' if len(odd) > 4 else ''}"
    must = "hold linear layers one after the other (name those to be read in `only`, or what may be left out in `skip`)"
    require(not odd, "source", must, what)


def _is_weight(name: str) -> bool:
    return name == "weight" or name.endswith(".weight")  # a single layer has no name before it


def _layer_of(name: str) -> str:
    return name.removesuffix("weight").removesuffix(".")


def _entries(arrays: Mapping[str, np.ndarray]) -> str:
    few = ", ".join(f"{name} {a.shape}" for name, a in list(arrays.items())[:3])
    return f"of {len(arrays)} entries {few}".rstrip()


def _inside(state: StateDict, key: str | None) -> StateDict:
    """The state dict itself, or the one under ``key`` of a checkpoint."""
    nested = [str(name) for name, value in state.items() if isinstance(value, Mapping)]
    if key is not None:
        found = state[one_of(key, "key", nested)]
        assert isinstance(found, Mapping)
        return found
    if nested:
        names = ", ".join(map(repr, nested))
        raise ProblemError(f"Argument `key` must name the state dict inside of this checkpoint: one of {names}.")
    return state


def _state_file(source: str | os.PathLike[str]) -> StateDict:
    ok = isinstance(source, str | os.PathLike)
    must = "be a state dict or the name of a file (of a model: model.state_dict())"
    require(ok, "source", must, f"of type {type(source).__name__}")
    path = Path(source)
    require(path.is_file(), "source", "be a file that exists", str(path))
    try:
        if path.suffix == ".safetensors":
            found = _safe_tensors(path)
            return {name: found[name] for name in sorted(found, key=_natural)}  # such a file keeps no order of its own
        check_archive(path)
        state = need("torch").load(path, map_location="cpu", weights_only=True)
    except (MethodError, ProblemError):
        raise
    except Exception as error:  # each of them has errors of its own
        text = " ".join(str(error).split())[:100]
        raise ProblemError(
            f"Argument `source` must be a saved state dict of plain tensors, but {path} is not: {text}"
        ) from None
    require(isinstance(state, Mapping), "source", "hold a state dict", type(state).__name__)
    return dict(state)


def _safe_tensors(path: Path) -> dict[str, np.ndarray]:
    """All tensors of a file. NumPy has no bfloat16: such numbers are the upper halves of single ones."""
    check_memory(3 * path.stat().st_size, f"The content of {path.name}")
    with regular(path).open("rb") as file:
        found = dict(need("safetensors").deserialize(file.read()))
    arrays = {}
    for name, tensor in found.items():
        kind, shape, data = tensor["dtype"], tensor["shape"], bytes(tensor["data"])
        require(
            kind in _DTYPES, "source", f"hold numbers of a type among {', '.join(_DTYPES)}", f"of {kind} in {name!r}"
        )
        raw = np.frombuffer(data, dtype=_DTYPES[kind]).reshape(shape)
        arrays[str(name)] = (raw.astype("<u4") << 16).view("<f4") if kind == "BF16" else raw
    return arrays


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts ``layers.10`` after ``layers.9``."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
