"""Lots on the page Quality: which are held back, where suspect ones went, what is known of one."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from gemel.client.asynchronous import Plain
from gemel.core.errors import ConfigurationError
from gemel.core.time import SECOND
from gemel.doors.web.frame import Surroundings
from gemel.doors.web.markup import (
    Child,
    Html,
    figure,
    form,
    h,
    join,
    label,
    many,
    panel,
    table,
    words,
)
from gemel.doors.web.viewer import Action

__all__ = ["Lots"]

_SHOWN = 6
_LONGEST = 1_000
_RENEW = 10 * SECOND
"""All of a lot's history is read for its panel."""


class Lots:
    """What a page shows of lots: all that were seen, and what its address asks for."""

    def __init__(self, around: Surroundings) -> None:
        self.viewer = around.viewer
        self._query = around.query
        self._all: Plain = {}
        self._about: Plain | None = None
        self._suspects: Plain | None = None
        self._problem = ""
        self._asked = 0

    async def ask(self, start: str) -> None:
        """Ask, unless that was done a moment ago; `start` is how far back lots are listed."""
        if self._asked and self.viewer.now - self._asked < _RENEW:
            return
        self._asked = self.viewer.now
        client, query = self.viewer.client, self._query
        self._all = await client.get("/api/lots", {"start": start})
        names = ("asset", "start", "end", "finding")
        asked = {name: query[name] for name in names if query.get(name)}
        self._problem = ""
        try:
            if lot := query.get("lot"):
                self._about = await client.get("/api/lots/about", {"lot": lot})
            if asked:
                self._suspects = await client.get("/api/lots/suspects", asked)
        except ConfigurationError as error:
            self._problem = str(error)

    def html(self) -> Html:
        """All panels of lots; nothing where a plant has none and nobody asked."""
        if self._problem:
            told = h("p", f"{self._problem[:1].upper()}{self._problem[1:]}.", cls="empty")
            return join(panel("Which lots?", told, id="suspects"), self._list())
        return join(self._found(), self._one(), self._list())

    # All

    def _list(self) -> Html:
        viewer, items = self.viewer, self._all["items"]
        if not items:
            return Html("")
        order = {"on hold": 0, "scrapped": 2}
        rows = [
            (_link(i["lot"]), _state(i["state"], i["reason"]), viewer.clock(i["first"]),
             "is there" if i["lasts"] else viewer.clock(i["last"]),
             ", ".join(words(a) for a in i["assets"]) or "not seen")
            for i in sorted(items, key=lambda i: order.get(i["state"], 1))
        ]  # fmt: skip
        held = sum(i["state"] == "on hold" for i in items)
        aside = h("span", f"▲ {figure(held)} on hold", cls="warn") if held else many(
            len(items), "lot")  # fmt: skip
        heads = ("Lot", "State", "First seen", "Last seen", "Where")
        more = len(rows) - _SHOWN
        rest = h("details", h("summary", f"{figure(more)} more", cls="link"),
                 table(heads, rows[_SHOWN:])) if more > 0 else None  # fmt: skip
        return panel("Which lots?", table(heads, rows[:_SHOWN]), rest, self._search(), aside=aside,
                     id="lots")  # fmt: skip

    def _search(self) -> Html:
        fields = h(
            "form",
            label("Asset", "asset", required=True, maxlength=512, placeholder="line2/filler"),
            label("From", "start", required=True, maxlength=40, placeholder="-2h or 09:30"),
            label("To", "end", maxlength=40, placeholder="now"),
            h("div", h("button", "Find lots", type="submit", cls="first"), cls="buttons"),
            method="get",
            action="/quality",
        )
        return h("div", h("details", h("summary", "A suspect time …", cls="button"), fields),
                 cls="buttons")  # fmt: skip

    # A suspect window

    def _found(self) -> Html:
        told = self._suspects
        if told is None:
            return Html("")
        viewer = self.viewer
        span = f"{viewer.clock(told['start'])} to {viewer.clock(told['end'])}"
        title = f"Which lots were at {words(told['asset'])}, {span}?"
        notes = [h("p", f"{note}.", cls="faint") for note in told["notes"]]
        if not told["items"]:
            told_none = h("p", "No lot was there.", cls="empty")
            return panel(title, told_none, notes, id="suspects")
        hold = None
        if viewer.may("operator"):
            given: dict[str, Any] = {n: self._query[n] for n in ("asset", "start", "end", "finding")
                     if self._query.get(n)}  # fmt: skip
            body = form("hold-lots", label("Reason", "reason", required=True, maxlength=_LONGEST),
                        submit=f"Hold {many(len(told['items']), 'lot')}", **given)  # fmt: skip
            hold = h("div", h("details", h("summary", "Hold back …", cls="button"), body),
                     cls="buttons")  # fmt: skip
        return panel(title, self._reached(told["items"]), notes, hold, id="suspects",
                     aside=many(len(told["items"]), "lot"))  # fmt: skip

    def _reached(self, items: list[Plain]) -> Html:
        rows = [
            (_link(i["lot"]), "" if i["sure"] else "perhaps", _state(i["state"], ""),
             h("ol", [h("li", self._step(s)) for s in i["way"]], cls="way"))
            for i in items
        ]  # fmt: skip
        return table(("Lot", "Sure", "State", "How it leads there"), rows)

    def _step(self, step: Plain) -> str:
        of = f" {step['of']}" if step["of"] else ""
        start, end = self.viewer.clock(step["start"]), self.viewer.clock(step["end"])
        span = start if start == end else f"{start} to {end}"
        return f"{step['lot']} {step['how']}{of}, {words(step['asset'])}, {span}"

    # One lot

    def _one(self) -> Html:
        about = self._about
        if about is None:
            return Html("")
        viewer = self.viewer
        stays = [
            (words(s["asset"]), viewer.clock(s["start"]),
             viewer.clock(s["end"]) if s["end"] else "is there", "" if s["sure"] else "perhaps")
            for s in about["was_at"]
        ]  # fmt: skip
        left: list[Child] = []
        if stays:
            left += [h("p", "Where it was", cls="quiet"),
                     table(("Asset", "From", "To", "Sure"), stays)]  # fmt: skip
        for name, key in (("Went into", "went_into"), ("Came from", "came_from")):
            if about[key]:
                left += [h("p", name, cls="quiet"), self._reached(about[key])]
        if about["measured"]:
            left += [h("p", "Measured while it was there", cls="quiet"), _measured(about)]
        if about["findings"]:
            rows = [(viewer.clock(f["time"]), f"{words(f['asset'])}: {f['title']}",
                     f["answer"] or "not answered") for f in about["findings"]]  # fmt: skip
            left += [h("p", "Noticed", cls="quiet"), table(("Time", "Finding", "Answer"), rows)]
        right: list[Child] = [self._wishes(about), self._against(about), self._holds(about),
                              self._records(about)]  # fmt: skip
        return panel(f"Lot {about['lot']}",
                     h("div", h("div", left), h("div", right), cls="chart-and-facts"),
                     aside=_state(about["state"], ""), id="lot")  # fmt: skip

    def _against(self, about: Plain) -> Html:
        points = about["speaks_against_it"]
        if not points:
            return h("p", "Nothing speaks against its release.")
        return join(h("p", "Against a release", cls="quiet"),
                    h("ul", [h("li", f"{p}.") for p in points], cls="why"))  # fmt: skip

    def _holds(self, about: Plain) -> Html | None:
        if not about["holds"]:
            return None
        items = [
            h("li", f"{self.viewer.clock(one['time'])} {one['by']}: {one['reason']}",
              h("br"), h("span", f"{one['disposition']} by {one['disposed_by']}: "
                         f"{one['disposition_reason']}" if one["ended"] else "not cleared yet",
                         cls="quiet" if one["ended"] else "warn"))
            for one in reversed(about["holds"])
        ]  # fmt: skip
        return join(h("p", "Holds", cls="quiet"), h("ul", items, cls="why"))

    def _records(self, about: Plain) -> Html | None:
        if not about["records"]:
            return None
        items = [
            h("li", h("a", f"Version {one['version']}", href=f"/api/lots/records/{one['record']}",
                      download=True), f", {one['meaning']}, signed by {one['by']} "
              f"{self.viewer.clock(one['time'])} · ", h("code", one["record"][:12]))
            for one in reversed(about["records"])
        ]  # fmt: skip
        return join(h("p", "Release records", cls="quiet"), h("ul", items, cls="why"))

    def _wishes(self, about: Plain) -> Html | None:
        viewer, lot, state = self.viewer, about["lot"], about["state"]

        def reason(action: str, name: str, submit: str) -> Html:
            body = form(action, label("Reason", "reason", required=True, maxlength=_LONGEST),
                        submit=submit, lot=lot)  # fmt: skip
            return h("details", h("summary", name, cls="button"), body)

        wishes = []
        if viewer.may("operator") and state != "scrapped":
            wishes.append(reason("hold-lots", "Hold back …", "Hold back"))
        if viewer.may("engineer") and state == "on hold":
            wishes.append(reason("clear-lot", "Clear …", "Clear"))
        if viewer.may("engineer") and state != "scrapped":
            wishes.append(reason("scrap-lot", "Scrap …", "Scrap for good"))
        if viewer.may("engineer") and state not in ("on hold", "scrapped"):
            wishes.append(self._sign(about))
        return h("div", wishes, cls="buttons") if wishes else None

    def _sign(self, about: Plain) -> Html:
        points = about["speaks_against_it"]
        lasts = any(s["end"] is None for s in about["was_at"])
        body = form(
            "release-lot",
            label("Name", "person", self.viewer.name, required=True, maxlength=100),
            label("Password, once more", "password", type="password", required=True,
                  maxlength=_LONGEST, autocomplete="off"),
            label("Meaning", "meaning", "released for delivery", required=True, maxlength=200),
            label("Why it may go nevertheless" if points else "Comment", "comment",
                  required=bool(points), maxlength=2_000),
            submit="Sign",
            lot=about["lot"],
            # Of a lot that is still there, more is known every second.
            content="" if lasts else about["content"],
        )  # fmt: skip
        return h("details", h("summary", "Release …", cls="button"), body)

    # What people do

    def act(self) -> None:
        """Take the actions of these panels."""
        client = self.viewer.client

        async def hold(told: Plain) -> str:
            names = ("asset", "start", "end", "finding")
            body: dict[str, Any] = {n: told[n] for n in names if told.get(n)}
            body["lots"] = [told["lot"]] if told.get("lot") else []
            held = await client.post("/api/lots/hold", {**body, "reason": told["reason"]})
            return f"On hold: {', '.join(one['lot'] for one in held)}"

        async def clear(told: Plain) -> str:
            await client.post("/api/lots/clear", {"lots": [told["lot"]], "reason": told["reason"]})
            return "Cleared; the reason is kept"

        async def scrap(told: Plain) -> str:
            await client.post("/api/lots/scrap", {"lots": [told["lot"]], "reason": told["reason"]})
            return "Scrapped; the reason is kept"

        async def release(told: Plain) -> str:
            names = ("lot", "person", "password", "meaning", "comment", "content")
            found = await client.post("/api/lots/release", {n: told.get(n, "") for n in names})
            return f"Released, signed by {found['signed_by']}: record {found['record'][:12]}"

        def then_look(handler: Action) -> Action:
            async def done(told: Plain) -> str | None:
                said = await handler(told)
                self._asked = 0
                return said

            return done

        for name, handler in (("hold-lots", hold), ("clear-lot", clear), ("scrap-lot", scrap),
                              ("release-lot", release)):  # fmt: skip
            self.viewer.on(name, then_look(handler))


def _measured(about: Plain) -> Html:
    rows = [
        (words(m["signal"]), f"{figure(_short(m['mean']))} {m['unit']}" if m["values"] else "—",
         f"{figure(_short(m['least']))} to {figure(_short(m['most']))}" if m["values"] else "—",
         _able(m), figure(m["values"]),
         h("span", figure(m["outside"]), cls="warn" if m["outside"] else None))
        for m in about["measured"]
    ]  # fmt: skip
    heads = ("Value", "Mean", "Range", "Capability", "Measured", "Outside")
    return table(heads, rows, numeric=(1, 2, 4, 5))


def _able(measured: Plain) -> str:
    told = {i["name"]: i for i in measured["capability"]}
    one = told.get("Cpk") or told.get("Ppk")
    return f"{one['name']} {one['value']:.2f} [{one['low']:.2f}, {one['high']:.2f}]" if one else "—"


def _link(lot: str) -> Html:
    return h("a", lot, href=f"/quality?lot={quote(lot, safe='')}#lot")


def _state(state: str, reason: str) -> Html:
    told = f"{state}: {reason}" if reason else state
    return h("span", f"▲ {told}", cls="warn") if state == "on hold" else h(
        "span", told, cls="quiet" if state == "open" else None)  # fmt: skip


def _short(value: float) -> float:
    return float(f"{value:.4g}")
