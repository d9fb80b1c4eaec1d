"""Blocks of a run: calls of ``Backend.sample`` that are planned together, and how their circuits are cut into batches.

A method that knows its circuits ahead may ask for a few of them in each of thousands of calls. All calls that one look-ahead sees
make one block; its circuits are sorted by what may stand in one batch (verb, width, shots), in the order of the calls otherwise,
and cut into batches as large as the backend takes. A call by itself is a block of one.

A module of its own beside `ledger`, which stores blocks; `planning` makes them and `replay` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..base.errors import BackendError, describe


@dataclass(frozen=True)
class Part:
    """One call of a block: the mark of its circuits, and which ones of the block they are."""

    fingerprint: str
    first: int
    count: int


@dataclass(frozen=True)
class Coming:
    """A batch that is planned: ``count`` circuits of the block from ``first`` on, ``shots`` each; ``estimate`` is in seconds.

    The backend makes ``runs`` circuits of them; 0: as many as they are.
    """

    first: int
    count: int
    shots: int
    estimate: float
    runs: int = 0


@dataclass(frozen=True)
class Block:
    """Calls ``number``, ``number + 1``, ... and the places of their circuits."""

    number: int
    parts: tuple[Part, ...]

    def holds(self, call: int) -> bool:
        """Whether a call is one of the block."""
        return 0 <= call - self.number < len(self.parts)

    def to_text(self) -> str:
        """For the ledger: of a single call its fingerprint, as earlier versions write it."""
        if len(self.parts) == 1:
            return self.parts[0].fingerprint
        return " ".join(f"{p.fingerprint}:{p.first}:{p.count}" for p in self.parts)

    @staticmethod
    def from_text(number: int, text: str, count: int) -> Block:
        """:meth:`to_text`, undone; ``count`` is that of all circuits.

        Raises:
            ValueError: the text is none of a block, or its parts are not all circuits.
        """
        if " " not in text:
            return Block(number, (Part(text, 0, count),))
        try:
            fields = [word.split(":") for word in text.split(" ")]
            parts = tuple(Part(mark, int(first), int(size)) for mark, first, size in fields)
        except ValueError:
            raise ValueError(f"the calls from {number} on are {describe(text)}") from None
        end = 0
        for part in sorted(parts, key=lambda part: (part.first, part.count)):
            if part.first != end or part.count < 0:
                raise ValueError(f"the calls from {number} on are not one after the other")
            end += part.count
        if end != count:
            raise ValueError(f"the calls from {number} on have {end} circuits, but their batches {count}")
        return Block(number, parts)

    def check(self, call: int, fingerprint: str) -> Part:
        """The part of a call.

        Raises:
            BackendError: it has other circuits or seeds, so its results would be read wrongly.
        """
        part = self.parts[call - self.number]
        if part.fingerprint != fingerprint:
            raise differs(call)
        return part


def differs(call: int) -> BackendError:
    """The error that says that a call is not the one that was planned."""
    return BackendError(
        f"The circuits of call {call} must be those that were planned, but differ: the folder was written by another version "
        "of the library, or its files were changed."
    )
