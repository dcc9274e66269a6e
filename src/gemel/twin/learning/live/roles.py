"""Which model is champion, which stands in shadow, and which is asked beside a new champion.

A value of the learner, in the compute thread alone: what becomes of models is decided here, what is
done about it elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from gemel.twin.learning.live.asking import Said
from gemel.twin.learning.live.registry import Registry
from gemel.twin.learning.live.settings import Renewal
from gemel.twin.learning.live.shadow import Duel, sentence
from gemel.twin.learning.live.watching import Errors
from gemel.twin.learning.renewal.paired import Judgement
from gemel.twin.learning.tasks import Fitted

__all__ = ["Change", "Roles"]

_LONGEST: Final = 4
"""So many times the shadow's time is a candidate asked at most."""


@dataclass(frozen=True, slots=True)
class Change:
    """What the comparisons ask for. `drop` is done by whoever reads it; the others are decided
    above."""

    kind: Literal["promote", "return", "drop"]
    model: str
    reason: str
    found: Judgement


class Roles:
    """champion   tells
    candidate  is asked beside it, since `candidate_since`
    former     was champion before, is asked as well, since `former_since`
    regime     rows before this are not fitted on: things were otherwise
    trial      the same for the candidate: it holds once that is champion
    begins, span  since when, and how much, the champion was fitted on, ns
    """

    def __init__(
        self, registry: Registry, kept: Mapping[str, Any] | None = None, events: int = 0,
        gains: Callable[[Fitted, Fitted], str] = lambda _champion, _candidate: "",
    ) -> None:  # fmt: skip
        """Empty, or as `state` gave it. Raises `Unknown` or `Damaged` if a model is not there.

        Two models are compared on rows of which so many are `events`. `gains` is what a candidate
        can say and the champion cannot: then it need not be better, only not worse.
        """
        self._events = events
        self._gains = gains
        self.registry = registry
        self.champion = self.candidate = self.former = ""
        self.candidate_since = self.former_since = 0
        self.regime = self.trial = 0
        self.begins = self.span = 0
        self.errors = Errors()
        self._duels: dict[str, Duel] = {}
        self._asked: set[tuple[str, str]] = set()
        """What was asked for already, as long as the roles are the same."""
        if kept is None:
            return
        for role in ("champion", "candidate", "former"):
            if model := kept[role]:
                registry.get(model)
                setattr(self, role, model)
        self.candidate_since, self.former_since = kept["candidate_since"], kept["former_since"]
        self.regime, self.trial = kept["regime"]
        self._begin_duels()
        if self.champion:
            self._champion_is(self.champion)

    def state(self) -> dict[str, Any]:
        """JSON-able. Comparisons begin anew after a restart."""
        return {
            "champion": self.champion,
            "candidate": self.candidate,
            "former": self.former,
            "candidate_since": self.candidate_since,
            "former_since": self.former_since,
            "regime": [self.regime, self.trial],
        }

    def models(self) -> dict[str, str]:
        """All that are to be asked, by role."""
        roles = ("champion", "candidate", "former")
        return {role: model for role in roles if (model := getattr(self, role))}

    # What becomes of models

    def crown(self, model: str, now: int, *, returned: bool) -> str:
        """Another champion; gives the one before. That is asked as well for a while, unless the new
        one has `returned` because the other was found worse: then a candidate that was fitted
        because of it goes as well."""
        before, trial = self.champion, self.candidate
        self.former, self.former_since = ("" if returned else before), now
        if model == trial or returned:
            self.candidate = ""
        if self.candidate:
            self.candidate_since = now
        self.regime = max(self.regime, self.trial) if model == trial else 0
        self.trial = 0
        self._champion_is(model)
        self._begin_duels()
        return before

    def shadow(self, model: str, now: int) -> str:
        """A candidate; gives the one that it overtakes."""
        before, self.candidate, self.candidate_since = self.candidate, model, now
        self._begin_duels("candidate")
        return before

    def drop(self) -> None:
        """No candidate any more. What made it wanted was no change: errors are watched anew."""
        self.candidate, self.trial = "", 0
        self._begin_duels("candidate")
        self._champion_is(self.champion)

    def release(self, now: int, renewal: Renewal) -> bool:
        """Whether the model before has been asked for long enough; then it is no more."""
        if not self.former or now - self.former_since < renewal.watch:
            return False
        self.former = ""
        self._begin_duels("former")
        return True

    # Comparing

    def judge(self, said: Said, now: int, renewal: Renewal) -> list[Change]:
        """Take in what was said, and say what it asks for. What was asked once is not asked again
        while the roles are the same."""
        mine = said.losses["champion"]
        known = np.isfinite(mine)
        if not known.any() and not self._gained():
            return []
        if said.judged is not None:
            self.errors.add(said.judged[known], mine[known])
        for role, duel in self._duels.items():
            if said.models.get(role) == getattr(self, role):
                duel.add(mine, said.losses[role], said.events)
        asked = [*self._of_candidate(now, renewal), *self._of_former()]
        new = [change for change in asked if (change.kind, change.model) not in self._asked]
        self._asked |= {(change.kind, change.model) for change in new}
        return new

    def _of_candidate(self, now: int, renewal: Renewal) -> list[Change]:
        duel, lasted = self._duels.get("candidate"), now - self.candidate_since
        if duel is None or lasted < renewal.shadow:
            return []
        found = duel.judgement()
        if found.verdict == "better":
            why = f"it is better than the champion: {found.reason}"
            return [Change("promote", self.candidate, why, found)]
        if found.verdict != "worse" and (gained := self._gained()):
            why = f"{gained}; compared with it: {sentence(found)}"
            return [Change("promote", self.candidate, why, found)]
        # It had its time, and enough rows to be told apart if there were much of a difference.
        late = lasted >= _LONGEST * renewal.shadow
        if found.verdict == "worse" or (late and duel.seen):
            return [Change("drop", self.candidate, sentence(found), found)]
        return []

    def _gained(self) -> str:
        """What the candidate can say and the champion cannot."""
        if not self.candidate or not self.champion:
            return ""
        return self._gains(self.registry.get(self.champion), self.registry.get(self.candidate))

    def _of_former(self) -> list[Change]:
        duel = self._duels.get("former")
        if duel is None or (found := duel.judgement()).verdict != "better":
            return []
        why = f"the model before is better: {found.reason}"
        return [Change("return", self.former, why, found)]

    def compared(self, role: Literal["candidate", "former"]) -> dict[str, Any] | None:
        """For pages: how one stands beside the champion."""
        duel = self._duels.get(role)
        if duel is None:
            return None
        since = self.candidate_since if role == "candidate" else self.former_since
        return {"since": since, **duel.report()}

    def _begin_duels(self, *roles: str) -> None:
        """Comparisons of these roles, or of all, begin anew."""
        self._asked.clear()
        for role in roles or ("candidate", "former"):
            self._duels.pop(role, None)
            if getattr(self, role):
                self._duels[role] = Duel(self._events)

    def _champion_is(self, model: str) -> None:
        self.champion = model
        evidence = self.registry.get(model).evidence
        self.errors = Errors(evidence.get("errors"))
        self.begins, ends = evidence.get("window", (0, 0))
        self.span = ends - self.begins
