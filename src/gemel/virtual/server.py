"""Serves the virtual line by OPC UA, in a process of its own.

The model knows nothing of this: the server advances it by a simulated clock, publishes what
changed, and hands writes, commands and faults to it.
"""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
from asyncua import Server, ua

from gemel.virtual.access import GuardedAttributes, Users
from gemel.virtual.clock import SimulatedClock
from gemel.virtual.faults import NS, Fault
from gemel.virtual.history import MemoryHistory, to_datetime
from gemel.virtual.jobs import JobControl
from gemel.virtual.line import IllegalCommandError, Line, NotWritableError, OutOfRangeError
from gemel.virtual.load import ExtraSignals, build_clutter, build_extra
from gemel.virtual.options import Options
from gemel.virtual.packml import Command
from gemel.virtual.publisher import Publisher
from gemel.virtual.scenario import SCENARIOS
from gemel.virtual.signals import BY_PATH, LINE, MACHINES
from gemel.virtual.simulation import build_simulation, checked_method, show
from gemel.virtual.space import (
    LINE_URI,
    TYPES_URI,
    VARIANT_TYPES,
    Parameter,
    Space,
    build_line,
)
from gemel.virtual.truth import TruthLog

_log = logging.getLogger(__name__)
_RETENTION_S = 7_200.0
_EXTRA_RETENTION_S = 300.0
_COMMAND = Parameter("command", ua.ObjectIds.Int32, "PackML: 1 Reset 2 Start 3 Stop 4 Hold …")
_GOOD = ua.StatusCode()


class PlantServer:
    """The line behind a real OPC UA server. `open` listens, `run` lives until it is cancelled."""

    def __init__(self, options: Options, wall_ns: Callable[[], int], truth: TruthLog) -> None:
        self._options = options
        self._wall_ns = wall_ns
        self._scenario = SCENARIOS[options.scenario]
        self._period_ns = round(NS / options.rate_hz)
        self._noise, load = np.random.default_rng(options.seed).spawn(2)
        self._extra = ExtraSignals(options.extra_signals, load)
        self._truth = truth
        self._cuts_planned = list(self._scenario.cuts)
        self._cuts: asyncio.Queue[float] = asyncio.Queue()
        self._history = MemoryHistory()
        self._server = Server(user_manager=Users(options.users))
        self._publisher = Publisher(self._server, self._history)
        self.url = options.endpoint

    # --- life --------------------------------------------------------------------------------

    async def open(self) -> None:
        """Build the address space, run the history in, and listen; sets `url`."""
        options, server = self._options, self._server
        await server.init()
        server.set_server_name("Gemel virtual bottling line")
        await server.set_application_uri("urn:gemel:virtual:server")
        server.set_endpoint(options.endpoint)
        server.iserver.history_manager.set_storage(self._history)
        await self._set_security()
        await self._build()
        self._line = self._run_in()
        self._begin_ns = self._line.time_ns
        self._clock = SimulatedClock(self._begin_ns, options.speedup)
        await self._publisher.publish_all(self._line.values(), self._begin_ns)
        await server.start()
        url = urlparse(options.endpoint)
        self.url = url._replace(netloc=f"{url.hostname}:{server.bserver.port}").geturl()
        for endpoint in server.iserver.endpoints:
            endpoint.EndpointUrl = self.url
            endpoint.Server.DiscoveryUrls = [self.url]
        self._truth.write(
            "start", self._begin_ns, url=self.url, seed=options.seed, scenario=options.scenario
        )

    async def run(self) -> None:
        """Run line, load and network cuts until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._run_line(), name="line")
            tasks.create_task(self._run_cuts(), name="network cuts")
            if self._extra.signals:
                tasks.create_task(self._run_extra(), name="load")

    async def close(self) -> None:
        counts = self._publisher.counts
        self._truth.write("end", self._line.time_ns, total=self._publisher.total, samples=counts)
        await self._server.stop()

    # --- building ----------------------------------------------------------------------------

    def _run_in(self) -> Line:
        """The line at the wall's time, with the asked for history behind it and the scenario begun.

        Running in takes a while, so it goes on until it has caught up with the wall.
        """
        # Whole milliseconds, so that source times survive the way through OPC UA unchanged.
        start_ns = (self._wall_ns() - round(self._options.history_s * NS)) // 1_000_000 * 1_000_000
        line = Line(self._noise, start_ns, step_s=min(0.1, self._period_ns / NS))
        if self._options.history_s > 0.0:
            due_ns = start_ns
            while (due_ns := due_ns + self._period_ns) <= self._wall_ns():
                self._publisher.remember(line.values(), line.time_ns)
                line.advance(due_ns)
        line.begin(self._scenario)
        return line

    async def _set_security(self) -> None:
        options, server = self._options, self._server
        server.allow_remote_admin(False)
        policies = [ua.SecurityPolicyType.NoSecurity]
        if options.certificate is not None and options.private_key is not None:
            certificate, form = _credential(options.certificate)
            await server.load_certificate(certificate, form)
            key, form = _credential(options.private_key)
            await server.load_private_key(key, format=form)
            policies += [
                ua.SecurityPolicyType.Basic256Sha256_Sign,
                ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
                ua.SecurityPolicyType.Aes128Sha256RsaOaep_SignAndEncrypt,
                ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
            ]
        server.set_security_policy(policies)
        known = ua.UserNameIdentityToken if options.users else ua.AnonymousIdentityToken
        server.set_identity_tokens([known])

    async def _build(self) -> None:
        options, server = self._options, self._server
        uris = [LINE_URI, TYPES_URI]
        if options.namespaces_reversed:
            uris.reverse()
        index = {uri: await server.register_namespace(uri) for uri in uris}
        self._space = space = Space(server, index[LINE_URI], index[TYPES_URI])
        nodes = build_line(space)
        retention_s = max(_RETENTION_S, options.history_s + 3_600.0)
        for path, node in nodes.items():
            kind = VARIANT_TYPES[BY_PATH[path].type]
            self._publisher.add(path, node, kind, round(retention_s * NS))
        for name in MACHINES:
            call = checked_method((_COMMAND,), self._commander(name))
            space.method(f"{LINE}.{name}.Command", (_COMMAND,), call, "Send a PackML command")
        build_simulation(
            space, options.scenario, options.seed, self._inject, self._clear, self._cut_off
        )
        if self._extra.signals:
            for path, node in build_extra(space, self._extra).items():
                self._publisher.add(
                    path, node, ua.VariantType.Double, round(_EXTRA_RETENTION_S * NS)
                )
        if options.nodes:
            build_clutter(space, options.nodes)
        await space.commit()
        self._jobs = JobControl(server, lambda: to_datetime(self._line.time_ns))
        parent = server.get_node(space.id(LINE))
        await self._jobs.build(parent, index[LINE_URI], f"{LINE}.")
        self._paths = {node: path for path, node in nodes.items() if BY_PATH[path].writable}
        server.iserver.attribute_service = GuardedAttributes(
            server.iserver.aspace, set(self._paths), self._write
        )

    # --- running -----------------------------------------------------------------------------

    async def _run_line(self) -> None:
        line = self._line
        due_ns = self._begin_ns
        while True:
            due_ns += self._period_ns
            await self._clock.until(due_ns)
            line.advance(due_ns)
            await self._publisher.publish(line.values(), line.time_ns)
            self._truth.faults(line.truth(), line.time_ns)
            elapsed_s = (line.time_ns - self._begin_ns) / NS
            while self._cuts_planned and elapsed_s >= self._cuts_planned[0].at_s:
                self._cuts.put_nowait(self._cuts_planned.pop(0).for_s)
            await self._show()
            book, order = line.orders, line.orders.current
            await self._jobs.follow(
                f"{order.id}/fill", order.product, order.id, book.done,
                to_datetime(book.started_ns),
            )  # fmt: skip

    async def _run_extra(self) -> None:
        start_ns = due_ns = self._begin_ns
        period_ns = round(NS / self._options.extra_rate_hz)
        while True:
            values = self._extra.values((due_ns - start_ns) / NS)
            await self._publisher.publish(values, due_ns)
            due_ns += period_ns
            await self._clock.until(due_ns)

    async def _run_cuts(self) -> None:
        """Cut the network for as long as asked, one cut after the other."""
        transport = self._server.bserver
        while True:
            seconds = await self._cuts.get()
            # The answer to the method call that asked for it still goes out.
            await asyncio.sleep(0.05)
            self._truth.write("cut off", self._clock.now_ns(), seconds=seconds)
            await transport.stop()
            await self._clock.until(self._clock.now_ns() + round(seconds * NS))
            await transport.start()
            self._truth.write("serving again", self._clock.now_ns())

    async def _show(self) -> None:
        line = self._line
        active = [
            f"{truth.fault.kind} {truth.fault.asset}"
            for truth in line.truth()
            if truth.fault.active(line.time_ns)
        ]
        time = to_datetime(line.time_ns)
        values = {
            "ProducedSamples": ua.Variant(self._publisher.total, ua.VariantType.UInt64),
            "SimulatedTime": ua.Variant(time, ua.VariantType.DateTime),
            "ActiveFaults": ua.Variant(", ".join(active), ua.VariantType.String),
        }
        await show(self._server, self._space, values)

    # --- what clients ask --------------------------------------------------------------------

    async def _write(self, node: ua.NodeId, value: float) -> ua.StatusCode:
        path = self._paths[node]
        try:
            self._line.write(path, value)
        except OutOfRangeError:
            return ua.StatusCode(ua.StatusCodes.BadOutOfRange)
        except NotWritableError:
            return ua.StatusCode(ua.StatusCodes.BadNotWritable)
        now = self._clock.now_ns() // 1_000 * 1_000
        self._truth.write("write", now, path=path, value=value)
        await self._publisher.publish({path: self._line.values()[path]}, now)
        return _GOOD

    def _commander(self, machine: str) -> Callable[[int], ua.StatusCode]:
        def command(number: int) -> ua.StatusCode:
            try:
                self._line.command(machine, Command(number))
            except IllegalCommandError as error:
                _log.info("%s", error)
                return ua.StatusCode(ua.StatusCodes.BadInvalidState)
            except ValueError:
                return ua.StatusCode(ua.StatusCodes.BadInvalidArgument)
            self._truth.write("command", self._clock.now_ns(), machine=machine, command=number)
            return _GOOD

        return command

    def _inject(self, kind: str, asset: str, severity: float) -> ua.StatusCode:
        try:
            self._line.inject(Fault(kind, asset, self._line.time_ns, None, severity))
        except ValueError as error:
            _log.warning("InjectFault: %s", error)
            return ua.StatusCode(ua.StatusCodes.BadInvalidArgument)
        return _GOOD

    def _clear(self, kind: str, asset: str) -> ua.StatusCode:
        found = self._line.clear(kind, asset)
        return _GOOD if found else ua.StatusCode(ua.StatusCodes.BadNotFound)

    def _cut_off(self, seconds: float) -> ua.StatusCode:
        if not 0.0 < seconds <= 3_600.0:
            return ua.StatusCode(ua.StatusCodes.BadOutOfRange)
        self._cuts.put_nowait(seconds)
        return _GOOD


def _credential(path: Path) -> tuple[bytes, str]:
    """Content and format of a certificate or key: by content, for names tell little."""
    content = path.read_bytes()
    return content, "pem" if content.lstrip().startswith(b"-----BEGIN") else "der"


async def serve(options: Options) -> None:
    """Serve until SIGTERM or SIGINT, or until the parent ends if that was asked for."""
    parent = os.getppid()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with ExitStack() as files:
        file = None
        if options.truth_file is not None:
            file = files.enter_context(options.truth_file.open("w", encoding="utf-8"))
        plant = PlantServer(options, _wall(options.start), TruthLog(file))
        await plant.open()
        try:
            sys.stdout.write(plant.url + "\n")
            sys.stdout.flush()
            if options.port_file is not None:
                options.port_file.write_text(plant.url + "\n", encoding="utf-8")
            async with asyncio.TaskGroup() as tasks:
                jobs = [tasks.create_task(plant.run(), name="plant")]
                if options.with_parent:
                    jobs.append(tasks.create_task(_watch_parent(parent, stop), name="parent"))
                await stop.wait()
                for job in jobs:
                    job.cancel()
        finally:
            await plant.close()


def _wall(start: datetime | None) -> Callable[[], int]:
    """The time at which the plant starts: the present, or the time that was asked for."""
    if start is None:
        return time.time_ns
    start_ns = round(start.timestamp() * 1_000) * 1_000_000
    return lambda: start_ns


async def _watch_parent(parent: int, stop: asyncio.Event) -> None:
    while os.getppid() == parent:  # noqa: ASYNC110 - there is no event for a parent that ends
        await asyncio.sleep(0.5)
    stop.set()
