"""Lineage of one fit on a file: what `gemel train` read, what it wrote, and how it ended."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from gemel.core.table import Table
from gemel.twin.learning.lineage import facets
from gemel.twin.learning.lineage.openlineage import (
    Dataset,
    Facet,
    Job,
    Json,
    Run,
    facet,
    our,
    run_event,
    run_id,
    schema,
    version,
)
from gemel.twin.learning.tasks import Fitted

__all__ = ["Training"]

_FILES: Final = "file"
"""Namespace of files, by the specification's rules for names; their names are whole paths."""


@dataclass(frozen=True, slots=True)
class Training:
    """One time that `gemel train` was called.

    data, model  whole paths of what is read and written
    task         the task's description
    began        ns UTC
    """

    data: str
    model: str
    task: dict[str, Any]
    began: int

    def started(self) -> Json:
        """It begins; what is in the data is not known yet."""
        return run_event(
            "START", self.began, self._run(), self._job(), [Dataset(_FILES, self.data)]
        )

    def completed(self, now: int, fitted: Fitted, table: Table, content: str) -> Json:
        """The model is written; `table` is what was read, `content` the hash of the model file."""
        about = facets.Fit(
            task=self._kind, model=content, data=table.digest, evidence=fitted.evidence,
            settings=fitted.task,
        )  # fmt: skip
        columns = [
            (name, "double" if column.dtype.kind == "f" else "string", "")
            for name, column in table.columns.items()
        ]
        read = dict([schema(columns), version(table.digest)])
        wrote = dict([facet("datasetType", datasetType="MODEL"), version(content)])
        inputs, outputs = [Dataset(_FILES, self.data, read)], [Dataset(_FILES, self.model, wrote)]
        run = self._run(our(about))
        return run_event("COMPLETE", now, run, self._job(), inputs, outputs)

    def failed(self, now: int, sentence: str) -> Json:
        """It was not fitted; the sentence says why."""
        why = facet("errorMessage", message=sentence, programmingLanguage="PYTHON")
        return run_event("FAIL", now, self._run(why), self._job(), [Dataset(_FILES, self.data)])

    def stopped(self, now: int) -> Json:
        """Somebody wanted it to end."""
        return run_event("ABORT", now, self._run(), self._job(), [Dataset(_FILES, self.data)])

    @property
    def _kind(self) -> str:
        return str(self.task["task"])

    def _run(self, *known: Facet) -> Run:
        written = json.dumps(self.task, sort_keys=True)
        return Run(run_id(self.began, str(self.began), self.data, self.model, written), dict(known))

    def _job(self) -> Job:
        said = f"Fits a model of the task '{self._kind}' on a file"
        name = f"train.{self._kind}:{self.model}"
        return Job("gemel", name, said, "BATCH", "TRAINING")
