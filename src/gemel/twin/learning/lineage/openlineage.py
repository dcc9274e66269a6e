"""The words of OpenLineage: events of runs, the datasets that they read and write, and facets.

After the object model of version 2-0-2, https://openlineage.io/docs/spec/object-model. Facets have
versions of their own: those of the release 1.54.0.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

from gemel import __version__
from gemel.core.settings import Settings
from gemel.core.time import isoformat
from gemel.twin.learning.lineage.facets import key_of, schema_url

__all__ = [
    "PRODUCER",
    "SCHEMA",
    "STANDARD",
    "Dataset",
    "Facet",
    "Facets",
    "Job",
    "Json",
    "Kind",
    "Processing",
    "Run",
    "facet",
    "line",
    "moment",
    "our",
    "run_event",
    "run_id",
    "schema",
    "version",
]

Json: TypeAlias = dict[str, Any]
Facet: TypeAlias = tuple[str, Json]
"""Key and content."""
Facets: TypeAlias = Mapping[str, Json]
Kind: TypeAlias = Literal["START", "COMPLETE", "FAIL", "ABORT"]
Processing: TypeAlias = Literal["BATCH", "STREAMING"]

PRODUCER: Final = f"urn:gemel:{__version__}"
SCHEMA: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"

STANDARD: Final = {
    "columnLineage": "1-2-0/ColumnLineageDatasetFacet",
    "dataSource": "1-0-1/DatasourceDatasetFacet",
    "datasetType": "1-0-1/DatasetTypeDatasetFacet",
    "documentation": "1-1-0/DocumentationDatasetFacet",
    "errorMessage": "1-0-1/ErrorMessageRunFacet",
    "extractionError": "1-1-2/ExtractionErrorRunFacet",
    "jobType": "2-0-4/JobTypeJobFacet",
    "nominalTime": "1-0-1/NominalTimeRunFacet",
    "outputStatistics": "1-0-2/OutputStatisticsOutputDatasetFacet",
    "schema": "1-2-0/SchemaDatasetFacet",
    "version": "1-0-1/DatasetVersionDatasetFacet",
}
"""Facets of the standard that Gemel uses, by key: version and name of their schema."""
_JOB_DOCUMENTATION: Final = "1-1-0/DocumentationJobFacet"
_MICROSECOND: Final = 1_000


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a run reads or writes.

    facets  what it is, whoever uses it
    here    what this one run read or wrote of it
    """

    namespace: str
    name: str
    facets: Facets = field(default_factory=dict)
    here: Facets = field(default_factory=dict)

    @property
    def bare(self) -> Dataset:
        """Its name alone, where another event of the run says what it is."""
        return Dataset(self.namespace, self.name)

    def record(self, side: Literal["input", "output"]) -> Json:
        """JSON-able."""
        found: Json = {"namespace": self.namespace, "name": self.name}
        if self.facets:
            found["facets"] = dict(self.facets)
        if self.here:
            found[f"{side}Facets"] = dict(self.here)
        return found


@dataclass(frozen=True, slots=True)
class Job:
    """What is done again and again; each time is a run."""

    namespace: str
    name: str
    description: str
    processing: Processing
    kind: str

    def record(self) -> Json:
        """JSON-able."""
        documentation = _facet(_JOB_DOCUMENTATION, description=self.description)
        key, type = facet(
            "jobType", processingType=self.processing, integration="GEMEL", jobType=self.kind
        )
        facets = {key: type, "documentation": documentation}
        return {"namespace": self.namespace, "name": self.name, "facets": facets}


@dataclass(frozen=True, slots=True)
class Run:
    """One time that a job is done, by its id; `facets` as far as they are known."""

    id: str
    facets: Facets = field(default_factory=dict)


def run_event(
    kind: Kind,
    time: int,
    run: Run,
    job: Job,
    inputs: Sequence[Dataset] = (),
    outputs: Sequence[Dataset] = (),
) -> Json:
    """One event, JSON-able."""
    return {
        "eventType": kind,
        "eventTime": moment(time),
        "run": {"runId": run.id, "facets": dict(run.facets)},
        "job": job.record(),
        "inputs": [dataset.record("input") for dataset in inputs],
        "outputs": [dataset.record("output") for dataset in outputs],
        "producer": PRODUCER,
        "schemaURL": SCHEMA,
    }


def line(event: Json) -> str:
    """An event as a line of the file that OpenLineage's file transport writes. In ASCII: there are
    readers that end a line at U+2028 as well."""
    return json.dumps(event, allow_nan=False) + "\n"


def run_id(time: int, *parts: str) -> str:
    """A UUID of version 7 (RFC 9562, 5.7): milliseconds of `time`, then a hash of `parts` where
    others have chance, so that a history that is told twice tells the same runs."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    milliseconds = (time // 1_000_000) & ((1 << 48) - 1)
    number = milliseconds << 80 | int.from_bytes(digest[:10])
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=number))


def moment(time: int) -> str:
    """ISO 8601 in UTC, to the microsecond: not every reader takes nanoseconds."""
    return isoformat(time - time % _MICROSECOND)


def facet(key: str, **fields: Any) -> Facet:
    """One of the standard's."""
    return key, _facet(STANDARD[key], **fields)


def our(content: Settings) -> Facet:
    """One of ours; see `gemel.twin.learning.lineage.facets`. What is no finite number in it is
    null."""
    fields = _plain(content.model_dump(mode="json"))
    return key_of(content), {"_producer": PRODUCER, "_schemaURL": schema_url(content), **fields}


def schema(fields: Iterable[tuple[str, str, str]]) -> Facet:
    """Columns as (name, type, description); a description may be empty."""
    return facet(
        "schema",
        fields=[
            {"name": name, "type": type, **({"description": said} if said else {})}
            for name, type, said in fields
        ],
    )


def version(content: str) -> Facet:
    """Which content a dataset has: a hash."""
    return facet("version", datasetVersion=content)


def _facet(path: str, **fields: Any) -> Json:
    name = path.rpartition("/")[2]
    url = f"https://openlineage.io/spec/facets/{path}.json#/$defs/{name}"
    return {"_producer": PRODUCER, "_schemaURL": url, **fields}


def _plain(value: Any) -> Any:
    """JSON knows neither NaN nor infinity."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
