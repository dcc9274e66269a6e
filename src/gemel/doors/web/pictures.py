"""Pictures on the page Quality: the newest ones of each task, where they are odd, and whether
people say that they are."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from gemel.client.asynchronous import Plain
from gemel.doors.web import cards
from gemel.doors.web.frame import Surroundings
from gemel.doors.web.markup import Child, Html, figure, h, join, many, panel, words
from gemel.doors.web.viewer import Part

__all__ = ["Pictures"]

_SHOWN = 12
_ANSWERS = {"right": "it was so", "wrong": "a false alarm", "known": "so, and no fault"}


class Pictures:
    """A panel for each task that looks at pictures; nothing where there is none."""

    def __init__(self, around: Surroundings) -> None:
        self.viewer = around.viewer
        self._rejected = around.query.get("pictures") == "rejected"
        self._tasks: list[Plain] = []
        self._of: dict[str, list[Plain]] = {}
        self._parts: dict[str, Part] = {}

    async def ask(self) -> None:
        """Ask for the newest."""
        client = self.viewer.client
        self._tasks = await client.get("/api/pictures")
        asked = {"limit": _SHOWN, "state": "rejected" if self._rejected else None}
        names = [str(task["task"]) for task in self._tasks]
        found = await asyncio.gather(
            *(client.get(f"/api/pictures/{quote(name, safe='')}", asked) for name in names)
        )
        self._of = dict(zip(names, found, strict=True))

    def html(self) -> Html:
        """All panels; what changes in them is brought up to date."""
        for task in self._tasks:
            name = task["task"]
            self._parts[name] = Part(f"pictures-{name}", self._body(task))
        if not self._tasks:
            return Html("")
        self.viewer.refresh(self._look_again)
        cards.act(self.viewer)
        return join(self._panel(task) for task in self._tasks)

    async def _look_again(self) -> None:
        await self.ask()
        for task in self._tasks:
            if (part := self._parts.get(task["task"])) is not None:
                part.show(self._body(task))

    def _panel(self, task: Plain) -> Html:
        name = task["task"]
        switch = h("label", h("input", type="checkbox", checked=True, data_heat=True),
                   "Where it differs", cls="switch")  # fmt: skip
        spans = [
            h("a", text, href=f"/quality?pictures={key}#pictures-{name}",
              cls="on" if self._rejected == (key == "rejected") else None)
            for key, text in (("all", "All"), ("rejected", "Rejected"))
        ]  # fmt: skip
        aside = h("span", switch, h("span", spans, cls="spans"), cls="heats")
        title = f"Do parts look right? {words(task['asset'])} · {task['title']}"
        return panel(title, self._parts[name].html, aside=aside, id=f"pictures-{name}",
                     cls="panel pictures")  # fmt: skip

    def _body(self, task: Plain) -> Html:
        items = self._of.get(task["task"], [])
        trouble = h("p", f"▲ {task['problem']}", cls="warn") if task["problem"] else None
        if not items:
            told = "No picture was rejected." if self._rejected else (
                "No picture has come yet. A camera writes them into "
                f"{task['folder'] or 'no folder'}, or they are sent by the API."
            )  # fmt: skip
            return join(trouble, h("p", told, cls="empty"))
        answered: set[str] = set()
        shown = [self._card(one, answered) for one in items]
        return join(trouble, h("div", shown, cls="cards pictures"), self._counts(task))

    def _counts(self, task: Plain) -> Html:
        counts = [f"{figure(task[name])} {name}" for name in ("good", "rejected", "failed")]
        waits = task["waiting"] + task["left_in_folder"]
        kept = f"{many(task['kept'], 'picture')} kept, {task['kept_bytes'] / 1e6:.1f} MB"
        told: list[Child] = [f"Since the start {', '.join(counts)} · {kept} · ",
                             h("a", "Trend", href=f"/trends?signal={_query(task['signal'])}"),
                             " · model ", h("code", task["model"][:8])]  # fmt: skip
        if waits > 1:
            told.append(h("span", f" · {figure(waits)} wait", cls="quiet"))
        return h("p", told, cls="faint")

    def _card(self, one: Plain, answered: set[str]) -> Html:
        rejected = one["state"] == "rejected"
        state = f"▲ {one['state']}" if rejected else one["state"]
        note = f"{one['note'][:1].upper()}{one['note'][1:]}." if one["note"] else ""
        return h(
            "article",
            h("div", h("span", one["name"] or f"picture {one['id']}", title=one["name"]),
              h("span", self.viewer.clock(one["time"])), cls="top"),
            shot(one["task"], str(one["id"]), one["has"]),
            h("p", h("b" if rejected else "span", state, cls="warn" if rejected else "quiet"),
              h("small", _score(one)), cls="what"),
            _bar(one["over"]),
            h("p", note, cls="why") if note else None,
            self._said(one, answered) if one["finding"] else None,
            cls="card",
        )  # fmt: skip

    def _said(self, one: Plain, answered: set[str]) -> Html:
        """What people say of the finding that a rejected picture belongs to."""
        name = one["finding"]
        lots = h("a", "Which lots?", href=f"/quality?finding={_query(name)}#suspects")
        if one["answer"]:
            told = f"{one['answer']}: {_ANSWERS[one['answer']]}"
            return h("p", told[:1].upper() + told[1:], " · ", lots, cls="why")
        if name in answered:
            return h("p", "One finding with the later one · ", lots, cls="why")
        answered.add(name)
        return join(h("p", "Was it so? · ", lots, cls="why"),
                    cards.answer(self.viewer, name))  # fmt: skip


def shot(task: str, picture: str, has: list[str]) -> Html:
    """A picture with what lies over it; a click opens it as it came. `picture` is its number, or
    the hash of its content."""
    place = f"/api/pictures/{quote(task, safe='')}/{picture}"
    if "view" not in has:
        return h("p", "no picture to show", cls="shot none")
    view = h("img", src=f"{place}/view", alt="", loading="lazy", onerror="this.remove()")
    heat = h("img", src=f"{place}/heat", alt="", loading="lazy", cls="heat",
             onerror="this.remove()") if "heat" in has else None  # fmt: skip
    return h("a", view, heat, href=f"{place}/original", target="_blank", rel="noopener",
             cls="shot", title="As it came")  # fmt: skip


def _score(one: Plain) -> str:
    if one["score"] is None:
        return ""
    return f" score {figure(_short(one['score']))}, limit {figure(_short(one['limit']))}"


def _bar(over: float | None) -> Html | None:
    """The score as a share of its limit, which is marked in the middle."""
    if over is None:
        return None
    width = 50 * min(max(over, 0.0), 2.0)
    cls = "over beyond" if over > 1 else "over"
    return h("div", h("i", style=f"width:{width:.0f}%"), cls=cls,
             title=f"{over:.3g} times its limit")  # fmt: skip


def _short(value: float) -> float:
    return float(f"{value:.3g}")


def _query(text: str) -> str:
    return quote(text, safe="")
