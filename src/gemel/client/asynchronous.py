"""The client for programs with an event loop, and for the pages.

>>> async with AsyncClient("http://127.0.0.1:8080", token) as client:      # doctest: +SKIP
...     state = await client.state(["line2/filler/*"])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import quote

import httpx

from gemel.client.errors import failure
from gemel.core.errors import Unavailable

__all__ = ["AsyncClient", "Plain"]

Plain = dict[str, Any]
"""An object of plain data, as the API gives it."""


class Http(Protocol):
    """What the client needs of an `httpx.AsyncClient`."""

    async def request(
        self, method: str, url: str, /, *, params: Any = None, json: Any = None
    ) -> httpx.Response:
        """One request."""
        ...

    async def aclose(self) -> None:
        """End all connections."""
        ...


class AsyncClient:
    """Talks to one daemon with the rights of one token or session.

    Raises the same errors as the parts behind the API. `http` sends the requests, and is closed
    with the client; pages give one that reaches the application in their own process.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout: float = 60.0,
        http: Http | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._http: Http = http or httpx.AsyncClient(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection."""
        await self._http.aclose()

    # Requests

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request; answers other than 2xx become errors."""
        response = await self._send(method, path, **options)
        if not response.is_success:
            raise failure(response)
        return response

    async def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """GET plain data; parameters that are None are left out."""
        return (await self.request("GET", path, params=_given(params))).json()

    async def find(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """GET plain data, None where the daemon has no such thing (404)."""
        response = await self._send("GET", path, params=_given(params))
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        if not response.is_success:
            raise failure(response)
        return response.json()

    async def post(self, path: str, body: Any = None) -> Any:
        """POST plain data, get plain data."""
        return (await self.request("POST", path, json=body)).json()

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return await self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise Unavailable(f"{self.url} does not answer: {error}") from None

    # Plant and health

    async def me(self) -> Plain:
        """Who asks: name and role."""
        return _plain(await self.get("/api/me"))

    async def status(self) -> Plain:
        """Counters of every stage, connectors, and what is wrong now."""
        return _plain(await self.get("/api/status"))

    async def plant(self) -> Plain:
        """The site, its time zone and its shifts."""
        return _plain(await self.get("/api/plant"))

    async def assets(self, under: str = "", after: str = "", limit: int = 1_000) -> Plain:
        """A page of assets, in order of path."""
        params = {"under": under or None, "after": after or None, "limit": limit}
        return _plain(await self.get("/api/assets", params))

    async def asset(self, path: str) -> Plain:
        """One asset with its signals and commands."""
        return _plain(await self.get("/api/asset", {"path": path}))

    async def descriptions(self, paths: Sequence[str]) -> list[Plain]:
        """Assets with their signals and commands, at most 100."""
        found: list[Plain] = await self.get("/api/descriptions", {"path": paths}) if paths else []
        return found

    async def signals(
        self, match: str = "**", after: str = "", limit: int = 100, role: str | None = None
    ) -> Plain:
        """A page of signals that a glob matches, in order of path; of one role, if it is given."""
        params = {"match": match, "role": role, "after": after or None, "limit": limit}
        return _plain(await self.get("/api/signals", params))

    # State and history

    async def state(self, patterns: Sequence[str]) -> Plain:
        """The last value of each signal, with time, age, quality and score."""
        return _plain(await self.get("/api/state", {"signal": list(patterns)}))

    async def sketch(
        self, signal: str, start: str = "-1h", end: str = "now", points: int = 1_500
    ) -> Plain:
        """A signal for a chart, with every extreme kept and its gaps."""
        params = {"signal": signal, "start": start, "end": end, "points": points}
        return _plain(await self.get("/api/sketch", params))

    async def history(self, patterns: Sequence[str], **question: str | int | None) -> Plain:
        """History as columns of plain data; `question`: start, end, every, at, as_of, limit."""
        return _plain(await self.get("/api/history", {"signal": list(patterns), **question}))

    async def events(
        self, kind: str | None = None, subject: str | None = None, start: str | None = None,
        end: str | None = None, limit: int = 200, order: str = "newest",
    ) -> list[Plain]:  # fmt: skip
        """What happened."""
        params = {"kind": kind, "subject": subject, "start": start, "end": end}
        return list(await self.get("/api/events", {**params, "limit": limit, "order": order}))

    async def findings(self, start: str | None = None, limit: int = 50) -> list[Plain]:
        """What detectors noticed, each with its `diagnosis`, None where there is none."""
        return list(await self.get("/api/findings", {"start": start, "limit": limit}))

    async def quality(self, start: str = "-8h") -> list[Plain]:
        """Every value of the product with its specification, control chart and capability."""
        return list(await self.get("/api/quality", {"start": start}))

    async def lines(self) -> list[Plain]:
        """The lines of the plant file."""
        return list(await self.get("/api/lines"))

    async def line_now(self, line: str) -> Plain:
        """What stands where in a line now."""
        return _plain(await self.get(_of("lines", line, "now")))

    async def what_if(
        self, line: str, tries: Sequence[str], hours: float = 8.0, replications: int = 20, *,
        now: bool = False, repairs: Mapping[str, str] | None = None,
    ) -> Plain:  # fmt: skip
        """Play a line and alternatives to it on the same luck, empty at the start or as it is
        now; `repairs` say how long that of a station still takes."""
        body = {
            "tries": list(tries), "hours": hours, "replications": replications, "now": now,
            "repairs": dict(repairs or {}),
        }  # fmt: skip
        return _plain(await self.post(_of("lines", line, "what-if"), body))

    async def experiments(self, line: str | None = None) -> list[Plain]:
        """The experiments of a line, or of all, the newest first; without their results."""
        path = "/api/experiments" if line is None else _of("lines", line, "experiments")
        return list(await self.get(path))

    async def experiment(self, line: str, number: int) -> Plain:
        """One, with how far it is and what it says so far."""
        return _plain(await self.get(_experiment(line, number)))

    async def begin_experiment(
        self, line: str, experiment: Mapping[str, Any], tries: Sequence[str] = (), *,
        kind: str = "best", title: str = "", now: bool = False,
        repairs: Mapping[str, str] | None = None, within: str | None = None, text: str = "",
        name: str = "text", layouts: Sequence[str] = (), files: Mapping[str, str] | None = None,
    ) -> Plain:  # fmt: skip
        """Ask one: `experiment` is what a file for `gemel whatif` says without its line, `text` the
        same as YAML, of a file `name`. `layouts` are alternatives that are another layout, by name:
        of `files`, texts of lines, or of other lines of the plant file. It is played beside the
        twin, and ended after `within`, e.g. '10 min'."""
        body = {
            "kind": kind, "title": title, "tries": list(tries), "experiment": dict(experiment),
            "now": now, "repairs": dict(repairs or {}), "within": within, "text": text,
            "name": name, "layouts": list(layouts), "files": dict(files or {}),
        }  # fmt: skip
        return _plain(await self.post(_of("lines", line, "experiments"), body))

    async def stop_experiment(self, line: str, number: int) -> Plain:
        """End it; everything that is finished is kept."""
        return _plain(await self.post(f"{_experiment(line, number)}/stop"))

    async def continue_experiment(
        self, line: str, number: int, within: str | None = None, most: int | None = None
    ) -> Plain:  # fmt: skip
        """Let one that was ended go on from what is finished; to `most` replications of each
        alternative, also where those that it had are spent."""
        body = {"within": within, "most": most}
        return _plain(await self.post(f"{_experiment(line, number)}/continue", body))

    async def delete_experiment(self, line: str, number: int) -> None:
        """Remove one, with its results."""
        await self.request("DELETE", _experiment(line, number))

    async def compared_experiments(self, line: str, numbers: Sequence[int]) -> Plain:
        """Two or more of one kind beside each other."""
        params = {"number": list(numbers)}
        return _plain(await self.get(f"{_of('lines', line, 'experiments')}/compared", params))

    async def limits(self, line: str, start: str = "-8h") -> Plain:
        """What limited a line from `start` until now, by all methods, and over time."""
        return _plain(await self.get(_of("lines", line, "limits"), {"start": start}))

    async def learned_line(self, line: str, start: str = "-8h") -> Plain:
        """The line as it is learned from what it did, beside what the plant file says."""
        return _plain(await self.get(_of("lines", line, "learn"), {"start": start}))

    async def film(
        self, line: str, changes: Sequence[str] = (), hours: float = 2.0, *, moments: int = 200,
        now: bool = False, repairs: Mapping[str, str] | None = None, seed: int = 0,
    ) -> Plain:  # fmt: skip
        """One course that a line may take, moment by moment."""
        body = {
            "changes": list(changes), "hours": hours, "moments": moments, "now": now,
            "repairs": dict(repairs or {}), "seed": seed,
        }  # fmt: skip
        return _plain(await self.post(_of("lines", line, "film"), body))

    async def schedules(self) -> list[Plain]:
        """All schedules."""
        return list(await self.get("/api/schedules"))

    async def schedule(self, name: str) -> Plain:
        """What holds, what is proposed, what runs and what is down."""
        return _plain(await self.get(f"/api/schedules/{quote(name, safe='')}"))

    async def plan(
        self, name: str, *, seconds: float | None = None, near: bool = False,
        assumed: Mapping[str, str] | None = None, why: str = "asked for",
    ) -> Plain:  # fmt: skip
        """Look for a plan from now on; it is proposed."""
        body = {"seconds": seconds, "near": near, "assumed": assumed, "why": why}
        return _plain(await self.post(_of("schedules", name, "plan"), body))

    async def machine_down(self, name: str, machine: str, takes: str) -> Plain:
        """A machine is down for so long; '0 s': it runs again."""
        body = {"machine": machine, "takes": takes}
        return _plain(await self.post(_of("schedules", name, "down"), body))

    async def move(self, name: str, operation: str, machine: str, start: str) -> Plain:
        """Put an operation elsewhere."""
        body = {"operation": operation, "machine": machine, "start": start}
        return _plain(await self.post(_of("schedules", name, "move"), body))

    async def release_plan(self, name: str, number: int) -> Plain:
        """The proposed plan holds."""
        return _plain(await self.post(_of("schedules", name, "release"), {"number": number}))

    async def send_again(self, name: str) -> int:
        """Send the job orders that were refused once more; how many."""
        return int((await self.post(_of("schedules", name, "job-orders/send-again"), {}))["again"])

    async def discard_plan(self, name: str, number: int) -> Plain:
        """The proposed plan is thrown away."""
        return _plain(await self.post(_of("schedules", name, "discard"), {"number": number}))

    async def maintained(self) -> list[Plain]:
        """All that is kept up, by name."""
        return list(await self.get("/api/maintenance"))

    async def maintenance(self, name: str, *, wait: bool = False) -> Plain:
        """When to replace what, visits, and room in the schedule; with `wait` not before it is
        worked out."""
        path = f"/api/maintenance/{quote(name, safe='')}"
        return _plain(await self.get(path, {"wait": True if wait else None}))

    async def supplies(self) -> list[Plain]:
        """All supply networks, by name."""
        return list(await self.get("/api/supply"))

    async def supply(self, name: str, *, wait: bool = False) -> Plain:
        """What runs out when, what to order, which stage is the risk; with `wait` not before it is
        worked out."""
        path = f"/api/supply/{quote(name, safe='')}"
        return _plain(await self.get(path, {"wait": True if wait else None}))

    # Production

    async def kpis(self) -> Plain | None:
        """Key figures of the shift; None where the plant has none."""
        return _maybe(await self.find("/api/kpis"))

    async def machines(self) -> list[Plain]:
        """What every machine does now: state, stop, whether it is slow; none without operations."""
        return list(await self.find("/api/machines") or [])

    async def detectors(self) -> list[Plain]:
        """What watches, what it has learned from, and what it says now."""
        return list(await self.find("/api/detectors") or [])

    async def models(self) -> Plain:
        """What learns: champions, shadows, drift, and what is proposed about models."""
        return _plain(await self.get("/api/models"))

    async def fit(self, task: str, because: str = "") -> Plain:
        """Have a task or a detector fitted again now; `because` says what has changed."""
        return _plain(await self.post(_of("models", task, "fit"), {"because": because}))

    async def stop_fit(self, task: str) -> Plain:
        """Give up the fit that runs."""
        return _plain(await self.post(_of("models", task, "stop"), {}))

    async def make_champion(self, task: str, model: str, reason: str) -> Plain:
        """Make a model champion without a comparison."""
        body = {"model": model, "reason": reason}
        return _plain(await self.post(_of("models", task, "champion"), body))

    async def approve_model(self, promotion: str, note: str = "") -> Plain:
        """Let a proposed model be champion."""
        return _plain(await self.post(_of("promotions", promotion, "approve"), {"note": note}))

    async def decline_model(self, promotion: str, reason: str) -> Plain:
        """Let the champion stay."""
        return _plain(await self.post(_of("promotions", promotion, "decline"), {"reason": reason}))

    async def labels(self) -> Plain:
        """What people said of findings, and how often detectors were wrong."""
        return _plain(await self.get("/api/labels"))

    async def answer(self, finding: str, answer: str, cause: str = "", note: str = "") -> Plain:
        """Say whether a finding was right, wrong, or known and no fault."""
        body = {"answer": answer, "cause": cause, "note": note}
        return _plain(await self.post(_of("findings", finding, "answer"), body))

    async def story(self) -> Plain | None:
        """The steps of a guided tour; None where there is none."""
        return _maybe(await self.find("/api/story"))

    # Alarms

    async def alarms(self) -> Plain | None:
        """Active alarms and the performance of the alarm system; None without alarms."""
        return _maybe(await self.find("/api/alarms"))

    async def acknowledge(self, alarm: str, note: str = "") -> Plain:
        """Take an alarm on."""
        return _plain(await self.post(_of("alarms", alarm, "acknowledge"), {"note": note}))

    async def shelve(self, alarm: str, minutes: float, reason: str) -> Plain:
        """Put an alarm aside for a time."""
        body = {"minutes": minutes, "reason": reason}
        return _plain(await self.post(_of("alarms", alarm, "shelve"), body))

    async def unshelve(self, alarm: str) -> Plain:
        """Bring a shelved alarm back."""
        return _plain(await self.post(_of("alarms", alarm, "unshelve"), {}))

    async def reset(self, alarm: str) -> Plain:
        """Let go of a latched alarm that has ended and was acknowledged."""
        return _plain(await self.post(_of("alarms", alarm, "reset"), {}))

    # Decisions

    async def proposals(self) -> Plain | None:
        """Proposals that wait or were decided lately; None without decisions."""
        return _maybe(await self.find("/api/proposals"))

    async def approve(self, proposal: str, note: str = "") -> Plain:
        """Approve a proposal."""
        return _plain(await self.post(_of("proposals", proposal, "approve"), {"note": note}))

    async def decline(self, proposal: str, reason: str) -> Plain:
        """Decline a proposal; the reason is kept and learned from."""
        return _plain(await self.post(_of("proposals", proposal, "decline"), {"reason": reason}))

    async def try_value(self, proposal: str, value: float) -> Plain:
        """What the envelope says of another value; nothing is sent."""
        return _plain(await self.post(_of("proposals", proposal, "try"), {"value": value}))

    async def command(self, command: str, value: float, reason: str) -> Plain:
        """Propose a command of one's own; it goes the same way as every proposal."""
        body = {"command": command, "value": value, "reason": reason}
        return _plain(await self.post("/api/commands", body))

    async def kill(self, place: str, reason: str) -> Plain:
        """Stop all commands of an asset and what is below it, or of the plant."""
        return _plain(await self.post("/api/kill", {"place": place, "reason": reason}))

    async def release(self, place: str, reason: str) -> Plain:
        """Release a kill switch."""
        return _plain(await self.post("/api/release", {"place": place, "reason": reason}))

    async def journal(self, limit: int = 200) -> Plain | None:
        """Decisions and commands with the state of their hash chain; None without decisions."""
        return _maybe(await self.find("/api/journal", {"limit": limit}))

    # The plant file

    async def plant_file(self) -> Plain | None:
        """Text, hash, problems and former versions of the plant file."""
        return _maybe(await self.find("/api/plant-file"))

    async def check_plant_file(self, text: str) -> Plain:
        """Problems of a text, by line; nothing is changed."""
        return _plain(await self.post("/api/plant-file/check", {"text": text}))

    async def save_plant_file(self, text: str, hash: str) -> Plain:
        """Replace the plant file, unless it is no longer the one with `hash`."""
        body = {"text": text, "hash": hash}
        return _plain((await self.request("PUT", "/api/plant-file", json=body)).json())


def _of(kind: str, name: str, verb: str) -> str:
    return f"/api/{kind}/{quote(name, safe='')}/{verb}"


def _experiment(line: str, number: int) -> str:
    return f"{_of('lines', line, 'experiments')}/{number}"


def _given(params: Mapping[str, Any] | None) -> dict[str, Any]:
    return {k: v for k, v in (params or {}).items() if v is not None}


def _plain(answer: Any) -> Plain:
    return dict(answer)


def _maybe(answer: Any) -> Plain | None:
    return None if answer is None else dict(answer)
