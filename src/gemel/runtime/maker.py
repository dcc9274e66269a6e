"""Makes what runs in the rooms out of a plan: at the start, and again for another plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gemel.core.frame import Frame
from gemel.core.time import Clock, zone
from gemel.parts.historians.base import Store
from gemel.parts.reasoners.base import Proposal
from gemel.runtime.configuration import Plan
from gemel.twin.alarms import Alarms
from gemel.twin.decisions import Adviser
from gemel.twin.learning import DetectorWatch
from gemel.twin.learning.detecting.renewing import Desk
from gemel.twin.learning.diagnosis import upstream
from gemel.twin.mirror import Mirror
from gemel.twin.operations import Calendar, Operations

if TYPE_CHECKING:
    from gemel.twin.learning.live.learner import Learner
    from gemel.twin.learning.live.registry import Registry
    from gemel.twin.learning.live.request import Request
    from gemel.twin.mirror.features import Shaper

__all__ = ["Maker"]


@dataclass(frozen=True, slots=True)
class Maker:
    """What every part of a room needs from outside. What it makes has no state yet."""

    store: Store
    mirror: Mirror
    clock: Clock
    executor: Executor
    """Fits models."""
    asker: Executor
    """Asks those that take their time."""
    folder: Path
    """Where models are kept."""
    complete: Callable[[], bool]
    submit: Callable[[Proposal], None]
    tell: Callable[[Frame], None]
    """Takes what tasks estimate, and scores of detectors."""
    request: Callable[[Request], None]
    """Takes what is to be decided about models."""
    replayed: bool
    """Whether recorded data pass: detectors learn from those, not from history."""

    def alarms(self, plan: Plan) -> Alarms:
        """All alarms of a plan."""
        return Alarms(
            plan.alarms, plan.signals, self.store.catalogue, self.mirror.snapshot, self.clock
        )

    def operations(self, plan: Plan) -> Operations:
        """The machines of a plan, with its calendar."""
        calendar = Calendar(
            plan.plant.shifts,
            zone(plan.plant.plant.time_zone),
            plan.operations.closed,
            plan.operations.breaks,
        )
        return Operations(
            plan.plant.assets, plan.machines, calendar, self.store.catalogue, self.mirror.snapshot,
            self.clock, plan.operations,
        )  # fmt: skip

    def shaper(self, plan: Plan, numbers: Mapping[str, int], name: str) -> Shaper:
        """Features of windows of fast signals, as samples come."""
        return plan.features[name].start(numbers)

    def watch(self, plan: Plan, numbers: Mapping[str, int], name: str) -> DetectorWatch:
        """A detector at work, with the model that is kept for its settings."""
        settings, detector = plan.watches[name]
        score = plan.scores.get(name)
        desk = None if self.replayed else Desk(self.registry, self.request)
        return DetectorWatch(
            name, settings, detector, plan.signals, dict(numbers), self.store, self.executor,
            self.clock, self.complete, replayed=self.replayed,
            before=upstream(
                settings.asset, {path: asset.after for path, asset in plan.plant.assets.items()}
            ),
            score=score, tell=None if score is None else self.tell,
            desk=desk,
        )  # fmt: skip

    def learner(self, plan: Plan, numbers: Mapping[str, int], name: str) -> Learner:
        """A task at work, with the models that are kept for its settings."""
        from gemel.twin.learning.live.learner import Learner  # see live_tasks

        return Learner(
            plan.tasks[name], plan.signals, numbers, self.store, self.registry(),
            fitter=self.executor, asker=self.asker, clock=self.clock, complete=self.complete,
            tell=self.tell, request=self.request,
        )  # fmt: skip

    def registry(self) -> Registry:
        """Where models are kept."""
        from gemel.twin.learning.live.registry import Registry  # see live_tasks

        return Registry(self.folder / "models")

    def adviser(
        self,
        plan: Plan,
        numbers: Mapping[str, int],
        name: str,
        state: Mapping[str, Any] | None = None,
    ) -> Adviser:
        """A reasoner at work. Raises `DataError` if the state is not one of its settings."""
        return Adviser(
            name, plan.reasoners[name], signals=plan.signals, numbers=numbers,
            catalogue=self.store.catalogue, snapshot=self.mirror.snapshot(self.clock()),
            submit=self.submit, state=state,
        )  # fmt: skip
