"""Plant file: the one file that describes the plant, with a dry run and a way back."""

from __future__ import annotations

import difflib
from typing import Any, Final

from nicegui import ui

from gemel.client.asynchronous import Plain
from gemel.doors.web.frame import Surroundings
from gemel.doors.web.markup import Html, button, h, join, many, panel
from gemel.doors.web.viewer import Part, Viewer

__all__ = ["build"]


async def build(around: Surroundings) -> Html:
    """See `gemel.doors.web.pages.Build`."""
    found = await around.viewer.client.plant_file()
    if found is None:
        return _absent(around)
    return _Editor(around.viewer, found).draw()


def _absent(around: Surroundings) -> Html:
    told = h(
        "p",
        "This Gemel does not hand out its plant file. It runs ",
        h("code", str(around.status["plant"])),
        "; edit it there, and look first with ",
        h("code", "gemel check"),
        ".",
        cls="empty",
    )
    return panel("Plant file", told)


_IS_DARK: Final = """
({dark: true, light: false})[document.documentElement.dataset.theme]
    ?? matchMedia("(prefers-color-scheme: dark)").matches
"""


class _Editor:
    """The file in an editor, what a dry run says, and what saving would change."""

    def __init__(self, viewer: Viewer, found: Plain) -> None:
        self._viewer = viewer
        self._saved = str(found["text"])
        self._hash = str(found["hash"])
        self._problems: list[Any] = list(found.get("problems") or [])
        self._versions: list[Plain] = list(found.get("former") or [])
        self._checked: str | None = None
        self._text = self._saved

    def draw(self) -> Html:
        """Draw it; the editor itself is NiceGUI's, and comes to stand in `data-app`."""
        editor = ui.codemirror(
            self._text, language="YAML", theme="githubLight", line_wrapping=False,
            on_change=lambda event: self._typed(str(event.value)),
        ).classes("editor")  # fmt: skip
        editor.props("disable" if not self._viewer.may("engineer") else "")
        self._editor = editor
        ui.timer(0, self._dress, once=True)
        self._said = Part("problems", self._problem_list())
        self._change = Part("difference", Html(""))
        self._former = Part("versions", self._version_list())
        self._viewer.on("check", self._check)
        self._viewer.on("save", self._save)
        self._viewer.on("discard", self._discard)
        self._viewer.on("version", self._take_back)
        tools = h("div", self._tools(), cls="tools")
        file = h("section", tools, h("div", data_app=True), cls="panel")
        return join(file, self._said.html, self._change.html, self._former.html)

    async def _dress(self) -> None:
        """Dark letters on a dark ground cannot be read: only the browser knows its scheme."""
        if await ui.run_javascript(_IS_DARK):
            self._editor.theme = "githubDark"

    def _tools(self) -> Html:
        if not self._viewer.may("engineer"):
            return h("span", "Changing it needs the role engineer.", cls="quiet")
        return Html(
            button("Dry run", "check")
            + button("Save", "save", first=True)
            + button("Discard changes", "discard")
            + h("span", h("span", f"version {self._hash[:12]}", cls="quiet"), cls="end")
        )

    def _typed(self, text: str) -> None:
        self._text = text

    async def _check(self, _: Plain) -> str:
        answer = await self._viewer.client.check_plant_file(self._text)
        self._problems = list(answer.get("problems") or [])
        self._checked = self._text
        self._said.show(self._problem_list())
        self._change.show(_difference(self._saved, self._text))
        wrong = [p for p in self._problems if _severity(p) == "error"]
        return many(len(wrong), "problem") if wrong else "It would run; below is what changes"

    async def _save(self, told: Plain) -> str:
        if self._text == self._saved:
            return "Nothing has changed"
        if self._checked != self._text:
            return await self._check(told) + ". Press 'Save' again to save it"
        answer = await self._viewer.client.save_plant_file(self._text, self._hash)
        self._saved, self._hash = self._text, str(answer.get("hash", self._hash))
        found = await self._viewer.client.plant_file() or {}
        self._versions = list(found.get("former") or [])
        self._change.show(Html(""))
        self._former.show(self._version_list())
        return f"Saved, and in use: {answer.get('sentence', 'it holds from now on')}"

    async def _discard(self, _: Plain) -> str:
        self._editor.set_value(self._saved)
        self._text = self._saved
        self._change.show(Html(""))
        return "Back to what runs"

    async def _take_back(self, told: Plain) -> str:
        version = next(v for v in self._versions if v["name"] == told["version"])
        self._editor.set_value(version["text"])
        self._text = str(version["text"])
        return await self._check(told)

    def _problem_list(self) -> Html:
        if not self._problems:
            return panel("Problems", h("p", "None.", cls="empty"))
        rows = [h("li", _words(p)) for p in self._problems[:100]]
        return panel("Problems", h("ul", rows), aside=str(len(self._problems)))

    def _version_list(self) -> Html:
        if not self._versions:
            return Html("")
        rows = [
            h("li", _version(self._viewer, v["name"]), " ",
              button("Look at it again", "version", version=v["name"]))
            for v in self._versions
        ]  # fmt: skip
        return panel("The way back", h("ul", rows), aside="former versions")


def _version(viewer: Viewer, name: str) -> str:
    """Until when a former version was the file, and who replaced it: ``TIME-PERSON.yaml``."""
    time, _, who = name.removesuffix(".yaml").partition("-")
    return f"until {viewer.clock(int(time))}, replaced by {who}" if time.isdecimal() else name


def _severity(problem: Any) -> str:
    return str(problem.get("severity", "error")) if isinstance(problem, dict) else "error"


def _words(problem: Any) -> Html:
    if not isinstance(problem, dict):
        return h("span", str(problem))
    line = problem.get("line")
    where = problem.get("where") or (f"line {line}" if line else "")
    message = problem.get("message") or problem.get("sentence") or ""
    mark = "" if _severity(problem) == "error" else f"{_severity(problem)}: "
    return h("span", h("code", where), " ", mark, message)


def _difference(before: str, after: str) -> Html:
    if before == after:
        return Html("")
    lines = []
    for line in difflib.unified_diff(before.splitlines(), after.splitlines(), n=2, lineterm=""):
        if line.startswith(("---", "+++")):
            continue
        if line.startswith("@@"):
            lines.append(h("span", line, cls="faint"))
            continue
        kind = {"+": "added", "-": "removed"}.get(line[:1], "same")
        lines.append(h("span", line[1:] or " ", cls=kind))
    return h("section", h("div", h("h2", "What saving changes"), cls="title"),
             h("pre", lines, cls="difference"), cls="panel")  # fmt: skip
