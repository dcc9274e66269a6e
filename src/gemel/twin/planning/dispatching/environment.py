"""A line as a Gymnasium environment: each step is one decision, time is that between them.

The simulator runs in a thread of its own and stands still while it waits for an answer; one of
both runs at any time, so that the same seed and actions give the same episode. Needs `gemel[rl]`.
"""

from __future__ import annotations

import threading
from typing import Any, ClassVar, Final

import numpy as np

from gemel.core.errors import ConfigurationError
from gemel.core.line import Line
from gemel.parts.simulators.base import Trial
from gemel.parts.simulators.events import ASK, PART, Outcome, Question, decided
from gemel.twin.planning.dispatching.policy import ASK_TERMS, PART_TERMS, Policy, start
from gemel.twin.planning.dispatching.training import OBJECTIVES, Objective

try:
    import gymnasium
except ModuleNotFoundError:
    raise ConfigurationError(
        "environments of lines need gymnasium: pip install 'gemel[rl]'"
    ) from None

__all__ = ["LineEnvironment"]

_MOST: Final = 1_000.0
_HOUR: Final = 3_600.0


class LineEnvironment(gymnasium.Env):  # type: ignore[misc]  # an extra: Any to mypy
    """Decide which part is next, and whom a crew serves first, for any line.

    action       Discrete(most): the row that is next; one that is not offered takes what the
                 line's own rule takes. `action_masks()` and info["action_mask"], bool[most], say
                 which are offered
    observation  float32[most · 28 + m]: for each row offered 1, the 17 terms of a part (or 0s),
                 the 10 terms of a station that asks for a crew (or 0s), in the units of `Policy`;
                 then 1 for the station or crew that decides. Of more than `most` that wait, the
                 first are offered
    reward       tardiness: minus the part-hours behind due dates since the last decision, for
                 the first since the beginning;
                 lead_time: minus the part-hours in the line; makespan: minus the hours.
                 Undiscounted returns are what `train` makes small, in other units
    terminated   all parts of the trial have left, or nothing comes any more
    truncated    the horizon of the trial is over

    info["usual"] is the row of the line's own rule, info["kind"], info["at"] and info["now"] (s)
    tell who decides when. `reset(seed=…)` begins with luck of its own; without a seed the next.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}

    def __init__(
        self, line: Line, trial: Trial, objective: Objective = "tardiness", most: int = 16
    ) -> None:
        if objective not in OBJECTIVES:
            raise ConfigurationError(f"objective '{objective}' is none of {', '.join(OBJECTIVES)}")
        if not 2 <= most <= 1_000:
            raise ConfigurationError(f"most is {most}, must be 2 to 1,000 parts to choose from")
        self.line, self.trial, self.objective, self.most = line, trial, objective, most
        unit = float(np.mean([s.time.mean_s for s in line.stations.values()])) or 1.0
        self._terms = Policy(*start("fifo", "first"), unit)
        self._names = [*(("part", n) for n in line.stations), *(("crew", n) for n in line.crews)]
        size = most * (1 + len(PART_TERMS) + len(ASK_TERMS)) + len(self._names)
        self.observation_space = gymnasium.spaces.Box(-_MOST, _MOST, (size,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(most)
        self._talk: _Talk | None = None
        self._question: Question | None = None
        self._cost = 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """The first decision of a new episode. Raises `DataError` for a line that stands still."""
        super().reset(seed=seed)
        self.close()
        luck = int(self.np_random.integers(2**31))
        self._talk, self._cost = _Talk(self.line, self.trial, luck), 0.0
        self._question = self._talk.first()
        return self._seen(), self._info()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take a decision, and go on to the next."""
        if self._talk is None:
            raise ConfigurationError("environment: call reset before step")
        question, row = self._question, int(action)
        if question is not None:
            offered = min(len(question.offered), self.most)
            self._question = self._talk.answer(row if row < offered else question.usual)
        reward = self._reward()
        over = self._question is None
        by_time = self.trial.horizon_s is not None
        return self._seen(), reward, over and not by_time, over and by_time, self._info()

    def action_masks(self) -> Any:
        """bool[most]: what is offered."""
        mask = np.zeros(self.most, np.int8)
        mask[: 0 if self._question is None else len(self._question.offered)] = 1
        return mask.astype(np.bool_)

    def close(self) -> None:
        """End the episode that is under way."""
        if self._talk is not None:
            self._talk.end()
            self._talk = None

    def _reward(self) -> float:
        """Minus what it has cost since this was last asked."""
        told: Question | Outcome | None = self._question
        if told is None and self._talk is not None:
            told = self._talk.outcome
        if told is None:
            return 0.0
        if self.objective == "makespan":
            cost = told.now if isinstance(told, Question) else told.end
        else:
            cost = told.late_s if self.objective == "tardiness" else told.inside_s
        # A warm-up ends inside an episode: what it cost is forgotten then, and nobody's gain.
        reward, self._cost = min(self._cost - cost, 0.0) / _HOUR, cost
        return reward

    def _seen(self) -> Any:
        width = 1 + len(PART_TERMS) + len(ASK_TERMS)
        rows = np.zeros((self.most, width), np.float32)
        where = np.zeros(len(self._names), np.float32)
        if (q := self._question) is not None:
            offered = q.offered[: self.most]
            n, split = len(offered), 1 + len(PART_TERMS)
            rows[:n, 0] = 1
            if q.kind == "part":
                rows[:n, 1:split] = self._terms.terms(offered)
            else:
                rows[:n, split:] = self._terms.ask_terms(offered)
            where[self._names.index((q.kind, q.at))] = 1
        return np.clip(np.concatenate([rows.ravel(), where]), -_MOST, _MOST)

    def _info(self) -> dict[str, Any]:
        info: dict[str, Any] = {"action_mask": self.action_masks()}
        if (q := self._question) is not None:
            names = PART if q.kind == "part" else ASK
            info |= {"kind": q.kind, "at": q.at, "now": q.now, "usual": q.usual}
            info["offered"] = dict(zip(names, q.offered.T.tolist(), strict=True))
        elif self._talk is not None and self._talk.outcome is not None:
            info |= {"now": self._talk.outcome.end, "parts": self._talk.outcome.left}
        return info


class _Ended(Exception):
    """Nobody waits for this episode any more."""


class _Talk:
    """The simulator asks, somebody answers; in turns."""

    def __init__(self, line: Line, trial: Trial, luck: int) -> None:
        self.outcome: Outcome | None = None
        self._asked, self._answered = threading.Semaphore(0), threading.Semaphore(0)
        self._question: Question | None = None
        self._answer = 0
        self._failed: Exception | None = None
        self._over = False

        def decide(question: Question) -> int:
            self._question = question
            self._asked.release()
            self._answered.acquire()
            if self._over:
                raise _Ended
            return self._answer

        def play() -> None:
            try:
                self.outcome = decided(line, trial, decide, luck)
            except _Ended:
                pass
            except Exception as error:  # noqa: BLE001 (it is raised where the answer is waited for)
                self._failed = error
            self._question = None
            self._asked.release()

        self._thread = threading.Thread(target=play, name="line environment", daemon=True)

    def first(self) -> Question | None:
        """Begin; what is asked first, None if nothing is ever asked."""
        self._thread.start()
        return self._next()

    def answer(self, row: int) -> Question | None:
        """What is asked next, None at the end. Raises what the simulator raises."""
        self._answer = row
        self._answered.release()
        return self._next()

    def end(self) -> None:
        """Leave the floor as it is."""
        self._over = True
        self._answered.release()
        self._thread.join()

    def _next(self) -> Question | None:
        self._asked.acquire()
        if self._failed is not None:
            raise self._failed
        return self._question
