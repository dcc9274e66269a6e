"""Cards of advice: proposals on their way to a decision, and findings."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from gemel.client.asynchronous import Plain
from gemel.core.errors import Refused
from gemel.doors.web import diagnosis
from gemel.doors.web.markup import Child, Html, button, data, figure, form, h, label, words
from gemel.doors.web.viewer import Viewer

__all__ = ["act", "advice", "answer", "finding", "outcome", "proposal"]


def advice(viewer: Viewer, proposals: Plain | None, findings: list[Plain]) -> Html:
    """The column beside the line: what waits for a decision, then what was noticed."""
    waiting = [p for p in (proposals or {}).get("items", []) if p.get("waiting")]
    open_now = [f for f in findings if f["end"] is None][:5]
    cards = [proposal(viewer, p) for p in waiting] + [finding(viewer, f) for f in open_now]
    body = cards or [h("p", "Nothing to decide, and no open finding.", cls="empty")]
    link = h("a", "All advice", href="/advice")
    return h(
        "section",
        h("div", h("h2", "Advice"), h("span", link, cls="end"), cls="title"),
        h("div", body, cls="body"),
        cls="panel",
    )


def proposal(viewer: Viewer, item: Plain) -> Html:
    """One proposal, and what a person can do with it."""
    envelope = item.get("envelope") or {}
    said = envelope.get("sentence") or ("within" if envelope.get("ok") else "outside")
    target = f"{figure(item.get('value'))} {item.get('unit') or ''}"
    facts: list[tuple[str, Child]] = [_effect(e) for e in item.get("effects") or []]
    if item.get("present") is not None:
        facts.insert(0, ("Now → then", f"{figure(item['present'])} → {target}"))
    facts.append(("Envelope", said))
    action = item.get("action") or item.get("title")
    rest = item.get("title") if action != item.get("title") else None
    needs, waits = item.get("needs"), item.get("waiting")
    return h(
        "article",
        h(
            "div",
            h("span", f"{words(item['asset'])} · proposed {viewer.clock(item.get('time'))[:-3]}"),
            h("span", f"needs {needs}" if needs else item.get("state")),
            cls="top",
        ),
        h("p", h("b", action), f" · {rest}" if rest else None, cls="what"),
        h("dl", [(h("dt", name), h("dd", value)) for name, value in facts], cls="facts"),
        h("p", "Why: ", item["reason"], cls="why") if item.get("reason") else None,
        h("p", item["said"], cls="why") if item.get("said") and not waits else None,
        _provenance(viewer, item),
        _decide(viewer, item),
        cls="card",
    )


def _effect(effect: Plain) -> tuple[str, Html]:
    unit = effect.get("unit") or ""
    start, end = effect.get("from"), effect.get("to")
    text = f"{figure(start)} → {figure(end)}" if start is not None else figure(end)
    low, high = effect.get("low"), effect.get("high")
    interval = f" [{figure(low)}, {figure(high)}]" if low is not None and high is not None else ""
    return str(effect.get("text", "")), h("span", f"{text} {unit}".strip() + interval)


def _provenance(viewer: Viewer, item: Plain) -> Html | None:
    said = [
        f"by {item['proposed_by']}" if item.get("proposed_by") else "",
        f"until {viewer.clock(item['expires'])}" if item.get("expires") else "",
    ]
    evidence = item.get("evidence")
    shown = (
        h("details", h("summary", "Evidence", cls="link"), _evidence(evidence))
        if evidence
        else None
    )
    text = " · ".join(s for s in said if s)
    return h("div", h("p", text, cls="faint") if text else None, shown) if text or shown else None


def _evidence(evidence: Any) -> Html:
    if isinstance(evidence, dict):
        rows = [(h("dt", words(str(k))), h("dd", _plain(v))) for k, v in evidence.items()]
        return h("dl", rows, cls="facts")
    if isinstance(evidence, list):
        return h("ul", [h("li", _plain(e)) for e in evidence])
    return h("p", str(evidence))


def _plain(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return data(value)
    return figure(value)


def _decide(viewer: Viewer, item: Plain) -> Html | None:
    if not item.get("waiting") or not viewer.may("operator"):
        return None
    name = item["id"]
    decline = form("decline", label("Reason", "reason", required=True, maxlength=200),
                   submit="Decline", proposal=name)  # fmt: skip
    other = form(
        "try",
        label(f"Value, {item.get('unit') or 'as the signal'}", "value", item.get("value"),
              type="number", step="any", required=True),
        stay=True,
        submit="Ask the envelope",
        proposal=name,
    )  # fmt: skip
    return h(
        "div",
        button("Approve", "approve", first=True, proposal=name),
        h("details", h("summary", "Other value", cls="button"), other),
        h("details", h("summary", "Decline", cls="button"), decline),
        cls="buttons",
    )


def finding(viewer: Viewer, event: Plain) -> Html:
    """One finding with the signals that made it."""
    payload = event["payload"]
    score, limit = payload.get("score"), payload.get("limit")
    since = payload.get("since") or event["time"]
    shares = payload.get("contributions") or []
    rows = [
        (
            h("dt", h("a", words(c["signal"]), href=f"/trends?signal={_query(c['signal'])}")),
            h("dd", f"{100 * float(c['share']):.0f} %"),
        )
        for c in shares[:4]
    ]
    first = shares[0]["signal"] if shares else None
    spark = (
        h("svg", data_spark=first, data_span="-30m", viewBox="0 0 90 20",
          preserveAspectRatio="none", cls="spark", style="width:100%;height:34px")
        if first
        else None
    )  # fmt: skip
    told = " · ".join(
        s
        for s in (
            payload.get("detector") or event["source"],
            f"score {figure(score)}, limit {figure(limit)}" if score is not None else "",
            f"model {str(payload['model'])[:8]}" if payload.get("model") else "",
        )
        if s
    )
    return h(
        "article",
        h(
            "div",
            h("span", f"{words(event['subject'])} · finding"),
            h("span", "inbox, no alarm" if event["end"] is None else "ended"),
            cls="top",
        ),
        h("p", h("b", payload.get("title") or "Not as usual"), f" · since {viewer.clock(since)}",
          cls="what"),
        spark,
        _picture(payload),
        h("dl", rows, cls="facts") if rows and event.get("diagnosis") is None else None,
        h("p", payload["because"], cls="why") if payload.get("because") and not rows else None,
        diagnosis.shown(viewer, event.get("diagnosis")),
        h("p", told, " · ",
          h("a", "Which lots?", href=f"/quality?finding={_query(event['id'])}#suspects"),
          cls="why"),
        answer(viewer, event["id"]),
        cls="card",
    )  # fmt: skip


def _picture(payload: Plain) -> Html | None:
    """The picture that shows it best, where it was found in pictures."""
    if not payload.get("picture"):
        return None
    place = f"/api/pictures/{_query(payload['detector'])}/{payload['picture']}"
    return h(
        "a",
        [h("img", src=f"{place}/{what}", alt="", cls=cls, onerror="this.remove()")
         for what, cls in (("view", None), ("heat", "heat"))],
        href=f"/quality#pictures-{payload['detector']}", cls="shot",
    )  # fmt: skip


def answer(viewer: Viewer, finding: str) -> Html | None:
    """Right, wrong or known: what a person says of a finding."""
    if not viewer.may("operator"):
        return None
    words_of = {
        "right": ("Right", "It was so"),
        "wrong": ("Wrong", "A false alarm"),
        "known": ("Known", "It was so, and is no fault, e.g. another product"),
    }
    buttons = [
        h("button", word, type="submit", name="answer", value=value, title=meaning)
        for value, (word, meaning) in words_of.items()
    ]
    fields = label("What was it?", "cause", maxlength=200, placeholder="may stay empty")
    return h(
        "div",
        h("details", h("summary", "Answer", cls="button"),
          h("form", fields, h("div", buttons, cls="buttons"), data_action="answer",
            data_finding=finding)),
        cls="buttons",
    )  # fmt: skip


def another_model(name: str) -> Html:
    """A form that makes another model the champion of a task or a detector."""
    champion = form(
        "make-champion",
        label("Model (16 digits)", "model", required=True, pattern="[0-9a-f]{16}", maxlength=16),
        label("Reason", "reason", required=True, maxlength=200),
        submit="Make champion",
        task=name,
    )
    return h("details", h("summary", "Another model", cls="button"), champion)


def _query(path: str) -> str:
    return quote(path, safe="")


def outcome(command: Plain) -> str:
    """Where a command is after somebody decided. Raises `Refused` with the envelope's sentence."""
    if command["state"] == "refused":
        raise Refused(command.get("sentence") or "refused")
    more = f", needs {command['needs']}" if command.get("needs") else ""
    return f"It is {command['state']}{more}"


def act(viewer: Viewer) -> None:
    """Actions on proposals and findings, for pages that show them."""

    async def approve(told: Plain) -> str:
        return outcome(await viewer.client.approve(told["proposal"]))

    async def decline(told: Plain) -> str:
        await viewer.client.decline(told["proposal"], told["reason"])
        return "Declined; the reason is kept"

    async def try_value(told: Plain) -> str:
        answer = await viewer.client.try_value(told["proposal"], float(told["value"]))
        envelope = answer["envelope"]
        if not envelope["ok"]:
            raise Refused(envelope["sentence"])
        return f"The envelope allows it: {envelope['sentence'] or 'within its limits'}"

    async def say(told: Plain) -> str:
        said = await viewer.client.answer(told["finding"], told["answer"], told.get("cause", ""))
        return f"Kept: {said['answer']}" + (f", {said['cause']}" if said["cause"] else "")

    viewer.on("answer", say)
    viewer.on("approve", approve)
    viewer.on("decline", decline)
    viewer.on("try", try_value)
