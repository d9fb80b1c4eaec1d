"""The command line ``qml-dynamics``: runs and pictures, uses of the equation, and submitted runs.

The module ``commands`` holds the commands and their options only. What they do stands in the modules of the table below, which
are loaded when a command reads them from this door, so that ``--help`` loads neither NumPy nor a vendor's package. The door itself
loads next to nothing, so that signals are handled before anything takes time.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..base.interrupts import INTERRUPTED, Interrupts, Stop, say_interrupted
from ..base.lazy import attach

_MODULES = (
    *("animate", "anneal", "descend", "diffuse", "gibbs", "grow", "jobs", "listing", "options", "run", "show"),
    "commands",
)
attach(__name__, {"commands": ("app",)}, {name: name for name in _MODULES})
__all__ = ["app", "main"]

if TYPE_CHECKING:
    from . import animate as animate
    from . import anneal as anneal
    from . import descend as descend
    from . import diffuse as diffuse
    from . import gibbs as gibbs
    from . import grow as grow
    from . import jobs as jobs
    from . import listing as listing
    from . import options as options
    from . import run as run
    from . import show as show
    from .program import app as app


def main(arguments: list[str] | None = None) -> None:
    """Entry point: an error of the library is one line on standard error and exit code 2, Ctrl-C is exit code 130, SIGTERM 143."""
    sys.exit(_code(arguments))


def _code(arguments: list[str] | None) -> int:
    with Interrupts(ending=arguments is None) as interrupts:
        code = _run(arguments)
        if code != INTERRUPTED:
            return code
        if not interrupts.told:
            say_interrupted("nothing was saved.")
        return interrupts.code


def _run(arguments: list[str] | None) -> int:
    """Load the commands and run one of them."""
    try:
        import typer

        from ..base.errors import QMLDynamicsError  # after the signals are handled, as all that follows
        from . import commands  # noqa: F401
        from .program import app as program
    except (KeyboardInterrupt, Stop):
        return INTERRUPTED
    try:
        return int(program(args=arguments, standalone_mode=False) or 0)
    except QMLDynamicsError as error:
        print(f"qml-dynamics: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, Stop, typer.Abort):  # of which Typer makes the same exit code itself, by version
        return INTERRUPTED
    except MemoryError:
        print("qml-dynamics: the memory of this machine is not enough for this; nothing was saved.", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of standard output has gone, as `| head` does
        sys.stderr.close()
        return 141
    except Exception as error:
        if not hasattr(error, "show") or not hasattr(
            error, "exit_code"
        ):  # a wrong option, whichever click typer brings
            raise
        error.show()
        return int(error.exit_code)
