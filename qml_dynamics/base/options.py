"""Deprecated names of options, and calls of user functions with copies of the arrays that they are given."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from .errors import MethodError

C = TypeVar("C", bound=type)
R = TypeVar("R")


def handed(function: Callable[..., R], *arguments: object) -> R:
    """What a person's function returns: it is handed copies of the arrays, so that writing into them changes nothing here.

    >>> import numpy as np
    >>> ours = np.array([1.0, 2.0])
    >>> handed(lambda w: w.sort() or w.fill(0.0), ours), ours.tolist()
    (None, [1.0, 2.0])
    """
    return function(*(np.array(each) if isinstance(each, np.ndarray) else each for each in arguments))


def renamed_option(old: str, new: str) -> Callable[[C], C]:
    """A decorator of a dataclass: its keyword ``old`` stands for ``new``.

    >>> from dataclasses import dataclass
    >>> @renamed_option("circuits", "draws")
    ... @dataclass
    ... class Average:
    ...     draws: int = 20
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     Average(circuits=3)
    Average(draws=3)
    """

    def decorate(cls: C) -> C:
        """The same dataclass, whose constructor takes ``old`` for ``new`` with a :class:`DeprecationWarning`."""
        made: Callable[..., None] = vars(cls)["__init__"]

        @functools.wraps(made)
        def init(self: object, *given: object, **options: object) -> None:
            """The constructor of the dataclass, with the option ``old`` renamed to ``new``."""
            if old in options:
                if new in options:
                    raise MethodError(f"Argument `{old}` must not be given beside `{new}`, which is its new name.")
                text = f"The option {old} of {cls.__name__} is now {new}; the old name will be removed in the next release."
                warnings.warn(text, DeprecationWarning, stacklevel=2)
                options[new] = options.pop(old)
            made(self, *given, **options)

        setattr(cls, "__init__", init)  # noqa: B010 - mypy refuses the assignment
        return cls

    return decorate
