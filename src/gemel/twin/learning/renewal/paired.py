"""Two models on the same rows: is the candidate better than the champion, worse, or neither?

The losses of both on a row differ by what the models differ in; what makes a row easy or hard for
both drops out. Neighbouring differences look alike, so that a mean of n of them is known less well
than that of n independent ones: intervals stand on blocks of rows.

`Comparison.judge` is for rows that are looked at once. A twin that looks again with every batch of
rows would find a difference sooner or later where there is none; `Comparison.start` gives a
`Trial`, whose interval holds at all looks together.

Where a class is rare and its losses are large, ask for `events`: on rows without any, a candidate
that has forgotten the class looks better, and no interval tells otherwise.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from math import inf, log, sqrt
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.settings import Settings
from gemel.twin.learning.evaluation.dependent import MeanInterval, block_length, mean_interval

__all__ = ["Comparison", "Judgement", "Trial", "Verdict"]

Verdict: TypeAlias = Literal["better", "worse", "not told apart"]
Looks: TypeAlias = Literal["once", "any number"]

_VERSION: Final = 1
_LEAST_BLOCKS: Final = 20
"""A variance between blocks says little from fewer."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is said of a candidate, and the numbers that stand for it.

    verdict     of the candidate
    reason      why, in a sentence
    rows        that both losses are known of
    events      of them that were marked as events
    difference  mean of the champion's loss less the candidate's: above 0 the candidate is better
    low, high   where it lies with `confidence`; infinite while too little is known
    block       rows in a block
    looks       'once', or 'any number' where the interval holds at all looks together
    """

    verdict: Verdict
    reason: str
    rows: int
    events: int
    difference: float
    low: float
    high: float
    block: int
    confidence: float
    looks: Looks

    def evidence(self) -> dict[str, Any]:
        """JSON-able; what is not known yet is None."""
        return {
            name: None if isinstance(value, float) and not abs(value) < inf else value
            for name, value in asdict(self).items()
        }


class Comparison(Settings):
    """How a candidate is compared with the champion."""

    confidence: float = Field(
        0.95, gt=0.5, lt=1, description="How often the interval holds the true difference"
    )
    rows: int = Field(200, ge=20, description="Fewest rows whose loss is known of both")
    events: int = Field(0, ge=0, description="Fewest rows among them that are events, e.g. scrap")
    margin: float = Field(
        0.0, ge=0, description="Difference of the mean loss that is too small to matter"
    )
    block: int | None = Field(
        None, ge=1, description="Rows in a block; from the rows themselves if not given"
    )
    repeats: int = Field(2000, ge=200, le=100_000, description="Draws of the bootstrap")
    seed: int = Field(0, ge=0, description="Of the draws")

    def judge(
        self, champion: Values, candidate: Values, events: npt.NDArray[np.bool_] | None = None
    ) -> Judgement:
        """Of rows that are looked at once: losses float64[n] in the order of time, NaN unknown.

        The interval is that of a circular block bootstrap (Politis and Romano 1992).
        """
        gain, marked = _paired(champion, candidate, events)
        n, count = len(gain), int(marked.sum())
        short = _missing(self, n, count)
        if short:
            mean = float(gain.mean()) if n else 0.0
            return _undecided(self, short, n, count, (mean, inf, self.block or 1), "once")
        found = mean_interval(
            gain, share=self.confidence, block=self.block, repeats=self.repeats, seed=self.seed
        )
        return _decided(self, count, found, "once")

    def start(self, state: dict[str, Any] | None = None) -> Trial:
        """A comparison that is looked at again and again, from the beginning or a `Trial.state`."""
        trial = Trial(self)
        if state is not None:
            trial.restore(state)
        return trial


@dataclass(slots=True)
class Trial:
    """A candidate in shadow: losses come in as they become known, at any number of looks.

    The interval is an asymptotic confidence sequence: with `confidence` it holds the true mean
    difference at all looks together, however many and whenever (I. Waudby-Smith, D. Arbour,
    R. Sinha, E. H. Kennedy and A. Ramdas, Annals of Statistics 52 (2024) 2613, theorem 2.2). It is
    one for independent values; here the values are means of blocks of rows, twice as long as
    `block_length` of the first `rows` rows says, and their variance counts what neighbouring blocks
    still have in common. Rows of an unfinished block wait. At a single look it is about 1.5 times
    as wide as the interval of `Comparison.judge`.

    What was promised is the mean over all rows of the trial. Where the difference itself drifts,
    begin another trial.
    """

    settings: Comparison
    rows: int = 0
    events: int = 0
    block: int = 0
    first: list[float] = field(default_factory=list)
    """Differences that wait for a block to be full; at first, for its length to be set."""
    blocks: int = 0
    mean: float = 0.0
    squares: float = 0.0
    """Sum of squared distances of the block means from their mean."""
    ends: list[float] = field(default_factory=list)
    """First and last block mean, and the sum of products of neighbouring ones."""

    def update(
        self, champion: Values, candidate: Values, events: npt.NDArray[np.bool_] | None = None
    ) -> Judgement:
        """Add rows, float64[n] each, which follow those of the last call; what is said by now.

        Rows of which a loss is unknown (NaN) do not count. How rows are cut changes nothing.
        """
        gain, marked = _paired(champion, candidate, events)
        self.rows += len(gain)
        self.events += int(marked.sum())
        waiting = np.concatenate([self.first, gain])
        if not self.block:
            if len(waiting) < self.settings.rows:
                self.first = waiting.tolist()
                return self.judgement()
            start = waiting[: self.settings.rows]
            self.block = self.settings.block or 2 * block_length(start)
        full = len(waiting) // self.block * self.block
        for value in waiting[:full].reshape(-1, self.block).mean(axis=1).tolist():
            self._add(value)
        self.first = waiting[full:].tolist()
        return self.judgement()

    def judgement(self) -> Judgement:
        """What is said by now."""
        settings = self.settings
        short = _missing(settings, self.rows, self.events)
        mean, radius = self.mean, inf
        if not self.blocks:
            mean = float(np.mean(self.first)) if self.first else 0.0
        if self.blocks >= _LEAST_BLOCKS:
            radius = self._radius()
        elif not short:
            wanted = _LEAST_BLOCKS * self.block
            short = f"{self.rows} rows in blocks of {self.block}, {wanted} wanted"
        if short:
            known = (mean, radius, self.block)
            return _undecided(settings, short, self.rows, self.events, known, "any number")
        found = MeanInterval(mean, mean - radius, mean + radius, self.rows, self.block)
        return _decided(settings, self.events, found, "any number")

    def _add(self, value: float) -> None:
        if self.blocks:
            self.ends = [self.ends[0], value, self.ends[2] + self.ends[1] * value]
        else:
            self.ends = [value, value, 0.0]
        self.blocks += 1
        away = value - self.mean
        self.mean += away / self.blocks
        self.squares += away * (value - self.mean)

    def _radius(self) -> float:
        k, alpha = self.blocks, 1 - self.settings.confidence
        variance = self.squares / (k - 1)
        first, last, products = self.ends
        along = products - self.mean * (2 * k * self.mean - first - last) + (k - 1) * self.mean**2
        variance += 2 * max(along / (k - 1), 0.0)
        # Narrowest where twice the fewest rows are known; elsewhere only a little wider.
        aim = max(2 * self.settings.rows / self.block, 2 * _LEAST_BLOCKS)
        shape = (-2 * log(alpha) + log(-2 * log(alpha) + 1)) / aim  # ρ²
        grown = k * shape + 1
        return sqrt(variance * 2 * grown / (k * k * shape) * log(sqrt(grown) / alpha))

    def state(self) -> dict[str, Any]:
        """A JSON-able value from which `Comparison.start` continues."""
        kept = {
            name: getattr(self, name)
            for name in ("rows", "events", "block", "blocks", "mean", "squares")
        }
        return {"version": _VERSION, **kept, "first": list(self.first), "ends": list(self.ends)}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `state`. Raises `DataError` where it is of another form."""
        if state.get("version") != _VERSION:
            raise DataError(
                f"state of a trial of version {state.get('version')}, must be {_VERSION}"
            )
        try:
            self.rows, self.events = int(state["rows"]), int(state["events"])
            self.block, self.blocks = int(state["block"]), int(state["blocks"])
            self.mean, self.squares = float(state["mean"]), float(state["squares"])
            self.first = [float(value) for value in state["first"]]
            self.ends = [float(value) for value in state["ends"]]
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not the state of a trial: {error}") from None


def _paired(
    champion: Values, candidate: Values, events: npt.NDArray[np.bool_] | None
) -> tuple[Values, npt.NDArray[np.bool_]]:
    """Differences of the rows of which both losses are known, and which of them are events."""
    if champion.shape != candidate.shape or champion.ndim != 1:
        raise DataError(
            f"losses of shapes {champion.shape} and {candidate.shape}: of the same rows, one each"
        )
    marked = np.zeros(len(champion), np.bool_) if events is None else events
    if marked.shape != champion.shape:
        raise DataError(f"{len(marked)} marks of events for {len(champion)} rows")
    gain = champion - candidate
    known = np.isfinite(gain)
    return gain[known], marked[known]


def _missing(settings: Comparison, rows: int, events: int) -> str:
    """What is too little yet; empty if nothing is."""
    if rows < settings.rows:
        return f"{rows} rows known of both, {settings.rows} wanted"
    if events < settings.events:
        return f"{events} events among {rows} rows, {settings.events} wanted"
    return ""


def _undecided(
    settings: Comparison, reason: str, rows: int, events: int, known: tuple[float, float, int],
    looks: Looks,
) -> Judgement:  # fmt: skip
    mean, radius, block = known
    return Judgement("not told apart", reason, rows, events, mean, mean - radius, mean + radius,
                     block, settings.confidence, looks)  # fmt: skip


def _decided(settings: Comparison, events: int, found: MeanInterval, looks: Looks) -> Judgement:
    verdict: Verdict = "not told apart"
    if found.low > settings.margin:
        verdict = "better"
    elif found.high < -settings.margin:
        verdict = "worse"
    reason = (
        f"mean loss of the champion less that of the candidate {found.mean:.4g}, with "
        f"{settings.confidence:.0%} between {found.low:.4g} and {found.high:.4g}, on {found.rows} "
        "rows"
    )
    return Judgement(verdict, reason, found.rows, events, found.mean, found.low, found.high,
                     found.block, settings.confidence, looks)  # fmt: skip
