"""Rows with what was wrong in them, and what a model of classes says, in values and in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.frame import Times, Values
from gemel.parts.detectors.base import Window
from gemel.parts.diagnosers.base import Case, Diagnosis
from gemel.parts.diagnosers.learned_classes import KnownClasses
from gemel.twin.learning.diagnosis import Alike, direction
from gemel.twin.learning.live.casebook import NEW, NORMAL, NOT_SAID, UNKNOWN, Casebook
from gemel.twin.learning.live.rows import Rows

__all__ = [
    "Truth", "alike", "cases_of", "listed", "losses", "newest", "nowhere", "sigmas", "word",
]  # fmt: skip

_ROWS: Final = 200
"""Most rows of a class that are learned from, so that a common fault does not outweigh a rare one;
of normal running twice as many."""
_BLOCKS: Final = 20
"""Normal running is cut in so many parts, which are held out in turn."""
_CASES: Final = 40
"""Newest cases of a class that are learned from, and that a model remembers."""
_TARGET: Final = 1_000_000
_NORMAL: Final = 2_000_000
"""Where numbers of cases begin that the target tells, and those of normal running."""
_SHOWN: Final = 8
_ALIKE: Final = 0.3
_NAMED: Final = 0.5
"""Loss of calling something new that is new to the model: a model that can name it is better."""


@dataclass(frozen=True, slots=True)
class Truth:
    """time   int64[n]   ns UTC
    cause  object[n]  what it was, 'normal' where nothing was wrong, '' where that is not known
    case   int64[n]   rows of one belong together: one finding, one period, one stretch
    """

    time: Times
    cause: npt.NDArray[np.object_]
    case: npt.NDArray[np.int64]

    @classmethod
    def of(cls, rows: Rows, target: int | None, normal: frozenset[str], settle: int) -> Truth:
        """By what people have said, then by the column `target`, whose words `normal` mean that
        nothing is wrong; what nothing speaks of for `settle` is normal."""
        book = rows.book or Casebook()
        case = book.of(rows.time)
        cause = np.full(len(rows), "", np.object_)
        for number, known in enumerate(book.cases):
            cause[case == number] = known.cause
        quiet = case == NOT_SAID
        if target is not None:
            value = rows.value[:, target]
            words = np.array([book.words.get(v, "") for v in value.tolist()], np.object_)
            wrong = (words != "") & ~np.isin(words, list(normal)) & (case < 0)
            quiet &= ~wrong
            changed = np.append(True, words[1:] != words[:-1])
            cause[wrong] = words[wrong]
            case = np.where(wrong, _TARGET + np.cumsum(changed), case)
        quiet &= rows.time <= rows.time[-1:].sum() - settle
        cause[quiet] = NORMAL
        part = np.arange(int(quiet.sum())) * _BLOCKS // max(int(quiet.sum()), 1)
        case[quiet] = _NORMAL + part
        cause[cause == NEW] = ""  # a word of the target that names nothing
        case[cause == ""] = UNKNOWN
        return cls(rows.time, cause, case)

    def counts(self, least: int) -> tuple[dict[str, int], dict[str, int]]:
        """Rows of each class, and of those that have too few."""
        found, number = np.unique(self.cause[self.cause != ""].astype(str), return_counts=True)
        every = dict(zip(found.tolist(), number.tolist(), strict=True))
        enough = {cause: n for cause, n in every.items() if n >= least}
        return enough, {cause: n for cause, n in every.items() if n < least}

    def thinned(self, least: int) -> npt.NDArray[np.int64]:
        """Rows to learn from: of each class about as many, spread over its cases; in order."""
        enough, _ = self.counts(least)
        found = [np.zeros(0, np.int64)]
        for cause in enough:
            cases = self.cases(cause)
            cases = cases if cause == NORMAL else cases[-_CASES:]
            share = max((2 if cause == NORMAL else 1) * _ROWS // len(cases), 5)
            for mine in cases:
                place = np.linspace(0, len(mine) - 1, min(share, len(mine)))
                found.append(mine[np.unique(place.round().astype(np.int64))])
        return np.sort(np.concatenate(found))

    def cases(self, cause: str) -> list[npt.NDArray[np.int64]]:
        """The rows of each case of a class, the earliest first."""
        rows = np.flatnonzero(self.cause == cause)
        order = np.argsort(self.case[rows], kind="stable")
        ends = np.flatnonzero(np.diff(self.case[rows][order])) + 1
        found = [part for part in np.split(rows[order], ends) if len(part)]
        return sorted(found, key=lambda mine: int(mine[0]))


def word(shown: object) -> str:
    """A value of the target as people read it."""
    if isinstance(shown, bool):
        return str(shown).lower()
    return f"{shown:g}" if isinstance(shown, float) else " ".join(str(shown).split())


def nowhere(truth: Truth, book: Casebook | None) -> list[str]:
    """Cases of which there are no rows, in words."""
    return [
        f"'{known.cause}' is said of a time of which no row counts"
        for number, known in enumerate((book or Casebook()).cases)
        if known.cause != NORMAL and not (truth.case == number).any()
    ]


def losses(
    classes: Sequence[str], told: Values, new: npt.NDArray[np.bool_],
    cause: npt.NDArray[np.object_],
) -> Values:  # fmt: skip
    """How far off each row was, 0 to 1: the Brier score, halved, with 'new' as a class of its own;
    to call new what the model cannot know is half right."""
    said = np.column_stack([np.where(new[:, None], 0.0, told), new])
    place = {name: i for i, name in enumerate(classes)}
    true = np.array([place.get(name, len(classes)) for name in cause.tolist()], np.int64)
    came = np.eye(len(classes) + 1)[true]
    found = ((said - came) ** 2).sum(axis=1) / 2
    # Two sure models differ in the tenth digit, always the same way: that makes neither better.
    return np.asarray(np.where((true == len(classes)) & new, _NAMED, found), np.float64).round(2)


def sigmas(model: KnownClasses, value: Values) -> Values:
    """How far rows are from normal on average, in standard deviations, float64[k]."""
    mean, spread = model.level(NORMAL)
    known = np.isfinite(value)
    middle = np.where(known, value, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    far = (middle - mean) / np.maximum(spread, 1e-300)
    return np.where(known.any(axis=0), far, np.nan)


def cases_of(truth: Truth, window: Window, model: KnownClasses, book: Casebook) -> list[Any]:
    """What a model remembers of the cases that it was fitted on, JSON-able."""
    found = []
    for cause in model.classes:
        if cause == NORMAL:
            continue
        for mine in truth.cases(cause)[-_CASES:]:
            number = int(truth.case[mine[0]])
            found.append({
                "cause": cause, "rows": len(mine),
                "start": int(truth.time[mine[0]]), "end": int(truth.time[mine[-1]]),
                "finding": book.cases[number].finding if number < len(book.cases) else "",
                "profile": direction(window.names, sigmas(model, window.value[mine])),
            })  # fmt: skip
    return found


def alike(evidence: Mapping[str, Any], profile: Mapping[str, float]) -> tuple[Alike, ...]:
    """The cases of a model that went most the same way, of those that went it at all."""
    found = []
    for case in evidence.get("cases", ()):
        cosine = sum(x * case["profile"].get(name, 0.0) for name, x in profile.items())
        found.append(
            Alike(
                finding=case["finding"], time=case["start"], cause=case["cause"],
                alike=round(max(cosine, 0.0), 3),
            )
        )  # fmt: skip
    near = [one for one in found if one.alike >= _ALIKE]
    return tuple(sorted(near, key=lambda one: -one.alike)[:3])


def newest(model: KnownClasses, window: Window, evidence: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of most of the newest rows, and why, by those rows: single ones may differ."""
    told, novelty = model.each(window)
    known = np.flatnonzero(np.isfinite(novelty))
    if not len(known):
        return {"cause": "", "new": False, "probability": 0.0, "novelty": 0.0, "classes": [],
                "shares": [], "alike": []}  # fmt: skip
    verdict = np.where(novelty > 1, -1, np.nan_to_num(told).argmax(axis=1))[known]
    kinds, count = np.unique(verdict, return_counts=True)
    kind = int(kinds[count.argmax()])
    same = known[verdict == kind]
    value = window.value[same]
    found: Diagnosis = model.diagnose(Case(Window(window.time[same], value, window.names)))
    new = kind < 0
    profile = direction(window.names, sigmas(model, value))
    quiet = not new and found.causes[0].name == NORMAL
    return {
        "cause": NEW if new else model.classes[kind],
        "new": new,
        "probability": 0.0 if new else float(told[same, kind].mean()),
        "novelty": float(np.median(novelty[same])),
        "nearest": found.causes[0].name,
        "classes": [
            {"name": c.name, "probability": c.probability, "low": c.low, "high": c.high}
            for c in found.causes[:_SHOWN]
        ],
        "shares": [
            {"name": r.name, "share": r.weight, "said": r.said} for r in found.causes[0].reasons
        ],
        "alike": [] if quiet else [one.model_dump() for one in alike(evidence, profile)],
    }


def listed(names: Iterable[str]) -> str:
    """Names in a sentence."""
    return ", ".join(f"'{name}'" for name in names)
