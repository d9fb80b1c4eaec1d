"""What was read of a table, chosen, left out and why: told to a person, and kept with a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from ...base.errors import line
from ...base.printing import cut, printed_briefly


@printed_briefly
@dataclass(frozen=True)
class Account:
    """What was read, chosen and left out.

    Attributes:
        source: the file, or the kind of Python object.
        layout: separator, header, encoding and compression, and what was done beside.
        rows, columns: of the table.
        target: the column of the class; ``classes`` its two names.
        rows_used: rows of these classes that stand in the data set.
        used: each number that the model is given, with what it was made of.
        left_out: each other column, and why.
        missing: the policy; ``rows_dropped`` rows were left out by it, and ``cells_filled`` cells took the mean of their column.

    >>> print(Account("my.csv", "separated by commas, with a header", 3, 2, "kind", ("cat", "dog"), 3, ("height",)))
    table my.csv: 3 rows, 2 columns; separated by commas, with a header
    target: kind (cat, dog); 3 rows used
    used: height
    """

    source: str
    layout: str
    rows: int
    columns: int
    target: str = ""
    classes: tuple[str, ...] = ()
    rows_used: int = 0
    used: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    missing: str = "refuse"
    rows_dropped: int = 0
    cells_filled: int = 0

    def __str__(self) -> str:
        lines = [f"table {self.source}: {self.rows:,} rows, {self.columns} columns; {self.layout}"]
        classes = f" ({', '.join(self.classes)})" if self.classes else ""
        target = f"target: {self.target}{classes}; " if self.target else ""
        lines.append(f"{target}{self.rows_used:,} rows used")
        lines.append(_listed("used", self.used))
        if self.left_out:
            lines.append(_listed("left out", [f"{name} ({why})" for name, why in self.left_out]))
        if self.rows_dropped or self.cells_filled:
            lines.append(
                f"missing values: {self.missing}; rows left out: {self.rows_dropped:,}, cells filled: {self.cells_filled:,}"
            )
        return cut("\n".join(line(each, 480) for each in lines))

    def as_data(self) -> dict[str, object]:
        """The account as plain data, for files."""
        return dataclasses.asdict(self)


def _listed(head: str, items: Sequence[str]) -> str:
    """As many items as two lines hold, and how many more there are."""
    shown = list(items)
    while len(shown) > 1 and len(f"{head}: {', '.join(shown)}") > 200:
        shown.pop()
    rest = len(items) - len(shown)
    return f"{head}: {', '.join(shown)}" + (f" and {rest} more" if rest else "")
