"""A learned policy: an index that is a weighted sum of what is known of each part or station.

The terms are such that the rules are weights: the logarithm of the work and the urgency make `atc`,
with the set-up `atcs`. So a search can begin with the best rule and only go on from there. A policy
is a few dozen numbers that a person can read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from gemel.core.errors import ConfigurationError
from gemel.core.frame import Values
from gemel.parts.simulators.events import ASK, PART, Question
from gemel.twin.planning.dispatching.rules import rule

__all__ = ["ASK_TERMS", "PART_TERMS", "Policy", "start"]

PART_TERMS: Final = (
    "work", "log_work", "setup", "change", "left", "steps", "due", "slack", "behind",
    "slack_per_step", "waited", "age", "ahead", "alike", "turn", "urgency", "setup_share",
)  # fmt: skip
"""Of a part; times in units of the policy. `slack` counts above 0, `behind` below, and what is
never due counts as due in a hundred units. `urgency` is the slack above 0 over the mean work of
what is offered, `setup_share` the set-up over the mean of those that are needed."""

ASK_TERMS: Final = (
    "usual",
    "log_usual",
    "waited",
    "number",
    "queue",
    "load",
    "due",
    "down",
    "setup",
    "turn",
)
"""Of a station that asks for a crew."""

_FAR: Final = 100.0
_STARTS: Final[dict[str, dict[str, float]]] = {
    "fifo": {"turn": 1}, "spt": {"work": 1}, "edd": {"due": 1}, "setup": {"setup": 1},
    "slack": {"slack": 1, "behind": 1}, "slack_per_step": {"slack_per_step": 1},
    "mwkr": {"left": -1}, "lwkr": {"left": 1}, "winq": {"ahead": 1},
    "atc": {"log_work": 1, "urgency": 0.5},
    "atcs": {"log_work": 1, "urgency": 0.5, "setup_share": 2},
}  # fmt: skip
_CREW_STARTS: Final[dict[str, dict[str, float]]] = {
    "first": {"turn": 1}, "shortest": {"usual": 1}, "most_waiting": {"queue": -1},
    "most_work": {"load": -1}, "earliest_due": {"due": 1},
}  # fmt: skip
_AT: Final = {name: i for i, name in enumerate(PART)}
_ASK_AT: Final = {name: i for i, name in enumerate(ASK)}


def start(part: str, crew: str) -> tuple[Values, Values]:
    """Weights that decide as these rules do, float64[17] and float64[10], of length 1."""
    first = np.array([_STARTS[part].get(name, 0.0) for name in PART_TERMS])
    second = np.array([_CREW_STARTS[crew].get(name, 0.0) for name in ASK_TERMS])
    return first / np.linalg.norm(first), second / np.linalg.norm(second)


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """Weights, and what is known of how good they are.

    part, crew  float64[17], float64[10]: weights of `PART_TERMS` and `ASK_TERMS`
    unit_s      seconds that count as one
    rules       for parts and for crews, which act as long as the policy is not surely better
    acts        whether it was surely better than they on luck that neither had seen
    record      how it was learned and tried, JSON-able
    """

    part: Values
    crew: Values
    unit_s: float
    rules: tuple[str, str] = ("fifo", "first")
    acts: bool = False
    record: dict[str, Any] = field(default_factory=dict)

    def index(self, question: Question) -> Values:
        """float64[n]; the smallest is next."""
        if question.kind == "part":
            return np.asarray(self.terms(question.offered) @ self.part)
        return np.asarray(self.ask_terms(question.offered) @ self.crew)

    def __call__(self, question: Question) -> int:
        """Decides as it has learned, whether that is good or not; `dispatcher` is for use."""
        return int(np.argmin(self.index(question)))

    def dispatcher(self) -> Any:
        """What decides: the policy if it was surely better, else the rules."""
        return self if self.acts else rule(*self.rules)

    def terms(self, offered: Values) -> Values:
        """float64[n, 17]"""
        u, f = self.unit_s, offered.T
        due = np.clip(f[_AT["due"]] / u, -_FAR, _FAR)
        work, left = f[_AT["work"]] / u, f[_AT["left"]] / u
        slack, steps = np.clip(due - left, -_FAR, _FAR), f[_AT["steps"]]
        setup = f[_AT["setup"]] / u
        needed = setup[setup > 0].mean() if setup.any() else 1.0
        return np.stack([
            work, np.log(np.maximum(work, 1e-6)), setup, setup > 0, left, steps, due,
            np.maximum(slack, 0), np.minimum(slack, 0), slack / steps, f[_AT["waited"]] / u,
            f[_AT["age"]] / u, f[_AT["ahead"]] / u, f[_AT["alike"]], f[_AT["turn"]],
            np.minimum(np.maximum(slack, 0) / max(work.mean(), 1e-6), _FAR), setup / needed,
        ], axis=1)  # fmt: skip

    def ask_terms(self, offered: Values) -> Values:
        """float64[n, 10]"""
        u, f = self.unit_s, offered.T
        usual = f[_ASK_AT["usual"]] / u
        due = np.clip(f[_ASK_AT["due"]] / u, -_FAR, _FAR)
        return np.stack([
            usual, np.log(np.maximum(usual, 1e-6)), f[_ASK_AT["waited"]] / u,
            f[_ASK_AT["number"]], f[_ASK_AT["queue"]], f[_ASK_AT["load"]] / u, due,
            f[_ASK_AT["down"]], f[_ASK_AT["setup"]], f[_ASK_AT["turn"]],
        ], axis=1)  # fmt: skip

    def document(self) -> dict[str, Any]:
        """JSON-able, with a name beside each weight."""
        return {
            "format": 1, "unit_s": self.unit_s, "acts": self.acts,
            "rules": {"part": self.rules[0], "crew": self.rules[1]},
            "part": dict(zip(PART_TERMS, self.part.tolist(), strict=True)),
            "crew": dict(zip(ASK_TERMS, self.crew.tolist(), strict=True)),
            "record": self.record,
        }  # fmt: skip

    @classmethod
    def of(cls, document: Any) -> Policy:
        """What `document` gave. Raises `ConfigurationError` for anything else."""
        try:
            if document["format"] != 1:
                raise ConfigurationError(
                    f"policy: format is {document['format']!r}, this Gemel reads 1"
                )
            weights = []
            for part, terms in (("part", PART_TERMS), ("crew", ASK_TERMS)):
                if set(document[part]) != set(terms):
                    raise ConfigurationError(
                        f"policy: weights of {part} must be of {', '.join(terms)}; train it again"
                    )
                weights.append(np.array([float(document[part][name]) for name in terms]))
            rules = document["rules"]["part"], document["rules"]["crew"]
            rule(*rules)
            unit, acts, record = float(document["unit_s"]), document["acts"], document["record"]
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(
                f"policy: is not what `gemel dispatch train` writes: {error}"
            ) from None
        if not (np.isfinite(np.concatenate(weights)).all() and 0 < unit < 1e12):
            raise ConfigurationError("policy: weights and unit_s must be finite, unit_s above 0")
        if not isinstance(acts, bool) or not isinstance(record, dict):
            raise ConfigurationError("policy: `acts` must be true or false, `record` a mapping")
        return cls(weights[0], weights[1], unit, rules, acts, record)
