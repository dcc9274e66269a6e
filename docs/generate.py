"""Writes the pages of docs/reference that follow from the code.

    python docs/generate.py            write them
    python docs/generate.py --check    say which are out of date, and end with 1

The settings' own descriptions, the commands' own help and the routes' own docstrings are the text:
what is wrong on these pages is mended in the code.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fastapi.routing import APIRoute, APIWebSocketRoute
from pydantic import BaseModel
from typer.main import get_command

import gemel.parts
from gemel.core import expression, quality
from gemel.core.expression.functions import FUNCTIONS, KINDS
from gemel.core.kind import Kind
from gemel.core.line import Distribution, Line
from gemel.core.plant import Plant
from gemel.core.stock import Network
from gemel.core.supply import Link, Site, Supply
from gemel.core.time import duration_text
from gemel.core.wear import Upkeep
from gemel.doors.api import create_app
from gemel.doors.cli.main import app as cli
from gemel.runtime.supply_files import DemandTable, DisruptionTable, OrderTable
from gemel.twin.alarms.settings import AlarmSettings
from gemel.twin.learning import WatchSettings
from gemel.twin.learning.lineage import facets
from gemel.twin.learning.lineage.openlineage import STANDARD
from gemel.twin.learning.live.forms import AnomalyUse, FaultUse, InspectionUse
from gemel.twin.learning.live.settings import TaskUse
from gemel.twin.mirror.features import FeatureUse
from gemel.twin.operations import OperationsSettings
from gemel.twin.planning.experiments.settings import Cost, Demand, Experiment
from gemel.virtual import options as virtual

FOLDER = Path(__file__).parent / "reference"
NOTICE = "<!-- Written by docs/generate.py from the code; change the code, not this page. -->\n"


def pages() -> dict[str, str]:
    """Text of every generated page, by file name."""
    return {
        "plant-file.md": plant_file(),
        "parts.md": parts(),
        "line.md": line(),
        "experiment.md": experiment(),
        "stock-and-maintenance.md": stock_and_maintenance(),
        "expressions.md": expressions(),
        "cli.md": commands(),
        "api.md": api(),
        "quality.md": qualities(),
        "lineage.md": lineage(),
        "lineage-facets.json": lineage_facets(),
    }


# Settings, from their JSON schema: what validates is what is shown


class Schema:
    """The fields of a settings model and of the models in it, as tables."""

    def __init__(self, model: type[BaseModel]) -> None:
        self.model = model
        self.whole = model.model_json_schema(by_alias=True)
        self.models: dict[str, dict[str, Any]] = self.whole.get("$defs", {})

    def tables(self, level: int, skip: frozenset[str] = frozenset()) -> Iterator[str]:
        """A heading and a table for every model that is met below this one."""
        for name in self._below(self.whole, []):
            if name in skip:
                continue
            found = self.models[name]
            yield f"{'#' * level} {name} {{ #{anchor(name)} }}\n"
            if said := found.get("description"):
                yield f"{prose(said)}\n"
            yield self.table(found)

    def table(
        self, schema: dict[str, Any] | None = None, only: frozenset[str] | None = None
    ) -> str:
        """The fields of one model, all or `only` some."""
        schema = self.whole if schema is None else schema
        fields: dict[str, Any] = schema.get("properties", {})
        if not fields:
            return "It has no settings.\n"
        required = schema.get("required", [])
        lines = ["| field | value | default | meaning |", "|---|---|---|---|"]
        for name, field in fields.items():
            if only is not None and name not in only:
                continue
            default = "required" if name in required else self.default(field)
            words = cell(self.describe(field))
            lines.append(f"| `{name}` | {cell(self.kind(field))} | {cell(default)} | {words} |")
        return "\n".join(lines) + "\n"

    def kind(self, field: dict[str, Any]) -> str:
        """What may be written, in words."""
        if "$ref" in field:
            name = field["$ref"].rpartition("/")[2]
            target = self.models[name]
            if "enum" in target:
                return self.kind(target)
            return f"[{name}](#{anchor(name)})"
        if "anyOf" in field:
            kinds = [self.kind(f) for f in field["anyOf"] if f.get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
        if "const" in field:
            return f"`{shown(field['const'])}`"
        if "enum" in field:
            return ", ".join(f"`{value or chr(39) * 2}`" for value in field["enum"])
        match field.get("type"):
            case "array":
                items = field.get("prefixItems") or [field.get("items", {})]
                inner = ", ".join(self.kind(i) for i in items)
                return f"[{inner}]" if "prefixItems" in field else f"list of {inner}"
            case "object":
                inner = field.get("additionalProperties")
                plain = not isinstance(inner, dict) or inner.get("type") == "object"
                return "key: settings" if plain else f"key: {self.kind(inner)}"
            case "string":
                return "duration" if is_duration(field) else "text"
            case "integer" | "number" as plain:
                return ("whole number" if plain == "integer" else "number") + bounds(field)
            case "boolean":
                return "true or false"
        return "any"

    def default(self, field: dict[str, Any]) -> str:
        """What holds where nothing is written."""
        value = field.get("default")
        inner = [field, *field.get("anyOf", [])]
        if isinstance(value, int) and any(is_duration(f) for f in inner):
            return f"`{duration_text(value)}`"
        if value is None or isinstance(value, dict) or value in ("", []):
            return ""
        return f"`{shown(value)}`"

    def describe(self, field: dict[str, Any]) -> str:
        """Its description, or else the first sentence of the model in it."""
        if said := field.get("description"):
            return str(said)
        for name in self._models_in(field):
            return str(self.models[name].get("description", "")).split("\n\n")[0]
        return ""

    def undescribed(self) -> Iterator[str]:
        """Fields that say nothing: ``Model.field``."""
        for name, schema in [(self.whole["title"], self.whole), *self.models.items()]:
            for key, field in schema.get("properties", {}).items():
                if not self.describe(field).strip():
                    yield f"{name}.{key}"

    def _below(self, schema: dict[str, Any], seen: list[str]) -> list[str]:
        for field in schema.get("properties", {}).values():
            for name in self._models_in(field):
                if name not in seen and "enum" not in self.models[name]:
                    seen.append(name)
                    self._below(self.models[name], seen)
        return seen

    def _models_in(self, field: dict[str, Any]) -> Iterator[str]:
        if "$ref" in field:
            yield field["$ref"].rpartition("/")[2]
        for key in ("anyOf", "allOf", "prefixItems"):
            for inner in field.get(key, []):
                yield from self._models_in(inner)
        for key in ("items", "additionalProperties"):
            if isinstance(field.get(key), dict):
                yield from self._models_in(field[key])


def is_duration(field: dict[str, Any]) -> bool:
    return field.get("type") == "string" and "100 ms" in field.get("examples", [])


def bounds(field: dict[str, Any]) -> str:
    words = {
        "exclusiveMinimum": "above", "minimum": "at least",
        "exclusiveMaximum": "below", "maximum": "at most",
    }  # fmt: skip
    found = [f"{word} {field[key]:g}" for key, word in words.items() if key in field]
    return f", {', '.join(found)}" if found else ""


def shown(value: Any) -> str:
    """A value as it stands in the plant file."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def anchor(name: str) -> str:
    return name.lower()


def prose(text: str) -> str:
    """A docstring as Markdown: doubled backticks become single ones."""
    return inspect.cleandoc(text).replace("``", "`")


# Pages


def plant_file() -> str:
    schema = Schema(Plant)
    text = [
        NOTICE,
        "# Plant file\n",
        "One YAML file describes a plant. It is read as YAML 1.2: `NO` and `12:30:00` are text, "
        "`1e3` is a number, and a key that stands twice is an error. Unknown fields are errors, "
        "with the nearest known name. Durations are written with their unit (`100 ms`, `30 s`, "
        "`5 min`, `2h30m`). `gemel check FILE` explains what is wrong, by line.\n",
        "Settings of connectors, detectors and other parts are on the page "
        "[Parts and their settings](parts.md).\n",
        "## The file\n",
        schema.table(),
        *schema.tables(2),
    ]
    for title, model in (("Alarms", AlarmSettings), ("Operations", OperationsSettings)):
        section = Schema(model)
        text += [f"## {title}\n", prose(section.whole["description"]) + "\n", section.table()]
        text += section.tables(3, skip=frozenset(schema.models))
    return "\n".join(text)


def line() -> str:
    schema = Schema(Line)
    return "\n".join(
        [
            NOTICE,
            "# Line\n",
            "A file of a line, which `gemel simulate` plays out; see "
            "[Play out a line](../how-to/simulate.md). It is read as the "
            "[plant file](plant-file.md) is.\n",
            prose(Line.__doc__ or "") + "\n",
            "## The file\n",
            schema.table(),
            *schema.tables(2),
            "## Distribution { #distribution }\n",
            prose(Distribution.__doc__ or "") + "\n",
            Schema(Distribution).table(),
        ]
    )


def experiment() -> str:
    schema = Schema(Experiment)
    return "\n".join(
        [
            NOTICE,
            "# Experiment\n",
            "A file that `gemel whatif` reads; see "
            "[Try before you build](../how-to/experiments.md). It is read as the "
            "[plant file](plant-file.md) is.\n",
            prose(Experiment.__doc__ or "") + "\n",
            "## The file\n",
            schema.table(),
            *schema.tables(2),
            "## Cost { #cost }\n",
            prose(Cost.__doc__ or "") + " A number alone is an investment.\n",
            Schema(Cost).table(),
            "## Demand { #demand }\n",
            "Written `2800 per hour` (or shift of 8 h, day, week of 168 h), or by its field.\n",
            Schema(Demand).table(),
        ]
    )


def kinds() -> Iterator[tuple[str, Kind[Any]]]:
    """Every interface that has parts, with its name in the tree."""
    for module in pkgutil.iter_modules(gemel.parts.__path__):
        package = importlib.import_module(f"gemel.parts.{module.name}")
        for _, member in inspect.getmembers(package, lambda m: isinstance(m, Kind)):
            yield member.package.removeprefix("gemel.parts.").replace(".", "-"), member


SECTIONS = {
    "connectors": "In the section `connectors` of the plant file.",
    "detectors": "In the section `detectors` of the plant file, together with the settings of "
    "[how a detector is used](#use-of-a-detector).",
    "diagnosers": "Of the task `fault` (`model` in its description), and from Python: "
    "[Say what is wrong](../how-to/diagnose.md).",
    "reasoners": "In the section `reasoners` of the plant file.",
    "forecasters": "For use from Python, see [Forecast a signal](../how-to/forecast.md).",
    "simulators": "`gemel simulate` takes the fastest that covers the line, see "
    "[Play out a line](../how-to/simulate.md).",
    "historians": "The daemon uses `duckdb` with these defaults; the section `retention` of the "
    "plant file sets `keep_age` and `keep_bytes`.",
    "solvers-inventory": "`gemel plan stock` uses each that covers a network: "
    "[Plan stock](../how-to/plan-stock.md).",
    "solvers-maintenance": "`gemel plan maintenance` uses each that covers an asset: "
    "[Plan maintenance](../how-to/plan-maintenance.md).",
    "solvers-visits": "`gemel plan maintenance` uses them where work is to be done together.",
    "solvers-scheduling": "Schedulers: option `--solver` of `gemel schedule`, see "
    "[Plan orders](../how-to/schedule.md), and from Python.",
    "operators": "Those that tell features of windows stand in the section `features` of the plant "
    "file, where signals have paths instead of numbers, together with "
    "[which signals and what](#use-of-features); see "
    "[Make features of fast signals](../how-to/features.md). The mirror and the detectors use the "
    "others inside.",
    "listeners": "Of the task `sound` (`model` in its description): "
    "[Listen to machines](../how-to/listen-to-machines.md).",
}


def parts() -> str:
    text = [
        NOTICE,
        "# Parts and their settings\n",
        "A part is named by its `kind`, which is the name of its file. Parts of other packages "
        "come through entry points and are named in the same way; see "
        "[Write a connector](../how-to/write-a-connector.md).\n",
    ]
    for name, kind in kinds():
        text += [f"## {name.capitalize()}\n", SECTIONS.get(name, "") + "\n"]
        if name == "detectors":
            text.append("### Use of a detector { #use-of-a-detector }\n")
            watch = Schema(WatchSettings)
            text += [prose(WatchSettings.__doc__ or "") + "\n", watch.table(), *watch.tables(4)]
            text.append("### Use of a task { #use-of-a-task }\n")
            use = Schema(TaskUse)
            text += [prose(TaskUse.__doc__ or "") + "\n", use.table(), *use.tables(4)]
            text.append("### Use of a task `anomaly` { #use-of-a-task-anomaly }\n")
            text += [prose(AnomalyUse.__doc__ or "") + "\n", Schema(AnomalyUse).table()]
            text.append("### Use of a task `fault` { #use-of-a-task-fault }\n")
            own = frozenset(FaultUse.model_fields) - frozenset(TaskUse.model_fields)
            text += [prose(FaultUse.__doc__ or "") + "\n", Schema(FaultUse).table(only=own)]
            text.append("### Use of a task `inspection` { #use-of-a-task-inspection }\n")
            text += [prose(InspectionUse.__doc__ or "") + "\n", Schema(InspectionUse).table()]
        if name == "operators":
            text.append("### Use of features { #use-of-features }\n")
            text += [prose(FeatureUse.__doc__ or "") + "\n", Schema(FeatureUse).table()]
        for member in kind.files():
            part = kind.load(member)
            schema = Schema(part)
            text += [f"### `{member}` {{ #{name}-{member} }}\n", prose(part.__doc__ or "") + "\n"]
            if name == "connectors":
                text.append(f"Delivery: *{part.delivery}*.\n")
            text += [schema.table(), *schema.tables(4)]
    return "\n".join(text)


def _supply() -> list[str]:
    """What a supply file has beyond a stock file."""
    own = [name for name in Supply.model_fields if name not in Network.model_fields]
    rows = ["| field | default | meaning |", "|---|---|---|"]
    for name in own:
        about = Supply.model_fields[name]
        shown = about.get_default(call_default_factory=True) or ""
        rows.append(f"| `{name}` | {shown} | {about.description} |")
    found = ["\n".join(rows) + "\n"]
    for title, model in (
        ("A link", Link), ("A site", Site), ("Demand from a table", DemandTable),
        ("Orders from a table", OrderTable), ("Disruption from a table", DisruptionTable),
    ):  # fmt: skip
        found += [f"### {title} {{ #{model.__name__.lower()} }}\n", Schema(model).table()]
    return found


def stock_and_maintenance() -> str:
    stock, upkeep = Schema(Network), Schema(Upkeep)
    return "\n".join(
        [
            NOTICE,
            "# Stock and maintenance files\n",
            "## Stock { #stock }\n",
            "What `gemel plan stock` reads: [Plan stock](../how-to/plan-stock.md).\n",
            stock.table(),
            *stock.tables(3),
            "## Supply { #supply }\n",
            "What `gemel supply` reads: a stock file, and this beside it: "
            "[Supply](../how-to/supply.md). `demand` and `disruption` of a stage can be a table.\n",
            *_supply(),
            "## Maintenance { #maintenance }\n",
            "What `gemel plan maintenance` reads: "
            "[Plan maintenance](../how-to/plan-maintenance.md).\n",
            upkeep.table(),
            *upkeep.tables(3),
        ]
    )


def lineage() -> str:
    found = [
        NOTICE,
        "# Lineage\n",
        "Facets of the events that `gemel models lineage` tells, and `gemel train` with "
        "`--lineage`: [Let models live in the twin](../how-to/live-models.md#lineage).\n",
        "## Of OpenLineage { #standard }\n",
        "| facet | schema |",
        "|---|---|",
        *(f"| `{key}` | `{path}` |" for key, path in STANDARD.items()),
        "\nThey are described at `openlineage.io/docs/spec/facets`.\n",
        "## Of Gemel { #ours }\n",
        "Their schemas stand in [lineage-facets.json](lineage-facets.json), version "
        f"{facets.VERSION}.\n",
    ]
    for key, kind in facets.FACETS.items():
        found += [f"### {key}\n", f"{prose(inspect.getdoc(kind) or '')}\n", Schema(kind).table()]
    return "\n".join(found)


def lineage_facets() -> str:
    """JSON Schema of our facets: what their `_schemaURL` names."""
    kinds: dict[str, Any] = {}
    for kind in facets.FACETS.values():
        found = kind.model_json_schema()
        found["properties"] |= {
            "_producer": {"type": "string", "format": "uri"},
            "_schemaURL": {"type": "string", "format": "uri"},
        }
        found["required"] = [*found.get("required", []), "_producer", "_schemaURL"]
        kinds[kind.__name__] = found
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:gemel:openlineage:{facets.VERSION}",
        "$defs": kinds,
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def expressions() -> str:
    lines = ["| function | arguments |", "|---|---|"]
    for name, function in FUNCTIONS.items():
        usage = function.usage(name).partition(" takes ")[0]
        said = ", ".join(f"{word}: {KINDS[kind][0]}" for word, kind in function.parameters)
        lines.append(f"| `{usage}` | {said} |")
    return "\n".join(
        [
            NOTICE,
            "# Expressions\n",
            "Rules, alarms, interlocks and the condition `normal` of a detector are written in one "
            "small typed language. `gemel check` compiles every expression of the plant file.\n",
            "```text",
            inspect.cleandoc(expression.__doc__ or ""),
            "```\n",
            "## Functions and what they take\n",
            *lines,
            "",
        ]
    )


def commands() -> str:
    group: Any = get_command(cli)
    text = [
        NOTICE,
        "# Commands\n",
        f"{group.help}\n",
        "Exit codes: 0 good; 1 something that you can mend, told in one sentence; 2 wrong usage. "
        "`gemel status` also ends with 1 when the twin is impaired.\n",
    ]
    for name, command in all_commands(group):
        text += [f"## gemel {name}\n", f"{inspect.cleandoc(command.help)}\n"]
        text += [f"```console\n$ gemel {name}{usage(command)}\n```\n"]
        if command.params:
            text += ["| option | default | meaning |", "|---|---|---|"]
            text += [option(p) for p in command.params if p.name != "help"]
            text.append("")
    return "\n".join([*text, virtual_line()])


def all_commands(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Commands with their whole name, also those of groups."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from all_commands(command, f"{prefix}{name} ")
        else:
            yield prefix + name, command


def usage(command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = len(arguments) < len(command.params)
    words = [metavar(p) for p in arguments] + (["[OPTIONS]"] if options else [])
    return "".join(f" {word}" for word in words)


def metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def option(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        names = f"`{metavar(parameter)}`"
        default = "required" if parameter.required else ""
    else:
        flag = getattr(parameter, "is_flag", False)
        value = "" if flag else f" {metavar(parameter)}"
        names = ", ".join(f"`{n}{value}`" for n in (*parameter.opts, *parameter.secondary_opts))
        default = ""
        if flag and parameter.secondary_opts:
            default = f"`{(parameter.opts if parameter.default else parameter.secondary_opts)[0]}`"
        elif not flag and parameter.default is not None:
            default = f"`{parameter.default}`"
    said = parameter.help or ""
    if parameter.envvar:
        said += f"; or the environment variable `{parameter.envvar}`"
    return f"| {names} | {default} | {cell(said)} |"


def virtual_line() -> str:
    parser = virtual._parser()  # noqa: SLF001 - argparse tells no other way
    text = [
        "## python -m gemel.virtual\n",
        f"{parser.description}\n",
        "| option | default | meaning |",
        "|---|---|---|",
    ]
    for action in parser._actions:  # noqa: SLF001 - argparse tells no other way
        if action.dest == "help":
            continue
        choices = "|".join(action.choices) if action.choices else None
        value = "" if action.nargs == 0 else f" {action.metavar or choices or action.dest.upper()}"
        plain = action.default in (None, False, [], "==SUPPRESS==")
        default = "" if plain else f"`{action.default}`"
        name = action.option_strings[-1]
        text.append(f"| `{cell(name + value)}` | {default} | {cell(action.help or '')} |")
    return "\n".join(text) + "\n"


def api() -> str:
    nothing: Any = None
    application = create_app(nothing, nothing)
    text = [
        NOTICE,
        "# API\n",
        "A running twin answers under `/api`; its OpenAPI description is at `/api/openapi.json`. "
        "Send a token in the header `Authorization: Bearer …`, or log in and send the cookie; see "
        "[People, roles and tokens](../how-to/access.md). Answers other than 2xx are "
        '`{"message": …}` with a sentence: 400 something in the request is wrong, 401 log in '
        "first, 403 the role does not suffice or the state of things forbids it, 404 no such "
        "thing, 413 too large, 422 unusable data, 503 not now, try again.\n",
        "Times in questions are ISO 8601 (in the plant's time zone where they have no offset), "
        "`now`, or relative such as `-2h`.\n",
    ]
    by_tag: dict[str, list[Any]] = {}
    for path, route in all_routes(application.routes):
        tag = str(route.tags[0]) if getattr(route, "tags", None) else "other"
        by_tag.setdefault(tag, []).append((path, route))
    for tag, routes in by_tag.items():
        text += [f"## {tag.capitalize()}\n"]
        text += ["| request | least role | parameters | answer |", "|---|---|---|---|"]
        text += [request(path, route) for path, route in routes]
        text.append("")
    return "\n".join(text)


def all_routes(routes: Iterable[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Routes with their whole path, also those of routers that are included."""
    for route in routes:
        if isinstance(route, APIRoute | APIWebSocketRoute):
            yield prefix + route.path, route
        elif (router := getattr(route, "original_router", None)) is not None:
            yield from all_routes(router.routes, prefix + route.include_context.prefix)


def request(path: str, route: Any) -> str:
    if isinstance(route, APIWebSocketRoute):
        method, parameters = "WebSocket", []
    else:
        method = ", ".join(sorted(route.methods))
        dependant = route.dependant
        asked = (dependant, *dependant.dependencies)
        parameters = [p.alias for d in asked for p in (*d.path_params, *d.query_params)]
        parameters += [f"body: {p.name}" for p in dependant.body_params]
    names = ", ".join(f"`{p}`" for p in dict.fromkeys(parameters))
    said = inspect.cleandoc(route.endpoint.__doc__ or "").split("\n\n")[0]
    return f"| {method} `{path}` | {least_role(route)} | {names} | {cell(prose(said))} |"


def least_role(route: Any) -> str:
    """The role that a route's dependency asks for; 'anyone' where there is none."""
    if isinstance(route, APIWebSocketRoute):
        return "viewer"
    for dependency in route.dependant.dependencies:
        closure = inspect.getclosurevars(dependency.call)
        if "role" in closure.nonlocals:
            return str(closure.nonlocals["role"])
    return "anyone"


def qualities() -> str:
    lines = ["| quality | OPC UA | meaning |", "|---|---|---|"]
    for code in sorted(range(-0x8000, 0x8000), key=lambda c: c & 0xFFFF):
        said = quality.reason(code)
        if "code 0x" not in said:
            lines.append(f"| `{code}` | `0x{quality.to_status(code):08X}` | {said} |")
    return "\n".join([NOTICE, "# Quality codes\n", _QUALITY, *lines, ""])


_QUALITY = """\
Every sample carries a quality. It is the upper half of the OPC UA StatusCode, read as a signed
16-bit number: `0` is good, from `16384` (0x4000) on it is uncertain, and every negative number is
bad. Lower bits say why. Codes that no list knows are shown as they are.

Where a quality comes from:

- The source says so: OPC UA status codes are kept as they are.
- Admission finds it: a value outside the signal's `range`, a change faster than `max_rate`, a value
  that has not moved for `flat_after`, a source time more than 5 s ahead of its arrival, a number
  that is none. Admission only ever makes a quality worse.
- The mirror adds it when you ask: *stale* when nothing came for `stale_after`, *no communication,
  last usable value* while the connector is not connected. These two are never stored; history holds
  what was true of the sample when it came.

Bad samples, and values that are no number, take no part in averages, minima and maxima.
"""


def main() -> int:
    stale = []
    for name, text in pages().items():
        path = FOLDER / name
        known = path.read_text(encoding="utf-8") if path.exists() else ""
        if known != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    word = "out of date" if "--check" in sys.argv else "written"
    sys.stdout.write(f"{', '.join(stale) or 'nothing'} {word}\n")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
