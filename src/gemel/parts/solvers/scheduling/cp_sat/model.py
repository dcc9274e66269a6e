"""A problem as a model of CP-SAT: one interval for each way to do an operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ortools.sat.python import cp_model

from gemel.parts.solvers.scheduling._plans.measure import closed_of, finish, plan
from gemel.parts.solvers.scheduling.base import NEVER, NONE, Integers, Problem, Schedule
from gemel.parts.solvers.scheduling.cp_sat.objective import limit, terms

__all__ = ["Model"]


class Model:
    """Variables and rules. With `explain`, each rule that could be given up has a literal, and is
    in `rules` with its words; the literals are assumed to hold."""

    def __init__(self, problem: Problem, horizon: int, *, explain: bool = False) -> None:
        self.problem, self.horizon, self.explain = problem, horizon, explain
        self.cp = cp_model.CpModel()
        self.rules: dict[int, str] = {}
        self._literals: list[Any] = []
        self.setups: list[tuple[int, Any]] = []
        self.follows: dict[tuple[int, int], list[tuple[int, Any]]] = {}
        """By machine and operation those that may be next there, with their literals."""
        self._rooms: dict[int, Any] = {}
        self.first = problem.first_mode
        self._closed = {k: closed_of(problem, k) for k in range(len(problem.machines))}
        self._operations()
        self._machines()
        self._waits()
        self._resources()
        self._buffers()
        self._jobs()
        if not explain:
            self._objective()
        elif self._literals:
            self.cp.add_assumptions(self._literals)

    def _rule(self, words: str) -> Any:
        """A literal that stands for a rule, or true where nobody asks which rules conflict."""
        if not self.explain:
            return self.cp.new_constant(1)
        literal = self.cp.new_bool_var(words[:60])
        self._literals.append(literal)
        self.rules[literal.index] = words
        return literal

    # What an operation is

    def _operations(self) -> None:
        problem, cp = self.problem, self.cp
        n = len(problem)
        late = self._may_stay()
        self.start: list[Any] = []
        self.end: list[Any] = []
        self.left: list[Any] = []
        self.here: list[Any] = [None] * len(problem.mode_of)
        """For each mode the literal that it is taken."""
        for i in range(n):
            modes = range(self.first[i], self.first[i + 1])
            if problem.fixed[i]:
                taken, begin = int(problem.fixed_mode[i]), int(problem.fixed_start[i])
                over = self._fixed_end(i)
                for m in modes:
                    self.here[m] = cp.new_constant(int(m == taken))
                start: Any = cp.new_constant(begin)
                end: Any = cp.new_constant(over)
                late_by = self.horizon
            else:
                low = max(problem.now, int(problem.release[problem.job[i]]))
                start = cp.new_int_var(low, self.horizon, f"s{i}")
                if len(modes) == 1 and self._plain(i, modes[0]):
                    end = start + int(problem.duration[modes[0]])
                    cp.add(end <= self.horizon)
                else:
                    end = cp.new_int_var(low, self.horizon, f"e{i}")
                if len(modes) == 1:
                    self.here[modes[0]] = cp.new_constant(1)
                else:
                    for m in modes:
                        self.here[m] = cp.new_bool_var(f"m{m}")
                    cp.add_exactly_one(self.here[m] for m in modes)
                for m in modes:
                    self._length(i, m, start, end)
                late_by = self.horizon
            left = end
            if late[i]:
                left = cp.new_int_var(0, late_by, f"l{i}")
                cp.add(left >= end)
            self.start.append(start)
            self.end.append(end)
            self.left.append(left)

    def _fixed_end(self, i: int) -> int:
        problem, m = self.problem, int(self.problem.fixed_mode[i])
        begin, k = int(problem.fixed_start[i]), int(problem.machine[m])
        if k >= 0 and problem.breakable[i]:
            return finish(begin, int(problem.duration[m]), self._closed[k])
        return begin + int(problem.duration[m])

    def _plain(self, i: int, m: int) -> bool:
        """Whether its end is its start and its duration, whatever happens."""
        k = int(self.problem.machine[m])
        return not (self.problem.breakable[i] and k >= 0 and len(self._closed[k]))

    def _length(self, i: int, m: int, start: Any, end: Any) -> None:
        problem, cp, here = self.problem, self.cp, self.here[m]
        duration, k = int(problem.duration[m]), int(problem.machine[m])
        if duration == 0 or k < 0 or not len(self._closed[k]):
            cp.add(end == start + duration).only_enforce_if(here)
            return
        closed = [(int(a), int(b)) for a, b in self._closed[k] if a < self.horizon]
        rule = self._rule(f"machine '{problem.machines[k]}' is closed at times")
        pause = []
        for a, b in closed:
            # Either it begins before the closed time, or when that is over …
            before = cp.new_bool_var("")
            cp.add(start < a).only_enforce_if(before, here, rule)
            cp.add(start >= b).only_enforce_if(~before, here, rule)
            # … and it is over before it, or goes on after it.
            after = cp.new_bool_var("")
            cp.add(end > b).only_enforce_if(after, here, rule)
            cp.add(end <= a).only_enforce_if(~after, here, rule)
            if problem.breakable[i]:
                pause.append((b - a) * (before + after - 1))
            else:
                cp.add(before + after == 1).only_enforce_if(here, rule)
            cp.add_bool_or(before, after).only_enforce_if(here, rule)
        if pause:
            cp.add(end == start + duration + sum(pause)).only_enforce_if(here, rule)
            if self.explain:
                cp.add(end == start + duration).only_enforce_if(here, ~rule)
        else:
            cp.add(end == start + duration).only_enforce_if(here)

    # Machines

    def _machines(self) -> None:
        problem, cp = self.problem, self.cp
        for k in range(len(problem.machines)):
            modes = np.flatnonzero(problem.machine == k)
            if len(modes) < 2 and not problem.setup.size:
                continue
            idles = self._idles(k)
            set_up = problem.setup.size and problem.setup[k].any()
            intervals = []
            for m in modes.tolist():
                i = int(problem.mode_of[m])
                if self._single(i) and self.left[i] is self.end[i] and self._plain(i, m):
                    length = int(problem.duration[m])
                    if length or set_up:
                        intervals.append(cp.new_fixed_size_interval_var(self.start[i], length, ""))
                elif self.left[i] is self.end[i] and self._plain(i, m):
                    length = int(problem.duration[m])
                    intervals.append(
                        cp.new_optional_fixed_size_interval_var(
                            self.start[i], length, self.here[m], ""
                        )
                    )
                else:
                    size = cp.new_int_var(0, self.horizon, "")
                    intervals.append(
                        cp.new_optional_interval_var(
                            self.start[i], size, self.left[i], self.here[m], ""
                        )
                    )
            cp.add_no_overlap(intervals)
            if set_up or idles:
                self._turns(k, modes)

    def _idles(self, k: int) -> bool:
        """Whether it matters how long a machine stands by between two operations."""
        problem = self.problem
        asked = problem.objective.energy or "energy" in problem.at_most.limits()
        stands = problem.standby.size and problem.standby[k] and len(problem.price)
        return bool(asked and stands)

    def _single(self, i: int) -> bool:
        return bool(self.first[i + 1] - self.first[i] == 1)

    def _turns(self, k: int, modes: Integers) -> None:
        """Who follows whom on a machine, as a round trip from the start of its day back to it."""
        problem, cp = self.problem, self.cp
        arcs: list[tuple[int, int, Any]] = [(0, 0, cp.new_bool_var(""))]  # a machine not used
        own = [int(problem.mode_of[m]) for m in modes]
        for a, (m, i) in enumerate(zip(modes, own, strict=True), 1):
            arcs.append((a, a, ~self.here[m]))
            opening, closing = cp.new_bool_var(""), cp.new_bool_var("")
            arcs += [(0, a, opening), (a, 0, closing)]
            need = self._setup(k, int(problem.initial[k]), int(problem.family[i]))
            if need:
                self.setups.append((need, opening))
                if not problem.fixed[i]:
                    cp.add(self.start[i] >= problem.now + need).only_enforce_if(opening)
            for b, j in enumerate(own, 1):
                if a == b:
                    continue
                follows = cp.new_bool_var("")
                arcs.append((a, b, follows))
                self.follows.setdefault((k, i), []).append((j, follows))
                need = self._setup(k, int(problem.family[i]), int(problem.family[j]))
                if need:
                    self.setups.append((need, follows))
                if not (problem.fixed[i] and problem.fixed[j]):
                    cp.add(self.start[j] >= self.left[i] + need).only_enforce_if(follows)
                else:
                    cp.add(self.start[j] >= self.start[i]).only_enforce_if(follows)
        cp.add_circuit(arcs)

    def _setup(self, k: int, before: int, after: int) -> int:
        known = self.problem.setup.size and before >= 0 and after >= 0
        return int(self.problem.setup[k, before, after]) if known else 0

    # What waits for what, and what is scarce

    def _waits(self) -> None:
        problem, cp = self.problem, self.cp
        for a, b, lag, exact in zip(
            problem.before.tolist(), problem.after.tolist(), problem.lag.tolist(),
            problem.no_wait.tolist(), strict=True,
        ):  # fmt: skip
            if problem.fixed[a] and problem.fixed[b]:
                continue
            if exact:
                rule = self._rule(
                    f"operation '{problem.names[b]}' may not wait after '{problem.names[a]}'"
                )
                cp.add(self.start[b] <= self.end[a] + lag).only_enforce_if(rule)
            cp.add(self.start[b] >= self.end[a] + lag)
            if self.left[a] is not self.end[a]:
                cp.add(self.start[b] >= self.left[a])

    def _resources(self) -> None:
        problem, cp = self.problem, self.cp
        for r, name in enumerate(problem.resources):
            modes = np.flatnonzero(problem.demand[:, r] > 0)
            most = int(problem.capacity[r])
            total = int(problem.demand[modes, r].sum())
            rule = self._rule(f"resource '{name}' has {most}")
            if not problem.renewable[r]:
                used = sum(int(problem.demand[m, r]) * self.here[m] for m in modes)
                cp.add(used <= most).only_enforce_if(rule)
                continue
            intervals, demands = [], []
            for m in modes.tolist():
                i = int(problem.mode_of[m])
                if self._plain(i, m):
                    if not problem.duration[m]:
                        continue
                    make = cp.new_optional_fixed_size_interval_var
                    length = int(problem.duration[m])
                    one = make(self.start[i], length, self.here[m], "")
                else:
                    size = cp.new_int_var(0, self.horizon, "")
                    one = cp.new_optional_interval_var(
                        self.start[i], size, self.end[i], self.here[m], ""
                    )
                intervals.append(one)
                demands.append(int(problem.demand[m, r]))
            room: Any = most
            fixed = problem.fixed[problem.mode_of[modes]]
            if fixed.any():
                room = max(most, int(problem.demand[modes[fixed], r].sum()))
            if self.explain:
                room = most + (total + 1) * ~rule
            cp.add_cumulative(intervals, demands, room)

    # Buffers

    def _moves(self) -> list[tuple[int, int, int, list[Any]]]:
        """(a, b, machine of b, literals) for parts that go to b, before which room is finite."""
        problem = self.problem
        found = []
        for a, b in zip(problem.before.tolist(), problem.after.tolist(), strict=True):
            if problem.job[a] != problem.job[b]:
                continue
            for m in range(self.first[b], self.first[b + 1]):
                k = int(problem.machine[m])
                if k < 0 or problem.buffer[k] == NONE:
                    continue
                others = [
                    o for o in range(self.first[a], self.first[a + 1])
                    if 0 <= problem.machine[o] != k
                ]  # fmt: skip
                found += [(a, b, k, [o, m]) for o in others]
        return found

    def _may_stay(self) -> list[bool]:
        may = [False] * len(self.problem)
        for a, *_ in self._moves():
            may[a] = True
        return may

    def _buffers(self) -> None:
        problem, cp = self.problem, self.cp
        places: dict[int, list[Any]] = {}
        goes: dict[int, list[Any]] = {}
        for a, b, k, (o, m) in self._moves():
            both = cp.new_bool_var("")
            cp.add_bool_and(self.here[o], self.here[m]).only_enforce_if(both)
            cp.add_bool_or(both, ~self.here[o], ~self.here[m])
            goes.setdefault(a, []).append(both)
            if problem.buffer[k] == 0:
                rule = self._room(k)
                cp.add(self.start[b] == self.left[a]).only_enforce_if(both, rule)
            else:
                size = cp.new_int_var(0, self.horizon, "")
                places.setdefault(k, []).append(
                    cp.new_optional_interval_var(self.left[a], size, self.start[b], both, "")
                )
        for a, literals in goes.items():
            none = cp.new_bool_var("")
            cp.add_bool_or(none, *literals)
            cp.add(self.left[a] == self.end[a]).only_enforce_if(none)
        for k, intervals in places.items():
            room: Any = int(problem.buffer[k])
            if self.explain:
                room = room + len(intervals) * ~self._room(k)
            cp.add_cumulative(intervals, [1] * len(intervals), room)

    def _room(self, k: int) -> Any:
        """The rule of a machine's buffer."""
        if k not in self._rooms:
            name, room = self.problem.machines[k], self.problem.buffer[k]
            self._rooms[k] = self._rule(f"before machine '{name}' there is room for {room}")
        return self._rooms[k]

    # Jobs

    def _jobs(self) -> None:
        problem, cp = self.problem, self.cp
        self.of_job: list[list[int]] = [[] for _ in problem.jobs]
        for i, j in enumerate(problem.job.tolist()):
            self.of_job[j].append(i)
        of_job = self.of_job
        for j in np.flatnonzero(problem.deadline < NEVER):
            rule = self._rule(
                f"job '{problem.jobs[j]}' has its deadline at tick {problem.deadline[j]}"
            )
            for i in of_job[j]:
                if not problem.fixed[of_job[j]].all():
                    cp.add(self.end[i] <= int(problem.deadline[j])).only_enforce_if(rule)

    def _objective(self) -> None:
        parts = terms(self)
        limit(self)
        self.whole = all(weight == int(weight) for weight, _ in parts)
        self.cp.minimize(sum((int(w) if self.whole else w) * what for w, what in parts))

    # In and out

    def hint(self, given: Schedule) -> None:
        """Begin near a plan."""
        told: dict[int, int] = {}
        for i in range(len(self.problem)):
            if self.problem.fixed[i]:
                continue
            for m in range(self.first[i], self.first[i + 1]):
                if not self._single(i):
                    told[self.here[m].index] = int(given.mode[i] == m)
            columns = (self.start, given.start), (self.end, given.end), (self.left, given.left)
            for variables, values in columns:
                # An end may be no variable of its own: a start and a duration.
                if isinstance(variables[i], cp_model.IntVar):
                    told[variables[i].index] = int(values[i])
        for index, value in told.items():
            self.cp.add_hint(self.cp.get_int_var_from_proto_index(index), value)

    def read(
        self, value: Any, bound: float, history: Sequence[tuple[float, int, float]]
    ) -> Schedule:
        """The plan; `value` gives that of an expression or a literal."""
        problem = self.problem
        mode = np.zeros(len(problem), np.int64)
        for m, i in enumerate(problem.mode_of):
            if value(self.here[m]):
                mode[i] = m
        start, end, left = (
            np.array([value(one) for one in column], np.int64)
            for column in (self.start, self.end, self.left)
        )
        return plan(problem, mode, start, end, left, bound, tuple(history))
