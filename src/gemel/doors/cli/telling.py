"""What `gemel chart`, `capability` and `gauge` share: subgroups of a file, tables, sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.table import Table

from gemel.core.errors import DataError, did_you_mean
from gemel.core.frame import Values
from gemel.core.line.statistics import number
from gemel.doors.plain import plain
from gemel.parts.connectors.files.columns import Columns

if TYPE_CHECKING:
    from gemel.parts.simulators.base import Trial

W = TypeVar("W", bound=str)

__all__ = [
    "Data", "console", "grouped", "measured", "named", "number", "one_of", "plain", "say",
    "single", "table",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Data:
    """Values as a chart takes them, sizes if there are any, and for each point the first and last
    line of the file."""

    values: Values
    sizes: Values | None
    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]
    notes: tuple[str, ...]


def single(read: Columns) -> Data:
    """Each row a point."""
    sizes = read.numbers[1] if len(read.numbers) > 1 else None
    empty = int((~np.isfinite(read.numbers[0])).sum())
    return Data(read.numbers[0], sizes, read.line, read.line, (*read.notes, *_empty(empty)))


def grouped(read: Columns, subgroup: int | None) -> Data:
    """Subgroups as float64[g, m], NaN where one has fewer values than others."""
    values, n = read.numbers[0], len(read.line)
    if n == 0:
        raise DataError("no rows")
    notes = [*read.notes, *_empty(int((~np.isfinite(values)).sum()))]
    starts = np.arange(0, n, subgroup or n)
    if read.labels:
        label = np.array(read.labels[0])
        changes = np.flatnonzero(label[1:] != label[:-1]) + 1
        starts = np.union1d([0], changes)
        if subgroup is not None:
            raise typer.BadParameter("give --subgroup or --by, not both")
    ends = np.append(starts[1:], n)
    if subgroup is not None and ends[-1] - starts[-1] < subgroup:
        left = int(ends[-1] - starts[-1])
        notes.append(f"the last {left} rows make no whole subgroup; they are left out")
        starts, ends = starts[:-1], ends[:-1]
    if len(starts) == 0:
        raise DataError(f"{n} rows make no subgroup of {subgroup}")
    length = ends - starts
    at = starts[:, None] + np.arange(int(length.max()))
    inside = at < ends[:, None]
    table = np.where(inside, values[np.minimum(at, n - 1)], np.nan)
    return Data(table, None, read.line[starts], read.line[ends - 1], tuple(notes))


def _empty(count: int) -> Iterable[str]:
    return [f"rows without a value, left out: {count}"] if count else []


def one_of(word: str, known: Iterable[W], option: str) -> W:
    """The word, as one of those that an option takes. Raises wrong usage for another."""
    for one in known:
        if one == word:
            return one
    raise typer.BadParameter(f"{option} {word} is not known; {did_you_mean(word, known)}")


def console() -> Console:
    """Where answers go; a pipe is as wide as the tables need."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=120)


def table(*columns: str) -> Table:
    """An empty table; columns of numbers stand at the right."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for place, name in enumerate(columns):
        is_text = place == 0 or name in ("method", "chart", "what", "lines")
        table.add_column(name, justify="left" if is_text else "right", no_wrap=name != "what")
    return table


def say(console: Console, sentence: str, notes: Iterable[str]) -> None:
    """The judgement, and what must be known beside it."""
    console.print(f"[bold]{sentence}[/bold]", soft_wrap=True)
    for note in notes:
        console.print(f"• {note}", soft_wrap=True)


@contextmanager
def named(file: Path, column: str) -> Iterator[None]:
    """Says of unusable data in which column of which file they are."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{file}: column '{column}': {error}") from None


def measured(trial: Trial) -> str:
    """From when on a run of a line is measured."""
    if trial.start is not None:
        return f"beginning with the {trial.start.parts:,} parts that stand in the line"
    return f"the first {100 * trial.warm_up:.3g} % not measured"
