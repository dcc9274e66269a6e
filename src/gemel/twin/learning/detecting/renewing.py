"""The renewal of a detector at work: when it is fitted again, what stands beside it, what to ask.

    a person, or schedule or drift where the plant file says so
        ─▶ fit on normal rows of the window ─▶ candidate in shadow ─▶ compared by cost of events
                                                    better ─▶ proposed; worse ─▶ dropped
    the champion before ─▶ scores beside the new one for `watch` ─▶ returns if that costs less

In the compute thread, but for fits and comparisons, which read history in an executor.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from gemel.core.errors import GemelError
from gemel.core.event import Event
from gemel.core.time import DAY, SECOND, Clock
from gemel.parts.detectors.base import Detector, Model, Score, Scorer, Window
from gemel.parts.historians.base import Store
from gemel.twin.learning.detecting.looking import Looking
from gemel.twin.learning.detecting.rare import Regimes
from gemel.twin.learning.detecting.shadow import Role, Shadow, start
from gemel.twin.learning.detecting.steps import Steps
from gemel.twin.learning.findings import WatchSettings
from gemel.twin.learning.live.request import Request
from gemel.twin.learning.windows import Normal

if TYPE_CHECKING:
    from gemel.twin.learning.detecting.candidate import Made, Scene
    from gemel.twin.learning.detecting.comparing import Compared
    from gemel.twin.learning.live.registry import Registry

__all__ = ["Desk", "Renewing"]

log = logging.getLogger("gemel.learning")

_RETRY: Final = 5 * SECOND
_LONGEST: Final = 4
"""So many times the shadow's time a candidate scores at most, if answers could not change much."""
_AGAIN: Final = 10
"""After a fit that did not go, it is tried so often in the time between two."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What renewal needs from outside.

    registry  opened when it is needed: what it stands on takes a tenth of a second to load
    request   takes what is to be decided about models
    """

    registry: Callable[[], Registry]
    request: Callable[[Request], None]


class _Champion(Protocol):
    """What it asks of the watch that it renews."""

    name: str

    @property
    def champion(self) -> str: ...

    @property
    def model(self) -> Model | None: ...

    @property
    def title(self) -> str: ...

    def rename(self, name: str) -> None: ...

    def keep(self) -> None: ...


class Renewing:
    """Fits, shadows and comparisons of one watch."""

    def __init__(
        self, watch: _Champion, settings: WatchSettings, detector: Detector, normal: Normal,
        store: Store, desk: Desk, executor: Executor, clock: Clock,
        complete: Callable[[], bool], kept: Mapping[str, Any] | None,
        steps: Steps, regimes: Regimes | None = None,
    ) -> None:  # fmt: skip
        self._watch, self._settings, self._detector = watch, settings, detector
        self._normal, self._store, self._desk = normal, store, desk
        self._executor, self._clock, self._complete = executor, clock, complete
        self._steps, self._regimes = steps, regimes
        self.shadows: dict[Role, Shadow] = {}
        self.reason = ""
        self._looking = Looking(watch.name, settings, detector, store, executor)
        self._wanted = self._because = ""
        self._fitted_at = int((kept or {}).get("fitted_at", 0))
        self._not_before = 0
        self._stop = False
        self._fitting: Future[tuple[Made, str, str]] | None = None
        self._asked: set[tuple[str, str]] = set()
        self._about: tuple[str, dict[str, Any]] = "", {}
        """A champion, and its regimes."""
        for role in ("candidate", "former"):
            if (kept or {}).get(role):
                self._take_up(role, *(kept or {})[role])

    # What the watch tells it

    def feed(self, window: Window, score: Score | None) -> list[Event]:
        """Rows that the champion has scored, so that all score the same."""
        if score is not None:
            self._looking.count(score)
        return [e for shadow in self.shadows.values() for e in shadow.feed(window)]

    def keep(self, model: Model, rows: Window) -> Made:
        """Put the first model in the registry. In the executor."""
        from gemel.twin.learning.detecting import candidate  # see Desk.registry

        return candidate.keep(self._scene(), self._desk.registry(), model, rows, {})

    def _scene(self) -> Scene:
        from gemel.twin.learning.detecting.candidate import Scene  # see Desk.registry

        return Scene(
            self._watch.name, self._settings, self._detector, self._normal, self._store,
            self._regimes,
        )  # fmt: skip

    def begun(self, now: int) -> None:
        """There is a first model."""
        self._fitted_at = now
        self._looking.anew()

    def crown(self, name: str, scorer: Scorer, now: int, *, returned: bool) -> tuple[
        Shadow | None, list[Event]
    ]:  # fmt: skip
        """The champion gives way to model `name`: what is in shadow of that, and Events of what
        ends. The champion, with its `scorer`, is the former from now on, unless it `returned`."""
        events, found = [], None
        for role, shadow in list(self.shadows.items()):
            if shadow.name == name:
                found = shadow
            if shadow.name == name or role == "former" or returned:
                events += self.shadows.pop(role).noticing.end()
        champion = self._watch.model
        if champion is not None and not returned:
            self.shadows["former"] = start(
                self._watch.champion, champion, champion.evidence(), self._watch.name,
                self._settings, self._store, self._clock, now, scorer,
            )  # fmt: skip
        for shadow in self.shadows.values():
            shadow.since = now  # beside another champion: it is compared from here on
        self._changed()
        self._looking.anew()
        return found, events

    def drop(self, name: str) -> list[Event]:
        """A candidate goes."""
        shadow = self.shadows.get("candidate")
        if shadow is None or shadow.name != name:
            return []
        del self.shadows["candidate"]
        self._changed()
        self._looking.anew()  # another one is to be fitted on what comes, not on the same again
        return shadow.noticing.end()

    def want(self, reason: str, because: str) -> None:
        """Fit again, as soon as it goes."""
        self._wanted, self._because, self._not_before = reason, because, 0

    def stop_fitting(self) -> None:
        """Give up the fit that runs."""
        self._stop = self._fitting is not None

    def end(self) -> list[Event]:
        """It watches no more."""
        self._stop = True
        return [e for shadow in self.shadows.values() for e in shadow.noticing.end()]

    def follow(self, other: Renewing) -> None:
        """Go on with what another one has and was asked for, of a watch whose models serve here."""
        self._fitted_at, other._stop = other._fitted_at, True
        if other._wanted:
            self.want(other._wanted, other._because)
        self.shadows = {
            role: start(shadow.name, shadow.model, shadow.evidence, self._watch.name,
                        self._settings, self._store, self._clock, shadow.since)
            for role, shadow in other.shadows.items()
        }  # fmt: skip

    def state(self) -> dict[str, Any]:
        """JSON-able. Comparisons are made anew from history."""
        found: dict[str, Any] = {"fitted_at": self._fitted_at}
        for role, shadow in self.shadows.items():
            found[role] = [shadow.name, shadow.since]
        return found

    @property
    def fitting(self) -> bool:
        """Whether a fit runs."""
        return self._fitting is not None

    def report(self) -> dict[str, Any]:
        """For pages."""

        def about(role: Role) -> dict[str, Any] | None:
            shadow = self.shadows.get(role)
            return None if shadow is None else {
                "model": shadow.name, "since": shadow.since, "evidence": dict(shadow.evidence),
                "open": shadow.noticing.open,
            }  # fmt: skip

        return {
            "candidate": about("candidate"), "former": about("former"),
            "drift": self._looking.drift,
            "shadow": (c := self._looking.compared.get("candidate")) and c.report(),
            "watched": (f := self._looking.compared.get("former")) and f.report(),
            "renewing": self.reason, "fitting": self.fitting, "regimes": self._champions_regimes(),
        }  # fmt: skip

    def _champions_regimes(self) -> dict[str, Any]:
        """What the champion was fitted on, by regime."""
        name = self._watch.champion
        if self._regimes is not None and name and self._about[0] != name:
            try:
                found = self._desk.registry().get(name).evidence.get("regimes") or {}
            except GemelError:
                found = {}  # fitted before models of detectors were in the registry
            self._about = name, found
        return self._about[1]

    # Time passes

    def tick(self, now: int) -> list[Event]:
        """Look at what was done elsewhere, and give out what is to be done."""
        events = [*self._collect_fit(now), *self._collect_look(now)]
        former = self.shadows.get("former")
        if former is not None and now - former.since >= self._settings.renewal.watch:
            del self.shadows["former"]
            self._changed()
            self._watch.keep()
            events += former.noticing.end()
        self._wish(now)
        self._start_fit(now)
        if self._watch.model is not None:
            self._looking.start(self.shadows, now)
        return events

    def _wish(self, now: int) -> None:
        """Whether it is time to fit again, where the plant file says so. What is in shadow is not
        overtaken by that: else it would never be compared."""
        renewal = self._settings.renewal
        if self._wanted or "candidate" in self.shadows or now < self._not_before:
            return
        if renewal.every is not None and now - self._fitted_at >= renewal.every:
            self._wanted = "on schedule"
        elif renewal.on_drift and self._looking.drift["state"] == "drifted":
            self._wanted = "more rows are above the limit than was promised"

    def _start_fit(self, now: int) -> None:
        if self._fitting is not None or not self._wanted or now < self._not_before:
            return
        self._not_before = now + _RETRY
        if not self._complete():
            self.reason = "waits until history is refilled"
            return
        champion = self._watch.model
        if champion is None:
            self._wanted, self.reason = "", "there is no model yet to be renewed"
            return
        self._stop = False
        self._fitting = self._executor.submit(
            self._fit, champion, self._watch.champion, now, self._because
        )

    def _fit(self, champion: Model, asked: str, now: int, because: str) -> tuple[Made, str, str]:
        """In the executor: a model, the champion by whose name it was `asked` for, and the name of
        that in the registry."""
        from gemel.twin.learning.detecting import candidate  # see Desk.registry
        from gemel.twin.learning.live.fitting import Stopped  # see Desk.registry

        def progress(sentence: str) -> None:
            self.reason = sentence
            if self._stop:
                raise Stopped("the fit was stopped")

        registry, name = self._desk.registry(), asked
        if name not in registry.names():
            name = candidate.kept(self._scene(), registry, champion)
        start = now - self._settings.renewal.window
        made = candidate.renew(
            self._scene(),
            registry,
            champion,
            registry.get(name).evidence,
            start,
            now,
            because,
            progress,
        )
        return made, asked, name

    def _collect_fit(self, now: int) -> list[Event]:
        if self._fitting is None or not self._fitting.done():
            return []
        fitting, self._fitting = self._fitting, None
        why, self._wanted, self._because = self._wanted, "", ""
        later = max((self._settings.renewal.every or DAY) // _AGAIN, _RETRY)
        try:
            made, asked, named = fitting.result()
        except GemelError as error:
            self.reason = str(error)
            self._not_before = now + later
            return []
        self.reason, self._fitted_at = "", now
        if self._watch.champion == asked:  # no other was promoted meanwhile
            self._watch.rename(named)
        events = [self._steps("fitted", made.name, f"fitted {why}", "gemel", now, made=made)]
        present = self.shadows.get("candidate")
        same = {self._watch.champion} | ({present.name} if present is not None else set())
        if made.name in same:
            self.reason, self._not_before = "the same model came of it", now + later
            self._looking.anew()
            self._watch.keep()
            return events
        if present is not None:
            events += [*self.drop(present.name),
                       self._steps("dropped", present.name, "a newer one takes its place in shadow",
                                   "gemel", now)]  # fmt: skip
        self.shadows["candidate"] = start(
            made.name, made.model, made.evidence, self._watch.name, self._settings, self._store,
            self._clock, now,
        )  # fmt: skip
        self._changed()
        self._watch.keep()
        reason = f"fitted {why}; scores beside the champion and raises nothing"
        return [*events, self._steps("shadow", made.name, reason, "gemel", now, made=made)]

    # Comparing

    def _collect_look(self, now: int) -> list[Event]:
        try:
            found = self._looking.collect(self.shadows)
        except GemelError as error:
            self.reason = f"history cannot be read: {error}"
            return []
        return [
            event
            for role, one in found.items()
            if role in self.shadows
            for event in self._decide(role, self.shadows[role], one, now)
        ]

    def _decide(self, role: Role, shadow: Shadow, found: Compared, now: int) -> list[Event]:
        """Ask above for what a comparison wants; a candidate that is worse goes."""
        renewal, lasted = self._settings.renewal, now - shadow.since
        if role == "former":
            if found.verdict == "better":
                why = f"the model before costs less: {found.reason}"
                self._ask(Request(self._watch.name, self._settings.asset, self._watch.title,
                                  "return", shadow.name, self._watch.champion, why,
                                  found.evidence(), alone=True))  # fmt: skip
            return []
        if lasted < renewal.shadow:
            return []
        if found.verdict == "better":
            # Scores that crept up were explained by a person: then a person decides as well.
            alone = renewal.promote == "alone" and "crept up since" not in shadow.evidence
            why = f"it costs less than the champion: {found.reason}"
            self._ask(Request(self._watch.name, self._settings.asset, self._watch.title, "promote",
                              shadow.name, self._watch.champion, why, found.evidence(),
                              alone))  # fmt: skip
            return []
        late = lasted >= _LONGEST * renewal.shadow and found.settled
        if found.verdict == "worse" or late:
            events = self.drop(shadow.name)
            self._watch.keep()
            return [*events, self._steps("dropped", shadow.name, found.reason, "gemel", now,
                                         evidence=found.evidence())]  # fmt: skip
        return []

    def _ask(self, request: Request) -> None:
        if (request.kind, request.model) not in self._asked:
            self._asked.add((request.kind, request.model))
            self._desk.request(request)

    def _changed(self) -> None:
        """Who is compared with whom has changed."""
        self._asked.clear()
        self._looking.others()

    def _take_up(self, role: Role, name: str, since: int) -> None:
        try:
            fitted = self._desk.registry().get(name)
            model = self._detector.load(fitted.model)
        except GemelError as error:
            log.warning("detector '%s': its %s is gone: %s", self._watch.name, role, error)
            return
        self.shadows[role] = start(
            name, model, fitted.evidence, self._watch.name, self._settings, self._store,
            self._clock, since,
        )  # fmt: skip
