"""Lineage of the tasks of a plant, from the history of their models.

    signals ─▶ TASK ─▶ model file ─▶ TASK.promotion ─▶ champion ─▶ TASK.telling ─▶ told signals
    signals ───────────────────────────────────────────────────────────┘

A fit is a run of the job TASK. Each decision about a model is a run of TASK.promotion; one that
leaves the champion writes nothing. From the moment that a model is champion a run of TASK.telling
lasts, until another one takes its place.

The same history gives the same events, and a longer one only adds to them: what was exported once
can be exported again, or from where it ended, and nothing is doubled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias
from urllib.parse import quote

from gemel.core.event import Event
from gemel.core.plant import PlantSignal, Site
from gemel.twin.learning.lineage import facets
from gemel.twin.learning.lineage.openlineage import (
    Dataset,
    Facet,
    Facets,
    Job,
    Json,
    Kind,
    Processing,
    Run,
    facet,
    moment,
    our,
    run_event,
    run_id,
    schema,
    version,
)
from gemel.twin.learning.live.forms import SIDES
from gemel.twin.learning.live.registry import ModelStep

__all__ = ["Plantwide", "lineage", "namespace_of"]

Decided: TypeAlias = Literal["champion", "returned", "dropped"]

_TYPES: Final = {"number": "double", "boolean": "boolean", "enumeration": "integer"}
_ASKED: Final[dict[facets.Part, tuple[str, str]]] = {
    "column": ("DIRECT", "TRANSFORMATION"), "condition": ("INDIRECT", "FILTER"),
}  # fmt: skip
"""What a model is asked with, and how that comes into what is told: not the target."""
_UNKNOWN: Final = "this fit was recorded before signals were; what it read is not known"


@dataclass(frozen=True, slots=True)
class Plantwide:
    """What holds for all events of a plant.

    namespace  of its jobs and datasets, a URI
    signals    of the plant file as it is now, by path: titles, units and types
    size       bytes of a model file by its hash; None if it is not there
    """

    namespace: str
    signals: Mapping[str, PlantSignal]
    size: Callable[[str], int | None]


def namespace_of(site: Site) -> str:
    """The names of a plant as a URI: its jobs and datasets are told apart from those of others.

    >>> namespace_of(Site(enterprise="Acme", site="Hall 2"))
    'gemel://Acme/Hall%202'
    """
    names = [name for name in (site.enterprise, site.site, site.area) if name]
    return "gemel://" + ("/".join(quote(name, safe="") for name in names) or "plant")


def lineage(steps: Iterable[Event], plant: Plantwide, start: int | None = None) -> Iterator[Json]:
    """Run events of OpenLineage for steps of models, in the order in which they became known.
    Events before `start`, ns UTC, are left out; the steps before are needed still."""
    tasks: dict[str, _Task] = {}
    datasets = _Datasets(plant)
    for event in sorted(steps, key=lambda e: (e.time, e.known, e.source, e.sequence)):
        if "step" not in event.payload:
            continue  # a detector's model: it has no champion
        step = ModelStep.model_validate(dict(event.payload))
        if step.task not in tasks:
            tasks[step.task] = _Task(step.task, plant, datasets)
        for told in tasks[step.task].take(event, step):
            if start is None or told.time >= start:
                yield run_event(told.kind, told.time, told.run, told.job, told.reads, told.writes)


class _Told(NamedTuple):
    """An event before it is written out."""

    kind: Kind
    time: int
    run: Run
    job: Job
    reads: list[Dataset]
    writes: list[Dataset]


class _Task:
    """One task on its way through its history."""

    def __init__(self, name: str, plant: Plantwide, datasets: _Datasets) -> None:
        self.name = name
        self.asset = ""
        self._plant = plant
        self._datasets = datasets
        self._champion = ""
        self._telling: Run | None = None
        self._fits: dict[str, ModelStep] = {}
        """The last fit of each model: what it reads is told with that."""

    def take(self, event: Event, step: ModelStep) -> Iterator[_Told]:
        """What the next step has to tell."""
        if step.step == "fitted":
            self._fits[step.model] = step
            yield from self._fitted(event, step)
        elif step.step != "shadow":
            yield from self._decided(event, step, step.step)
            if step.step != "dropped":
                yield from self._crown(event, step)

    def _fitted(self, event: Event, step: ModelStep) -> Iterator[_Told]:
        began = event.time if step.began is None else step.began
        first, last = (moment(t) for t in step.window) if step.window else (None, None)
        about = facets.Fit(
            task=step.task, title=step.title, model=step.model, data=step.data, start=first,
            end=last, reason=step.reason, evidence=_evidence(step),
        )  # fmt: skip
        known: list[Facet] = [our(about)]
        if first and last:
            known.append(facet("nominalTime", nominalStartTime=first, nominalEndTime=last))
        if not step.columns:
            error = {"errorMessage": _UNKNOWN, "task": step.model}
            known.append(facet("extractionError", totalTasks=1, failedTasks=1, errors=[error]))
        job = self._job("", f"Fits '{step.title}' on history", "TRAINING")
        run = Run(self._run(began, job, event, step), dict(known))
        inputs = [
            self._datasets.signal(path, window)
            for part, paths in _parts(step).items()
            for window in [dict([our(facets.Window(part=part, start=first, end=last))])]
            for path in paths
        ]
        output = self._datasets.model(step.model, made=True)
        yield _Told("START", began, Run(run.id), job, [dataset.bare for dataset in inputs], [])
        yield _Told("COMPLETE", event.time, run, job, inputs, [output])

    def _decided(self, event: Event, step: ModelStep, what: Decided) -> Iterator[_Told]:
        # A first champion has none before, even where this name was that of another task once.
        other = self._champion if what == "dropped" else step.former
        about = facets.Decision(
            step=what, task=step.task, title=step.title, model=step.model, other=other,
            actor=step.actor, reason=step.reason, evidence=_evidence(step),
        )  # fmt: skip
        said = f"Decides which model of '{step.title}' is champion"
        job = self._job(".promotion", said, "PROMOTION")
        run = Run(self._run(event.time, job, event, step), dict([our(about)]))
        inputs = [self._datasets.model(model) for model in (step.model, other) if model]
        outputs = [] if what == "dropped" else [self._datasets.champion(self.name, step.model)]
        yield _Told("START", event.time, run, job, inputs, [])
        yield _Told("COMPLETE", event.time, run, job, inputs, outputs)

    def _crown(self, event: Event, step: ModelStep) -> Iterator[_Told]:
        """One ends to tell, another begins."""
        said = f"Tells '{step.title}' as signals"
        job = self._job(".telling", said, "MODEL", "STREAMING")
        if self._telling is not None:
            (champion, *reads), tells = self._tells(step.title)
            bare = [dataset.bare for dataset in reads], [dataset.bare for dataset in tells]
            yield _Told("COMPLETE", event.time, self._telling, job, [champion, *bare[0]], bare[1])
        self._champion, self.asset = step.model, event.subject
        self._telling = Run(self._run(event.time, job, event, step))
        yield _Told("START", event.time, self._telling, job, *self._tells(step.title))

    def _tells(self, title: str) -> tuple[list[Dataset], list[Dataset]]:
        """What the champion reads, and the signals that it tells."""
        model = self._champion
        parts = _parts(self._fits[model]) if model in self._fits else {}
        inputs = [
            self._datasets.signal(path, window)
            for part in _ASKED
            for window in [dict([our(facets.Window(part=part))])]
            for path in parts.get(part, ())
        ]

        def fields(part: facets.Part) -> list[Json]:
            type, subtype = _ASKED[part]
            how = [{"type": type, "subtype": subtype, "description": title, "masking": False}]
            return [
                {"namespace": self._plant.namespace, "name": _name(path), "field": "value",
                 "transformations": how}
                for path in parts.get(part, ())
            ]  # fmt: skip

        comes = facet(
            "columnLineage",
            fields={"value": {"inputFields": fields("column")}},
            dataset=fields("condition"),
        )
        fitted = self._fits.get(model)
        told = fitted.tells if fitted is not None else ()
        sides = () if fitted is not None and fitted.finds else SIDES
        paths = told or [f"{self.asset}/{self.name}{side}" for side in sides]
        outputs = [self._datasets.signal(path, about=dict([comes])) for path in paths]
        return [self._datasets.champion(self.name, model), *inputs], outputs

    # Names

    def _job(self, suffix: str, said: str, kind: str, processing: Processing = "BATCH") -> Job:
        return Job(self._plant.namespace, f"{self.name}{suffix}", said, processing, kind)

    def _run(self, time: int, job: Job, event: Event, step: ModelStep) -> str:
        return run_id(time, job.namespace, job.name, step.model, event.id)


class _Datasets:
    """What runs read and write, by what it is called."""

    def __init__(self, plant: Plantwide) -> None:
        self._plant = plant
        # Not the address of what is connected: that is nobody's business who reads lineage.
        self._at = facet("dataSource", name="Gemel", uri=plant.namespace)
        self._signals: dict[str, Facets] = {}
        """Made once: hundreds of them stand in each of thousands of events."""

    def model(self, model: str, *, made: bool = False) -> Dataset:
        """A model file; its size where it is `made`."""
        size = self._plant.size(model) if made else None
        here = {} if size is None else dict([facet("outputStatistics", size=size, fileCount=1)])
        return self._of(f"models/{model}.json", model, "FILE", here)

    def champion(self, task: str, model: str) -> Dataset:
        """Whichever model is champion: this one now."""
        return self._of(f"champions/{task}", model, "CHAMPION", {})

    def _of(self, name: str, model: str, kind: str, here: Facets) -> Dataset:
        type = facet("datasetType", datasetType="MODEL", subType=kind)
        return Dataset(self._plant.namespace, name, dict([type, version(model), self._at]), here)

    def signal(self, path: str, here: Facets | None = None, about: Facets | None = None) -> Dataset:
        """A signal; `about` is what else is known of it, `here` what was read of it."""
        if path not in self._signals:
            planned = self._plant.signals.get(path)
            more = [] if planned is None else _described(planned)
            stream = facet("datasetType", datasetType="STREAM")
            self._signals[path] = dict([stream, self._at, *more])
        facets = {**self._signals[path], **(about or {})}
        return Dataset(self._plant.namespace, _name(path), facets, here or {})


def _name(path: str) -> str:
    return f"signals/{path}"


def _evidence(step: ModelStep) -> Json:
    """Without the window, which is told as text: readers that take numbers for doubles lose ns."""
    return {name: value for name, value in step.evidence.items() if name != "window"}


def _parts(step: ModelStep) -> dict[facets.Part, tuple[str, ...]]:
    """Paths of what a fit read, by what they were to it; one that counts twice is a column."""
    columns = tuple(path for path in step.columns if path != step.target)
    conditions = tuple(path for path in step.conditions if path not in step.columns)
    return {
        "column": columns,
        "target": (step.target,) if step.target else (),
        "condition": conditions,
    }


def _described(planned: PlantSignal) -> list[Facet]:
    signal = planned.signal
    unit = f"in {signal.unit}" if signal.unit else ""
    words = ", ".join(part for part in (signal.title or planned.path, unit) if part)
    about = facets.Signal(
        path=planned.path, asset=planned.asset, unit=signal.unit, type=signal.type,
        told_by=planned.told_by,
    )  # fmt: skip
    type = _TYPES.get(signal.type, "string")
    fields = [("time", "timestamp", "UTC"), ("value", type, unit), ("quality", "integer", "")]
    return [our(about), schema(fields), facet("documentation", description=words)]
