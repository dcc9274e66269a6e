"""Alarms: ISA-18.2 over everything the mirror admits.

    compute thread                                    event loop
    feed(frame) ─▶ conditions ─▶ delays ─▶ states     acknowledge, shelve, … ─▶ states
    tick(now)   ─▶ silence, ends of shelving          active, view, kpis     ◀─ states
                     └────────────── Events ◀─────────────┘

One lock guards the states. What people do becomes Events too; they leave with the next `feed` or
`tick` (at most 100 ms later), so that there is one way to history and none to forget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.catalogue import Catalogue
from gemel.core.errors import ConfigurationError
from gemel.core.event import Event
from gemel.core.frame import Frame
from gemel.core.plant import PlantSignal
from gemel.core.time import SECOND, Clock, duration_text
from gemel.twin.alarms.board import Board
from gemel.twin.alarms.compiling import Compiled, Compiler
from gemel.twin.alarms.conditions import Change, Conditions
from gemel.twin.alarms.delays import Delays, Flip
from gemel.twin.alarms.settings import AlarmRules, AlarmSettings
from gemel.twin.alarms.state import Cause
from gemel.twin.mirror.mirror import NEVER, Snapshot

__all__ = ["Alarms"]

_STATE_VERSION: Final = 1
_FAR: Final = int(np.iinfo(np.int64).max)


class Alarms(Board):
    """All alarms of a plant: a Watcher of the pipeline, and what doors ask.

    `feed` and `tick` come from the compute thread and never block on I/O; everything else may be
    called from any thread.
    """

    name = "alarms"
    signals = None

    def __init__(
        self,
        alarms: Mapping[str, AlarmSettings],
        signals: Iterable[PlantSignal],
        catalogue: Catalogue,
        snapshot: Callable[[int], Snapshot],
        clock: Clock,
        *,
        rules: AlarmRules | None = None,
    ) -> None:
        """`signals` of the plan, declared in `catalogue`; `snapshot` is `Mirror.snapshot`, of a
        mirror that shows what history knows. Raises `ConfigurationError` where an expression is
        wrong."""
        super().__init__(alarms, clock, rules)
        self._snapshot = snapshot
        now = clock()
        compiled, self._target = _compile(alarms, signals)
        """Alarm of each condition; those from `len(alarms)` on suppress it by design."""
        numbers = [[catalogue.number(path) for path in c.inputs.values()] for c in compiled]
        self._conditions = Conditions(compiled, numbers, catalogue, snapshot(now))
        settings = [alarms[name] for name in self._names]
        self._on_delays = [s.on_delay + c.lasting for s, c in zip(settings, compiled, strict=False)]
        more = [0] * (len(compiled) - len(settings))
        self._delays = Delays(
            np.array(self._on_delays + more, np.int64),
            np.array([s.off_delay for s in settings] + more, np.int64),
        )
        self._unknown_since = np.full(len(compiled), now, np.int64)
        self._unknown_after = np.array([s.unknown_after for s in settings] + more, np.int64)
        self._evaluable = np.ones(len(compiled), np.bool_)
        self._next_look = now

    # Compute thread

    def feed(self, frame: Frame) -> list[Event]:
        """Look at admitted samples."""
        with self._lock:
            now = self._clock()
            self._follow(*self._conditions.feed(frame, now), now)
            return self._take()

    def tick(self, now: int) -> list[Event]:
        """Time has passed: delays run out, shelving ends, lost sources are noticed."""
        with self._lock:
            conditions = self._conditions
            if now >= self._next_look:
                self._next_look = now + SECOND
                self._follow(*conditions.flush(now), now)
                changes = conditions.silent(now, self._snapshot(now))
                self._flips(self._changes(changes, now), now)
            time = now - conditions.lag
            self._flips(self._delays.due_by(np.arange(len(time)), time), now)
            self._judge_evaluable(time, now)
            self._pass_time(now)
            return self._take()

    # State

    @property
    def changed(self) -> bool:
        """Whether `state` has changed since it was last asked for."""
        return self._changed

    def state(self) -> dict[str, Any]:
        """All that must outlive a restart, JSON-able, for `Store.keep`."""
        with self._lock:
            now = self._clock()
            self._follow(*self._conditions.flush(now), now)
            self._changed = False
            alarms: dict[str, Any] = {}
            delays, conditions = self._delays, self._conditions
            memory = conditions.state()
            for c, i in enumerate(self._target):
                saved = alarms.setdefault(self._names[i], {"record": self._records[i].save()})
                part: dict[str, Any] = {}
                if delays.on[c] or delays.active[c]:
                    time = max(int(conditions.time[c]), 0)
                    left = delays.remaining(c, time)
                    part = {"on": bool(delays.on[c]), "active": bool(delays.active[c])}
                    part |= {"remaining": left} if left else {}
                if c in memory:
                    part["memory"] = memory[c]
                if part:
                    saved["suppress" if c >= len(self._names) else "when"] = part
            return {
                "version": _STATE_VERSION,
                "alarms": {n: s for n, s in alarms.items() if s != {"record": {}}},
            }

    def restore(self, state: Mapping[str, Any], events: Iterable[Event] = ()) -> None:
        """Go on where `state` was taken, before the first sample.

        `events` of kind ``alarm`` that are younger than the state are followed, and fill the
        journal: a crash between two saves neither loses an alarm nor raises it again. Raises
        `ConfigurationError` if the state is of a newer version.
        """
        if state.get("version", _STATE_VERSION) != _STATE_VERSION:
            raise ConfigurationError(
                f"the state of alarms has version {state['version']}, "
                f"this Gemel reads {_STATE_VERSION}"
            )
        with self._lock:
            saved_alarms = state.get("alarms", {})
            for record in self._records:
                record.load(saved_alarms.get(record.name, {}).get("record", {}))
            told = sorted((e for e in events if e.kind == "alarm"), key=lambda e: (e.known, e.time))
            followed = set()
            for event in told:
                self.journal.take(event)
                i = self._index.get(event.payload["alarm"], -1)
                if i >= 0 and event.sequence > self._records[i].sequence:
                    self._records[i].follow(
                        dict(event.payload), event.time, event.sequence, event.id
                    )
                    followed.add(i)
            for c, i in enumerate(self._target):
                key = "suppress" if c >= len(self._names) else "when"
                part = saved_alarms.get(self._names[i], {}).get(key, {})
                truth = self._records[i].state
                active = truth.designed if c >= len(self._names) else truth.active
                on = active if i in followed else part.get("on", active)
                self._delays.restore(c, active, on, part.get("remaining", 0))
                self._conditions.restore(c, on, part.get("memory"))
            self._shelved = {i for i, r in enumerate(self._records) if r.state.shelved}
            self._chattering = {i for i, r in enumerate(self._records) if r.chatter.on}
            self._evaluable[: len(self._names)] = [r.evaluable for r in self._records]
            self._outbox.clear()
            self._follow_plant_file(self._clock())

    # Another plant file

    def become(self, made: Alarms, shown: Frame, told: Iterable[Event] = ()) -> None:
        """Go on with the alarms of `made`, which runs nowhere. From the compute thread.

        Each goes on from its state here, and looks at once at what is `shown` now; those that are
        gone are cleared. `told` are Events of kind ``alarm`` of those that are new here: they may
        have been in the plant file before. If it raises, nothing has changed.
        """
        with self._lock:
            now = self._clock()
            made.restore(self.state(), told)
            names = {view.name for view in made.all()}
            for record in self._records:
                if record.name not in names:
                    self._remove(record, now)
            outbox, journal, floods = self._outbox, self.journal, self._floods
            vars(self).update({k: v for k, v in vars(made).items() if k != "_lock"})
            self._outbox = outbox + self._outbox
            self.journal = journal
            self._floods = {name: floods.get(name, new) for name, new in self._floods.items()}
            self._changed = True
            self._follow(*self._conditions.feed(shown, now), now)
            self._follow(*self._conditions.flush(now), now)

    # Inside, under the lock

    def _changes(self, changes: Iterable[Change], now: int) -> list[Flip]:
        flips: list[Flip] = []
        for c, time, on, known in changes:
            if known:
                self._unknown_since[c] = _FAR
            elif self._unknown_since[c] == _FAR:
                self._unknown_since[c] = time
            if known and not self._evaluable[c]:
                self._say_evaluable(c, True, time, now)
            flips += self._delays.change(c, time, on, known)
            self._changed = True
        return flips

    def _follow(self, changes: list[Change], looked: npt.NDArray[np.int64], now: int) -> None:
        """What changed in conditions, and the delays that ran out in those looked at."""
        flips = self._changes(changes, now)
        if len(looked):
            flips += self._delays.due_by(looked, self._conditions.time[looked])
        self._flips(flips, now)

    def _flips(self, flips: list[Flip], now: int) -> None:
        for c, time, active in sorted(flips, key=lambda flip: (flip[1], flip[0])):
            because = self._conditions.explain(c)
            if c >= len(self._names):
                cause = Cause.SUPPRESS if active else Cause.UNSUPPRESS
            else:
                cause = Cause.RAISE if active else Cause.CLEAR
                delay = self._on_delays[c]
                if active and delay and len(because) == 1:
                    because = (f"{because[0]} for {duration_text(delay)}",)
            self._do(self._target[c], cause, time, now, because=because)

    def _judge_evaluable(self, time: Any, now: int) -> None:
        n = len(self._names)
        since = self._unknown_since[:n]
        # A silent source stands still in its own time; then the clock says how long.
        unseen = np.where(self._conditions.time[:n] == NEVER, now, time[:n])
        over = self._evaluable[:n] & (since != _FAR)
        over[over] = unseen[over] - since[over] > self._unknown_after[:n][over]
        for c in np.flatnonzero(over):
            self._say_evaluable(int(c), False, int(unseen[c]), now)

    def _say_evaluable(self, c: int, evaluable: bool, time: int, now: int) -> None:
        self._evaluable[c] = evaluable
        if c >= len(self._names):
            return
        record = self._records[c]
        record.evaluable = evaluable
        word = "can be evaluated" if evaluable else "cannot be evaluated"
        self._tell(record, word, record.state.word, time, now, because=self._conditions.explain(c))


def _compile(
    alarms: Mapping[str, AlarmSettings], signals: Iterable[PlantSignal]
) -> tuple[list[Compiled], list[int]]:
    """Conditions of all alarms, then those that suppress them; and the alarm of each."""
    compiler = Compiler(signals)
    compiled: list[Compiled] = []
    target: list[int] = []
    suppressing: list[tuple[Compiled, int]] = []
    for i, (name, alarm) in enumerate(alarms.items()):
        try:
            compiled.append(compiler.condition(alarm))
            target.append(i)
            found = compiler.suppression(alarm)
        except ConfigurationError as error:
            raise error.at(f"alarms.{name}") from None
        if found is not None:
            suppressing.append((found, i))
    return compiled + [c for c, _ in suppressing], target + [i for _, i in suppressing]
