"""Job orders on the page Schedule: how each was sent, and what became of it."""

from __future__ import annotations

from gemel.client.asynchronous import Plain
from gemel.doors.web.markup import Child, Html, button, figure, h, many, table
from gemel.doors.web.viewer import Viewer

__all__ = ["job_orders"]

_WRONG = ("refused", "aborted")


def job_orders(viewer: Viewer, shown: Plain) -> Html | None:
    """A row for each job order, a column for each way; None where none is sent anywhere."""
    jobs: dict[str, Plain] = shown["jobs"]
    ways = sorted({one["way"] for told in jobs.values() for one in told["sent"]})
    plan = shown["held"]
    if not jobs or plan is None:
        return None
    begins = {row["operation"]: row for row in plan["rows"]}
    order = sorted(jobs, key=lambda job: (job not in begins, begins.get(job, {}).get("start", "")))
    rows, refused = [], 0
    for job in order:
        by_way = {one["way"]: one for one in jobs[job]["sent"]}
        refused += sum(one["state"] == "refused" for one in by_way.values())
        machine = begins[job]["machine"] if job in begins else "no more in the plan"
        rows.append(
            (job, machine, *(_word(by_way.get(way)) for way in ways),
             _response(viewer, jobs[job]["response"]))
        )  # fmt: skip
    again: Child = None
    if refused and viewer.may("operator"):
        again = h(
            "div", h("span", f"{many(refused, 'job order')} refused. ", cls="what"),
            button("Send again", "again"), cls="buttons",
        )  # fmt: skip
    heads = ("Job order", "Machine", *(f"Sent to {way}" for way in ways), "Response")
    return h("div", h("h3", "Job orders"), table(heads, rows), again, style="margin-top:20px")


def _word(sent: Plain | None) -> Child:
    if sent is None:
        return ""
    told = sent["word"] + (f": {sent['reason']}" if sent["reason"] else "")
    return h("b", f"▲ {told}") if sent["word"] in _WRONG else told


def _response(viewer: Viewer, response: Plain | None) -> Child:
    if response is None:
        return ""
    words = {"NotAllowedToStart": "not allowed to start", "AllowedToStart": "allowed to start"}
    state = str(response["JobState"])
    told = words.get(state, state.lower())
    if "EndTime" in response:
        told += f" {viewer.clock(response['EndTime'])}"
    elif "StartTime" in response:
        told += f" since {viewer.clock(response['StartTime'])}"
    if made := response.get("MaterialActual"):
        told += f", {figure(float(made[0]['Quantity']['QuantityString']))} good"
    return told
