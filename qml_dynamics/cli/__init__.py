"""The command line ``qml-dynamics``: runs and pictures, uses of the equation, and submitted runs.

The modules ``commands``, ``uses`` and ``submitted`` hold the commands and their options only. What they do stands in the modules of
the table below, which are loaded when a command reads them from this package, so that ``--help`` loads neither NumPy nor a vendor's
package. The package itself loads next to nothing, so that signals are handled before anything takes time.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from ..base.errors import MESSAGE, QMLDynamicsError, line
from ..base.interrupts import INTERRUPTED, Interrupts, Stop, say_interrupted
from ..base.lazy import attach

_MODULES = (
    *(
        "animate",
        "anneal",
        "completion",
        "descend",
        "diffuse",
        "gibbs",
        "grow",
        "jobs",
        "listing",
        "new",
        "options",
        "predict",
        "report",
        "run",
        "saved",
        "schema",
        "show",
        "sweep",
        "suggest",
    ),
    *("commands", "uses", "submitted"),
)
_ALLOCATIONS = (
    10_000  # that outweigh their releases between two looks for garbage; Python's own 700 are a tenth of a short run
)
attach(__name__, {"application": ("app",)}, {name: name for name in _MODULES})
__all__ = ["app", "main"]

if TYPE_CHECKING:
    from . import animate as animate
    from . import anneal as anneal
    from . import completion as completion
    from . import descend as descend
    from . import diffuse as diffuse
    from . import gibbs as gibbs
    from . import grow as grow
    from . import jobs as jobs
    from . import listing as listing
    from . import new as new
    from . import options as options
    from . import predict as predict
    from . import report as report
    from . import run as run
    from . import saved as saved
    from . import schema as schema
    from . import show as show
    from . import suggest as suggest
    from . import sweep as sweep
    from .program import app as app


def main(arguments: list[str] | None = None) -> None:
    """Entry point: an error is one line on standard error, whatever it is.

    Exit codes: 2 an error of the library or of the system (a disk that is full, a file that may not be read), 130 Ctrl-C, 143 SIGTERM,
    141 the reader of standard output has gone, 70 a fault of this program, whose traceback ``QML_DYNAMICS_TRACEBACK=1`` shows.
    """
    if arguments is None:  # a process of its own: what start-up makes stays, and is not garbage however often one looks
        gc.set_threshold(_ALLOCATIONS, 10, 10)
    code = _finished(_code(arguments))
    if arguments is None:  # nor is it looked through once more at the end, which takes a tenth of a short run
        gc.freeze()
    sys.exit(code)


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

        from .application import app as program  # after the signals are handled, as all that follows
    except (KeyboardInterrupt, Stop):
        return INTERRUPTED
    asked = sys.argv[1:] if arguments is None else arguments
    try:
        code = int(program(args=arguments, standalone_mode=False) or 0)
        unknown = code == 1 and asked[:1] in (
            ["--install-completion"],
            ["--show-completion"],
        )  # a shell that Typer lacks
        return 2 if unknown else code
    except (KeyboardInterrupt, Stop, typer.Abort):  # of which Typer makes the same exit code itself, by version
        return INTERRUPTED
    except BrokenPipeError:  # the reader of standard output has gone, as `| head` does
        return 141
    except (
        SystemExit
    ) as left:  # how click says the same, and how it leaves where it does not know the shell of a completion
        if left.code == 1:
            return 141 if isinstance(left.__context__, OSError) else 2
        return int(left.code or 0)
    except Exception as error:
        return _told(error)


def _told(error: Exception) -> int:
    """One line for an error, and its exit code."""
    if isinstance(error, QMLDynamicsError):
        return _say(str(error), 2)
    if hasattr(error, "show") and hasattr(error, "exit_code"):  # a wrong option, whichever click typer brings
        with suppress(OSError):
            error.show()
        return int(error.exit_code)
    if isinstance(error, MemoryError):
        return _say("the memory of this machine is not enough for this; nothing was saved.", 2)
    if isinstance(error, RecursionError):
        return _say("what was given is nested too deeply.", 2)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename is not None else ""
        return _say(f"{where}{error.strerror or error}.", 2)
    if os.environ.get("QML_DYNAMICS_TRACEBACK"):
        raise error
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return _say(
        f"this is a fault of qml-dynamics, not of what was given: {what} (QML_DYNAMICS_TRACEBACK=1 shows where)", 70
    )


def _say(text: str, code: int) -> int:
    """``qml-dynamics: text`` on standard error, as far as that can be written, and the code."""
    with suppress(OSError, ValueError):  # full, or closed
        print(f"qml-dynamics: {line(text, MESSAGE)}", file=sys.stderr, flush=True)
    return code


def _finished(code: int) -> int:
    """The code, or another where what was printed cannot be written: Python itself tells that in a traceback at its very end."""
    if sys.stdout is None or sys.stdout.closed:
        return code
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = 141
    except OSError as error:
        code = _say(f"standard output cannot be written: {error.strerror or error}.", 2)
    else:
        return code
    with suppress(OSError, ValueError):  # what is left in its buffer goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code
