"""What is told of faults, in figures: known ones, and ones that were withheld."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gemel.parts.diagnosers.base import Diagnosis
from gemel.twin.learning.evaluation import scores
from gemel.twin.learning.tasks.base import Figure

__all__ = ["Answer", "judged"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of one case that the model had not seen.

    cause     what it was
    known     whether the fitting part had examples of that
    withheld  the cause that was kept from the fitting part; empty if none was
    """

    case: int
    cause: str
    known: bool
    withheld: str
    told: Diagnosis

    @property
    def right(self) -> bool:
        """Whether the most probable cause is the true one, be it called new or not."""
        return bool(self.told.causes) and self.told.causes[0].name == self.cause


def judged(
    answers: Sequence[Answer], group: npt.NDArray[np.int64]
) -> tuple[tuple[Figure, ...], dict[str, tuple[dict[str, Any], ...]]]:
    """Figures and tables; `group` says of each case what it is a recording of."""
    closed = [a for a in answers if not a.withheld and a.known]
    unknown = [a for a in answers if not a.withheld and not a.known]
    opened = [a for a in answers if a.withheld and a.cause == a.withheld]

    def figure(name: str, of: Callable[[Answer], bool], some: list[Answer], note: str) -> Figure:
        hit = np.array([of(a) for a in some], np.float64)
        own = np.array([group[a.case] for a in some])
        ends = scores.interval(lambda i: float(hit[i].mean()), own, repeats=200)
        return Figure(name, float(hit.mean()), *ends, note=note)

    figures = []
    if closed:
        figures = [
            figure("accuracy", lambda a: a.right, closed, "of causes that the fitting part had"),
            figure("right and not called new", lambda a: a.right and not a.told.new, closed, ""),
            figure("known called new", lambda a: a.told.new, closed, ""),
        ]
        recall = [np.mean([a.right for a in closed if a.cause == c]) for c in _causes(closed)]
        figures.insert(1, Figure("mean recall", float(np.mean(recall)), note="of all causes alike"))
    if opened:
        figures.append(
            figure(
                "withheld called new", lambda a: a.told.new, opened, "each cause withheld in turn"
            )
        )
    tables = {
        "causes": tuple(_cause(c, closed, unknown) for c in _causes([*closed, *unknown])),
        "withheld in turn": tuple(_withheld(c, answers) for c in _causes(opened)),
    }
    return tuple(figures), tables


def _causes(answers: Sequence[Answer]) -> list[str]:
    return sorted({answer.cause for answer in answers})


def _cause(name: str, closed: list[Answer], unknown: list[Answer]) -> dict[str, Any]:
    mine = [a for a in closed if a.cause == name]
    said = [a for a in closed if a.told.causes[0].name == name]
    alone = [a for a in unknown if a.cause == name]
    hits = sum(a.right for a in mine)
    return {
        "cause": name,
        "cases": len(mine),
        "recall": hits / len(mine) if mine else None,
        "precision": hits / len(said) if said else None,
        "called new": float(np.mean([a.told.new for a in mine])) if mine else None,
        "not in the fitting part": len(alone),
        "of these called new": float(np.mean([a.told.new for a in alone])) if alone else None,
    }


def _withheld(name: str, answers: Sequence[Answer]) -> dict[str, Any]:
    mine = [a for a in answers if a.withheld == name and a.cause == name]
    others = [a for a in answers if a.withheld == name and a.cause != name and a.known]
    taken = Counter(a.told.causes[0].name for a in mine if not a.told.new).most_common(1)
    return {
        "withheld": name,
        "cases": len(mine),
        "called new": float(np.mean([a.told.new for a in mine])),
        "otherwise taken for": taken[0][0] if taken else "",
        "known ones called new": float(np.mean([a.told.new for a in others])) if others else None,
    }
