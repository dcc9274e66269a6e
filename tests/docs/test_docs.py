"""The documentation says what the code does: commands, settings, routes, files, links, snippets."""

from __future__ import annotations

import importlib.util
import itertools
import json
import re
import shlex
import sqlite3
import struct
import subprocess
import sys
import tomllib
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.main import get_command

from gemel.core.frame import Frame
from gemel.core.kind import Part
from gemel.core.line import Distribution, Line
from gemel.core.plant import Plant
from gemel.doors.cli.main import app
from gemel.parts.historians import HISTORIANS
from gemel.runtime.configuration import check
from gemel.twin.alarms.settings import AlarmRules, AlarmSettings
from gemel.twin.learning import WatchSettings
from gemel.twin.learning.detecting.settings import DetectorRenewal, EventCosts
from gemel.twin.learning.live.forms import InspectionUse
from gemel.twin.learning.live.settings import Renewal, TaskUse
from gemel.twin.operations import OperationsSettings
from gemel.virtual import options

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [
        *DOCS.rglob("*.md"),
        *(ROOT / f"{n}.md" for n in ("README", "CHANGELOG", "CONTRIBUTING", "SECURITY")),
    ]
)
NAMES = [str(p.relative_to(ROOT)) for p in PAGES]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATE = generator()


def text_of(page: Path) -> str:
    """A page with its snippets put in, as the reader sees it."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r'^--8<-- "([^"]+)"$', lambda m: snippet(m[1]), text, flags=re.MULTILINE)


def snippet(place: str) -> str:
    name, _, part = place.partition(":")
    text = (ROOT / name).read_text(encoding="utf-8")
    if not part:
        return text
    if part[0].isdigit():
        first, _, last = part.partition(":")
        return "\n".join(text.splitlines()[int(first) - 1 : int(last)])
    found = re.search(
        rf"--8<-- \[start:{part}\]\n(.*?)\n[^\n]*--8<-- \[end:{part}\]", text, re.DOTALL
    )
    assert found, f"{place}: no such section"
    return found[1]


def fences(page: Path) -> Iterator[tuple[str, str]]:
    """(language, text) of every fenced block."""
    # The longer form marks included Python: `ruff format` leaves it alone.
    form = r"^```(?: \{ \.)?(\w*)(?: \})?\n(.*?)^```$"
    for match in re.finditer(form, text_of(page), re.MULTILINE | re.DOTALL):
        yield match[1], match[2]


# What follows from the code


GENERATED = GENERATE.pages()


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_generated_pages_are_up_to_date(name: str) -> None:
    written = (DOCS / "reference" / name).read_text(encoding="utf-8")
    assert written == GENERATED[name], "run: python docs/generate.py"


@cache
def commands() -> dict[str, Any]:
    return dict(GENERATE.all_commands(get_command(app)))


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_option_is_documented(name: str) -> None:
    text = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    (section,) = re.findall(rf"^## gemel {name}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    for parameter in commands()[name].params:
        for option in (*parameter.opts, *parameter.secondary_opts):
            if option not in ("--help", parameter.name):
                assert f"`{option}" in section, option
        assert parameter.name == "help" or parameter.help, f"{parameter.name} has no help"


def typed(prefix: str) -> Iterator[tuple[str, str]]:
    """Every command line on the pages that begins with `prefix`, with its page."""
    for page in PAGES:
        lines = []
        for language, block in fences(page):
            if language in ("console", "text", "ini", ""):
                lines += [
                    line.removeprefix("$ ")
                    for line in block.replace("\\\n", " ").splitlines()
                    if line.startswith("$ ")
                ]
        lines += re.findall(r"`((?:gemel|python -m) [^`]+)`", page.read_text(encoding="utf-8"))
        for line in lines:
            for part in re.split(r"&&|\|", line):
                words = part.strip().removeprefix("sudo ")
                if words.startswith(prefix) and "…" not in words:
                    yield str(page.relative_to(ROOT)), words


def named(line: str) -> tuple[str, list[str]]:
    """The name of the command of a line, which may have two words, and its arguments."""
    _, *words = shlex.split(line, comments=True)
    if words[0] == "whatif" and " ".join(words[:2]) not in commands():
        words.insert(1, "play")  # which may be left out
    length = 1 if words[0] in commands() else 2
    return " ".join(words[:length]), words[length:]


GEMEL = sorted(set(typed("gemel ")))
PLACEHOLDER = re.compile(r"\b(FILE|DIR|NAME|URL-OR-FILE|DATA)\b|\[OPTIONS\]")


@pytest.mark.parametrize(("page", "line"), GEMEL, ids=lambda v: v)
def test_documented_command_lines_parse(page: str, line: str) -> None:
    name, arguments = named(line)
    command = commands()[name]
    if arguments and arguments != ["[OPTIONS]"] and "[OPTIONS]" not in arguments:
        with command.make_context(name, arguments, resilient_parsing=False):
            pass


@pytest.mark.parametrize(("page", "line"), sorted(set(typed("python -m gemel.virtual"))))
def test_documented_options_of_the_virtual_line_parse(page: str, line: str) -> None:
    options.parse(shlex.split(line)[3:])


def test_the_pages_show_command_lines() -> None:
    assert len(GEMEL) > 20
    assert {named(line)[0] for _, line in GEMEL} == {*commands()}


# Settings


def models() -> list[type[Any]]:
    parts: list[type[Any]] = [k.load(name) for _, k in GENERATE.kinds() for name in k.files()]
    return [
        Plant,
        AlarmSettings,
        AlarmRules,
        OperationsSettings,
        WatchSettings,
        DetectorRenewal,
        EventCosts,
        TaskUse,
        InspectionUse,
        Renewal,
        Line,
        Distribution,
        *parts,
    ]


PAGES_OF_SETTINGS = ("plant-file.md", "parts.md", "line.md")

UNDESCRIBED = {
    "Site.enterprise", "Site.site", "Site.area", "Shift.name", "Shift.days", "Rate.name",
    "Rate.days", "Closed.name",
}  # fmt: skip
"""Their name and the page around them say it all."""


@pytest.mark.parametrize("model", models(), ids=lambda m: m.__name__)
def test_every_setting_has_a_description(model: type[Any]) -> None:
    assert set(GENERATE.Schema(model).undescribed()) <= UNDESCRIBED


@pytest.mark.parametrize("model", models(), ids=lambda m: m.__name__)
def test_every_setting_is_on_a_page(model: type[Any]) -> None:
    text = "".join((DOCS / "reference" / n).read_text() for n in PAGES_OF_SETTINGS)
    if model is AlarmRules:
        pytest.skip("these rules are not a section of the plant file")
    for name, field in model.model_fields.items():
        assert f"| `{field.alias or name}` |" in text
    if issubclass(model, Part):
        assert model.__doc__


@pytest.mark.parametrize("name", NAMES)
def test_plant_files_on_the_pages_are_good(name: str, tmp_path: Path) -> None:
    blocks = [b for language, b in fences(ROOT / name) if language == "yaml" and "format: 1" in b]
    for number, block in enumerate(blocks):
        if "weather_station" in block or "moving_range" in block:
            continue  # tests/examples/test_strangers.py looks at these, with their packages
        path = tmp_path / f"plant{number}.yaml"
        path.write_text(block, encoding="utf-8")
        assert [str(a) for a in check(path) if a.severity == "error"] == []


# Links, snippets, words


def anchors(page: Path) -> set[str]:
    found = set(re.findall(r"\{ #([\w-]+) \}", page.read_text(encoding="utf-8")))
    for title in re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE):
        plain = re.sub(r"\{.*\}|[`*]", "", title).strip().lower()
        found.add(re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", plain)))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_links_resolve(name: str) -> None:
    page = ROOT / name
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        if target.startswith("https://"):
            assert re.match(r"https://(keepachangelog|semver)\.(com|org)/", target), target
            continue
        aim = (page.parent / path).resolve() if path else page
        assert aim.exists(), target
        if anchor:
            assert anchor in anchors(aim), target


UNWANTED = (
    r"\bTODO\b", r"\bFIXME\b", r"\bTBD\b", r"coming soon", r"lorem", r"/wo[r]k/", r"/ro[o]t/",
    r"\bpypi\b", r"\b(blazing|seamless|cutting-edge|world-class|revolution)",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_words(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for word in UNWANTED:
        assert not re.search(word, text, re.IGNORECASE), word


def test_named_files_of_the_repository_exist() -> None:
    for page in PAGES:
        for path in re.findall(
            r"`((?:docs|examples|src|tests|benchmarks)/[\w./-]+)`", page.read_text(encoding="utf-8")
        ):
            assert (ROOT / path).exists(), f"{page.name}: {path}"


def test_python_blocks_are_included_or_run() -> None:
    """Python on the tutorial comes from tested files; elsewhere it at least compiles."""
    for page in PAGES:
        raw = page.read_text(encoding="utf-8")
        assert raw.count("``` { .python }\n") == raw.count('``` { .python }\n--8<-- "')
        if page.name == "tutorial.md":
            assert "```python" not in raw
        for language, block in fences(page):
            if language == "python":
                compile(dedented(block), str(page), "exec")


def dedented(block: str) -> str:
    first = next(line for line in block.splitlines() if line.strip())
    cut = len(first) - len(first.lstrip())
    return "\n".join(line[cut:] for line in block.splitlines())


def test_every_direct_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [
        *project["project"]["dependencies"],
        *itertools.chain(*project["project"]["optional-dependencies"].values()),
        *itertools.chain(*project["dependency-groups"].values()),
        *project["build-system"]["requires"],
    ]
    names = {re.split(r"[\[<>=]", w)[0] for w in wanted} - {"gemel"}
    text = (DOCS / "design" / "dependencies.md").read_text()
    written = re.findall(r"^\| (?:`\w+` \| )?([\w-]+) \|", text, re.MULTILINE)
    assert {w.lower() for w in written} - {"package", "extra"} == {n.lower() for n in names}


# The data folder, against one that was really written


def test_the_data_folder_is_as_described(tmp_path: Path) -> None:
    text = (DOCS / "reference" / "data-folder.md").read_text()
    clock = itertools.count(10**18, 10**6)
    historian = HISTORIANS.build({"kind": "duckdb", "reserve": 0, "keep_free": 0})
    with historian.open(tmp_path, lambda: next(clock)) as store:
        number = store.catalogue.declare("a/x")
        for i in range(3):
            frame = Frame.of(
                [number] * 2, [2 * i, 2 * i + 1], [1.0, 2.0], source="c", position=str(i)
            )
            store.commit([frame])
        store.commit([Frame.of([number], [1], [9.0])])
        store.seal()
        store.commit([Frame.of([number], [99], [1.0])])
    described: dict[str, set[str]] = {}
    table = ""
    for line in text.splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3:
            table = cells[0].strip("`") or table
            described.setdefault(table, set()).update(re.findall(r"`(\w+)`", cells[1]))
    with sqlite3.connect(tmp_path / "ledger.sqlite") as ledger:
        names = ledger.execute("select name from sqlite_master where type = 'table'").fetchall()
        for (name,) in names:
            columns = {row[1] for row in ledger.execute(f"pragma table_info({name})")}
            assert columns == described[name], name
        row = ledger.execute("select commits, first_commit from segment").fetchone()
    ledger.close()
    known = np.cumsum(np.frombuffer(zlib.decompress(row[0]), "<i8"))
    assert len(known) == 4
    (sealed,) = (tmp_path / "segments").glob("*[0-9].parquet")
    schema = pq.read_schema(sealed)
    section = text.partition("## Closed segment")[2]
    for field in schema:
        assert re.search(rf"^\| `{field.name}` \| {field.type} \|", section, re.MULTILINE), field
    rows = pq.read_table(sealed).to_pylist()
    assert [(r["time"], r["value"], r["commit"] - row[1], r["late"]) for r in rows[:3]] == [
        (0, 1.0, 0, 0), (1, 2.0, 0, 0), (1, 9.0, 3, 1),
    ]  # fmt: skip
    assert list(logged((tmp_path / "segments" / "000002.log").read_bytes())) == [
        (-1, [(number, 5, 2.0)], 0, {"first_commit": 5, "head_last": 5, "positions": {"c": "2"}}),
        (5, [(number, 99, 1.0)], 0, {}),
    ]


def logged(data: bytes) -> Iterator[tuple[int, list[tuple[int, int, float]], int, object]]:
    """Commits of a log as the reference describes it: number, rows, late ones of them, JSON."""
    place = 0
    while place < len(data):
        magic, own, rest, told, ordered, late, commit, *_ = struct.unpack_from(
            "<4sIIIQQqqqq", data, place
        )
        rows, begin = ordered + late, place + 64
        assert magic == b"GMLc"
        assert own == zlib.crc32(data[place + 8 : begin])
        columns, at = [], begin
        for form in "ihqd":
            columns.append(struct.unpack_from(f"<{rows}{form}", data, at))
            at += -(-struct.calcsize(f"<{rows}{form}") // 8) * 8
        text, end = data[at : at + told], at + -(-told // 8) * 8
        assert rest == zlib.crc32(data[begin:end])
        signal, _, time, value = columns
        yield commit, list(zip(signal, time, value, strict=True)), late, json.loads(text or b"{}")
        place = end


def test_a_restored_folder_answers_the_same(tmp_path: Path) -> None:
    """What how-to/backup.md says: a copy at rest, without lock and reserve, is a whole history."""
    import shutil
    import time

    from gemel.parts.historians.base import Query

    historian = HISTORIANS.build({"kind": "duckdb", "reserve": 1_000_000, "keep_free": 0})
    question = Query(np.array([0], np.int32), 0, 100)
    with historian.open(tmp_path / "data", time.time_ns) as store:
        store.catalogue.declare("a/x")
        store.commit([Frame.of([0, 0], [1, 2], [1.0, 2.0], source="c", position="7")])
        wanted = store.query(question)
    leave = shutil.ignore_patterns("lock", "reserve")
    shutil.copytree(tmp_path / "data", tmp_path / "restored", ignore=leave)
    with historian.open(tmp_path / "restored", time.time_ns) as store:
        assert store.query(question).equals(wanted)
        assert store.position("c") == "7"
        assert store.commit([Frame.of([0], [2], [2.0])]).repeated == 1


# The site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation, built in the strictest way, with no network to be had."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(folder)],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
        env={"PATH": "/usr/bin:/bin", "NO_MKDOCS_2_WARNING": "1", "https_proxy": "http://127.0.0.1:1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_site_is_whole_and_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) >= len([p for p in PAGES if DOCS in p.parents])
    loaded = re.compile(
        r"<(?:script|img|iframe)[^>]+src=\"?([^\"\s>]+)|<link[^>]+href=\"?([^\"\s>]+)"
    )
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "8&lt;" not in text, f"{page.name}: a snippet was not put in"
        for match in loaded.finditer(text):
            address = match[1] or match[2]
            assert not address.startswith(("http:", "https:", "//")), f"{page.name}: {address}"


def test_every_design_page_is_in_the_navigation(site: Path) -> None:
    shown = (site / "index.html").read_text(encoding="utf-8")
    for page in (DOCS / "design").glob("*.md"):
        assert f"design/{page.stem}.html" in shown
