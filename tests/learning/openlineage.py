"""What the specification of OpenLineage asks of an event, read strictly.

Written after the object model 2-0-2 and the facets of release 1.54.0
(https://openlineage.io/docs/spec/object-model, https://openlineage.io/docs/spec/facets). The
specification lets a facet have more fields than are known; here that is an error, and so is a facet
that is neither the standard's nor ours, under a wrong key, or at a wrong place.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gemel.twin.learning.lineage.facets import FACETS

_DOCUMENTED = Path(__file__).parents[2] / "docs" / "reference" / "lineage-facets.json"
_URI = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]+", re.ASCII)  # RFC 3986, 3
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)  # RFC 3339, 5.6


def _matching(pattern: re.Pattern[str], what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"{text!r} is not {what}")
        return text

    return AfterValidator(check)


def _uuid(text: str) -> str:
    if str(UUID(text)) != text or UUID(text).version != 7:
        raise ValueError(f"{text!r} is not a UUID of version 7")
    return text


Uri = Annotated[str, _matching(_URI, "a URI")]
DateTime = Annotated[str, _matching(_DATE_TIME, "a date-time")]
RunId = Annotated[str, AfterValidator(_uuid)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class BaseFacet(Strict):
    producer: Uri = Field(alias="_producer")
    schema_url: Uri = Field(alias="_schemaURL")


# Facets of the standard, as far as Gemel uses them; by key


class NominalTime(BaseFacet):
    nominalStartTime: DateTime  # noqa: N815 - the standard's names
    nominalEndTime: DateTime | None = None  # noqa: N815


class ErrorMessage(BaseFacet):
    message: str
    programmingLanguage: str  # noqa: N815
    stackTrace: str | None = None  # noqa: N815


class OneError(Strict):
    errorMessage: str  # noqa: N815
    stackTrace: str | None = None  # noqa: N815
    task: str | None = None
    taskNumber: int | None = None  # noqa: N815


class ExtractionError(BaseFacet):
    totalTasks: int  # noqa: N815
    failedTasks: int  # noqa: N815
    errors: list[OneError]


class JobType(BaseFacet):
    processingType: Literal["BATCH", "STREAMING", "SERVICE"]  # noqa: N815
    integration: str
    jobType: str | None = None  # noqa: N815


class Documentation(BaseFacet):
    description: str
    contentType: str | None = None  # noqa: N815


class OneField(Strict):
    name: str
    type: str | None = None
    description: str | None = None
    ordinal_position: int | None = None


class Schema(BaseFacet):
    fields: list[OneField]


class DataSource(BaseFacet):
    name: str | None = None
    uri: Uri | None = None


class DatasetType(BaseFacet):
    datasetType: str  # noqa: N815
    subType: str | None = None  # noqa: N815


class Version(BaseFacet):
    datasetVersion: str  # noqa: N815


class Transformation(Strict):
    type: Literal["DIRECT", "INDIRECT"]
    subtype: str | None = None
    description: str | None = None
    masking: bool | None = None


class InputField(Strict):
    namespace: str
    name: str
    field: str
    transformations: list[Transformation] = []


class OutputField(Strict):
    inputFields: list[InputField]  # noqa: N815


class ColumnLineage(BaseFacet):
    fields: dict[str, OutputField]
    dataset: list[InputField] = []


class OutputStatistics(BaseFacet):
    rowCount: int | None = None  # noqa: N815
    size: int | None = None
    fileCount: int | None = None  # noqa: N815


_RUN = {
    "nominalTime": ("1-0-1/NominalTimeRunFacet", NominalTime),
    "errorMessage": ("1-0-1/ErrorMessageRunFacet", ErrorMessage),
    "extractionError": ("1-1-2/ExtractionErrorRunFacet", ExtractionError),
}
_JOB = {
    "jobType": ("2-0-4/JobTypeJobFacet", JobType),
    "documentation": ("1-1-0/DocumentationJobFacet", Documentation),
}
_DATASET = {
    "schema": ("1-2-0/SchemaDatasetFacet", Schema),
    "dataSource": ("1-0-1/DatasourceDatasetFacet", DataSource),
    "datasetType": ("1-0-1/DatasetTypeDatasetFacet", DatasetType),
    "version": ("1-0-1/DatasetVersionDatasetFacet", Version),
    "documentation": ("1-1-0/DocumentationDatasetFacet", Documentation),
    "columnLineage": ("1-2-0/ColumnLineageDatasetFacet", ColumnLineage),
}
_OUTPUT = {"outputStatistics": ("1-0-2/OutputStatisticsOutputDatasetFacet", OutputStatistics)}
_OURS = {
    "run": {"gemel_fit", "gemel_decision"},
    "job": set[str](),
    "dataset": {"gemel_signal"},
    "input": {"gemel_window"},
    "output": set[str](),
}


# Events


class Run(Strict):
    runId: RunId  # noqa: N815
    facets: dict[str, dict[str, Any]] = {}


class Job(Strict):
    namespace: str = Field(min_length=1)
    name: str = Field(min_length=1)
    facets: dict[str, dict[str, Any]] = {}


class Dataset(Strict):
    namespace: str = Field(min_length=1)
    name: str = Field(min_length=1)
    facets: dict[str, dict[str, Any]] = {}


class Input(Dataset):
    inputFacets: dict[str, dict[str, Any]] = {}  # noqa: N815


class Output(Dataset):
    outputFacets: dict[str, dict[str, Any]] = {}  # noqa: N815


class RunEvent(Strict):
    eventType: Literal["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]  # noqa: N815
    eventTime: DateTime  # noqa: N815
    run: Run
    job: Job
    inputs: list[Input]
    outputs: list[Output]
    producer: Uri
    schemaURL: Literal[  # noqa: N815
        "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
    ]


def read(line: str) -> RunEvent:
    """One line of a file of lineage. Raises `ValueError` where it is not as the standard has it."""
    event = RunEvent.model_validate_json(line)
    _facets("run", event.run.facets, _RUN)
    _facets("job", event.job.facets, _JOB)
    for dataset in (*event.inputs, *event.outputs):
        _facets("dataset", dataset.facets, _DATASET)
    for source in event.inputs:
        _facets("input", source.inputFacets, {})
    for target in event.outputs:
        _facets("output", target.outputFacets, _OUTPUT)
    return event


def runs(events: list[RunEvent]) -> dict[str, list[RunEvent]]:
    """Events by run: each begins, ends at most once, and is of one job. Raises `ValueError`."""
    found: dict[str, list[RunEvent]] = {}
    for event in events:
        found.setdefault(event.run.runId, []).append(event)
    for id, mine in found.items():
        kinds = [event.eventType for event in mine]
        if kinds[0] != "START" or len(kinds) > 2 or kinds[1:] == ["START"]:
            raise ValueError(f"run {id} has the events {kinds}")
        if len({event.job.name for event in mine}) > 1:
            raise ValueError(f"run {id} is of several jobs")
        if sorted(event.eventTime for event in mine) != [event.eventTime for event in mine]:
            raise ValueError(f"run {id} ends before it begins")
    return found


def _facets(
    place: str, facets: dict[str, dict[str, Any]], known: dict[str, tuple[str, type[BaseFacet]]]
) -> None:
    for key, facet in facets.items():
        if key in known:
            path, kind = known[key]
            kind.model_validate_json(json.dumps(facet))
            name = path.rpartition("/")[2]
            expected = f"https://openlineage.io/spec/facets/{path}.json#/$defs/{name}"
            if facet["_schemaURL"] != expected:
                raise ValueError(f"{key}: {facet['_schemaURL']} is not {expected}")
        elif key in _OURS[place]:
            _ours(key, facet)
        else:
            raise ValueError(f"{place} has an unknown facet '{key}'")


def _ours(key: str, facet: dict[str, Any]) -> None:
    """Its schema is one that the documentation has, and it has the fields of that."""
    base = BaseFacet.model_validate({k: facet[k] for k in ("_producer", "_schemaURL")})
    documented = json.loads(_DOCUMENTED.read_text(encoding="utf-8"))
    document, _, name = base.schema_url.partition("#/$defs/")
    if document != documented["$id"] or name not in documented["$defs"]:
        raise ValueError(f"{key}: no schema {base.schema_url} in {_DOCUMENTED.name}")
    fields = {k: v for k, v in facet.items() if not k.startswith("_")}
    FACETS[key].model_validate(fields)
    schema = documented["$defs"][name]
    if set(fields) - set(schema["properties"]) or set(schema["required"]) - set(facet):
        raise ValueError(f"{key} has the fields {sorted(fields)}")
