"""The OPC UA connector against a real server in a process of its own."""

from __future__ import annotations

import asyncio
import datetime
import shlex
import shutil
import socket
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from gemel.core.catalogue import Catalogue
from gemel.core.errors import ConfigurationError, Unavailable
from gemel.core.quality import NOT_A_NUMBER, reason
from gemel.parts.connectors import CONNECTORS
from gemel.parts.connectors.base import Wanted, Write
from gemel.testing.connectors import ConnectorSuite, Peer, collect, door_for
from gemel.testing.proxy import MisbehavingProxy

URI = "http://example.org/bottling/"
FILLER = f"nsu={URI};s=Line2.Filler."
SCRIPT = Path(__file__).with_name("opcua_server.py")
READY_S = 40
IDLE = {}
"""Servers that a test has left as they were, by options: starting one takes seconds."""


@pytest.fixture(scope="module", autouse=True)
def _end_servers():
    yield
    for process, _ in (server for servers in IDLE.values() for server in servers):
        process.kill()
        process.wait()
    IDLE.clear()


def wanted(key, type="number", address="", sample=None, labels=()):
    path = f"line2/filler/{key.lower()}"
    return Wanted(0, path, address or FILLER + key, type, sample, labels)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server(Peer):
    """The small server as a process."""

    good = (wanted("Counter"), wanted("Speed"))
    bad = wanted("Missing")

    def __init__(self, folder, *options, **settings):
        self.folder = folder
        self.options = list(options)
        self.port = free_port()
        self.settings = {"security": "None", **settings}
        self.process = None
        self.starts = 0

    def connector(self, port=None):
        url = f"opc.tcp://127.0.0.1:{port or self.port}"
        return CONNECTORS.build({"kind": "opcua", "url": url, **self.settings})

    async def start(self):
        idle = IDLE.get(tuple(self.options), [])
        if self.process is None and idle:
            self.process, self.port = idle.pop()
            return
        self.starts += 1
        ready = self.folder / f"ready-{self.port}-{self.starts}"
        self.process = self.launch(ready)
        deadline = time.monotonic() + READY_S
        while not ready.exists():
            assert self.process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server is not ready"
            await asyncio.sleep(0.02)

    def launch(self, ready):
        command = [sys.executable, str(SCRIPT), "--port", str(self.port), "--port-file", str(ready)]
        return subprocess.Popen([*command, *self.options])

    async def stop(self):
        if self.process is not None and self.process.poll() is None:
            IDLE.setdefault(tuple(self.options), []).append((self.process, self.port))
            self.process = None

    async def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    async def produce(self, samples):
        await asyncio.sleep(min(samples * 0.05 + 0.3, 4.0))  # two signals at 10 Hz


@asynccontextmanager
async def running(folder, *options, **settings):
    server = Server(folder, *options, **settings)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def session_on(server, signals, folder, catalogue=None, port=None):
    door = door_for(folder / "door", tuple(signals), catalogue=catalogue)
    async with server.connector(port).open(door) as session:
        yield session, door


def shown(frames, catalogue):
    """The last value and quality of each signal."""
    found = {}
    for frame in frames:
        for number, value, quality in zip(frame.signal, frame.value, frame.quality, strict=True):
            key = catalogue[int(number)].path.rpartition("/")[2]
            found[key] = (catalogue.show(int(number), float(value)), int(quality))
    return found


@pytest.mark.conformance
class TestConformance(ConnectorSuite):
    def make_peer(self, folder):
        return Server(folder)


async def test_every_type_arrives_as_the_twin_takes_it(tmp_path):
    catalogue = Catalogue()
    states = ((4, "Idle"), (6, "Execute"))
    signals = [
        wanted("Running", "boolean"), wanted("State", "enumeration", labels=states),
        wanted("Product", "text"), wanted("Started", "text"), wanted("Large"), wanted("Nan"),
        wanted("Broken"), wanted("Huge"), wanted("Curve"), wanted("Missing"),
        wanted("Index", address="ns=2;s=Line2.Filler.Speed"),
        wanted("Foreign", address="nsu=urn:nowhere;s=x"),
        wanted("Clock", "text", address="i=2258"),
        wanted("Way", address="/Line2/Filler/Setpoint"),
        wanted("HugeText", "text", address=FILLER + "Huge"),
    ]  # fmt: skip
    async with (
        running(tmp_path) as server,
        session_on(server, signals, tmp_path, catalogue) as (session, _),
    ):
        found = shown(await collect(session.frames(), 10, 10), catalogue)
        bad, reasons = session.counters.bad_items, session.counters.reasons
    assert found["running"] == (True, 0)
    assert found["state"] == ("Idle", 0)
    assert found["product"] == ("Cola 0.5 l", 0)
    assert found["started"] == ("2026-03-01T06:00:00Z", 0)
    assert found["large"] == (2.0**40, 0)
    assert found["nan"] == (None, NOT_A_NUMBER)
    assert reason(found["broken"][1]) == "bad: sensor failure"
    assert found["way"] == (100.0, 0)
    assert found["hugetext"] == (str(2**60 + 1), 0)
    assert "huge" not in found
    assert any("beyond 2^53" in text for text in reasons)
    assert "BadNodeIdUnknown" in bad["line2/filler/missing"]
    assert "array" in bad["line2/filler/curve"]
    assert "nsu=" in bad["line2/filler/index"]
    assert "no namespace 'urn:nowhere'" in bad["line2/filler/foreign"]


async def test_restart_with_namespaces_in_another_order(tmp_path):
    async with running(tmp_path) as server:
        async with session_on(server, Server.good, tmp_path) as (session, door):
            frames = session.frames()
            await collect(frames, 4, 10)
            await server.kill()
            killed = time.monotonic()
            with pytest.raises(Unavailable):
                await collect(frames, 10**6, 10)
            noticed = time.monotonic() - killed
        server.options = ["--swap"]
        await server.start()
        ready = time.monotonic()
        async with server.connector().open(door) as session:
            found = await collect(session.frames(), 4, 10)
        first = time.monotonic() - ready
    assert {w.number for w in door.wanted} == set(np.concatenate([f.signal for f in found]))
    assert noticed < 2
    assert first < 5
    print(f"loss noticed after {noticed:.3f} s, values again {first:.3f} s after ready")


async def test_half_open_connection_is_noticed(tmp_path):
    async with running(tmp_path) as server, MisbehavingProxy("127.0.0.1", server.port) as proxy:
        async with session_on(server, Server.good, tmp_path, port=proxy.port) as (session, _):
            frames = session.frames()
            await collect(frames, 4, 10)
            proxy.half_open()
            began = time.monotonic()
            with pytest.raises(Unavailable):
                await collect(frames, 10**6, 20)
            took = time.monotonic() - began
            closing = time.monotonic()
        assert took < 8
        assert time.monotonic() - closing < 3, "closing must not wait for a dead peer"
        with pytest.raises(Unavailable):
            async with server.connector(proxy.port).open(door_for(tmp_path / "d", Server.good)):
                pytest.fail("opened through a cable that is cut")
        proxy.heal()
        async with session_on(server, Server.good, tmp_path, port=proxy.port) as (session, _):
            await collect(session.frames(), 4, 10)


async def test_cut_connection_is_noticed_at_once(tmp_path):
    async with (
        running(tmp_path) as server,
        MisbehavingProxy("127.0.0.1", server.port) as proxy,
        session_on(server, Server.good, tmp_path, port=proxy.port) as (session, _),
    ):
        frames = session.frames()
        await collect(frames, 4, 10)
        proxy.cut()
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await collect(frames, 10**6, 20)
        assert time.monotonic() - began < 1


async def test_slow_publishing_loses_nothing(tmp_path):
    """A default queue of 1 loses every second value of a 100 ms source published each 200 ms."""
    async with (
        running(tmp_path, "--period", "0.1", publishing="200 ms") as server,
        session_on(server, [wanted("Counter", sample=100_000_000)], tmp_path) as (session, _),
    ):
        found = await collect(session.frames(), 30, 20)
    counts = np.concatenate([f.value for f in found])
    assert (np.diff(counts) == 1).all(), f"a count is missing: {counts}"


async def test_slow_reader_gets_what_the_queues_held_and_goes_on(tmp_path):
    async with (
        running(tmp_path, "--many", "200", "--period", "0.05", buffer_rows=500) as server,
        session_on(
            server,
            [wanted(f"m{n}", address=f"nsu={URI};s=Line2.Many.{n}") for n in range(200)],
            tmp_path,
        ) as (session, _),
    ):
        frames = session.frames()
        await collect(frames, 200, 10)
        await asyncio.sleep(2)  # 8,000 values are made meanwhile
        waiting = session._rows
        assert waiting < 500 + 3 * 200 * 20, "more was fetched than there is room for"
        await collect(frames, 2000, 10)


async def test_writes_answer_with_what_the_server_says(tmp_path):
    async with running(tmp_path) as server, session_on(server, Server.good, tmp_path) as (s, _):

        async def send(key, value):
            return await s.send(Write("1", FILLER + key, value))

        assert (await send("Setpoint", 120)).accepted
        assert (await send("Count16", 3.0)).accepted
        assert (await send("Load;call", 3)).accepted
        outside = await send("Setpoint", 1200.0)
        assert not outside.accepted
        assert "0 to 600" in outside.reason
        fraction = await send("Count16", 1.5)
        assert not fraction.accepted
        assert "BadTypeMismatch" in fraction.reason
        forbidden = await send("Speed", 1.0)
        assert not forbidden.accepted
        assert forbidden.reason.startswith("BadUserAccessDenied")
        missing = await send("Nothing", 1.0)
        assert not missing.accepted
        assert missing.reason
        await server.kill()
        with pytest.raises(Unavailable):
            await send("Setpoint", 130.0)


async def test_history_comes_with_the_same_times_as_live(tmp_path):
    """Else a refilled sample would not be recognised as the one that came live."""
    async with running(tmp_path) as server, session_on(server, Server.good[:1], tmp_path) as (s, _):
        frames = s.frames()
        live = await collect(frames, 12, 10)
        times = np.concatenate([f.time for f in live])
        values = np.concatenate([f.value for f in live])
        old = [f async for f in s.history(int(times[2]), int(times[9]))]
        assert np.array_equal(np.concatenate([f.time for f in old]), times[3:10])
        assert np.array_equal(np.concatenate([f.value for f in old]), values[3:10])


def make_server_certificate(folder, uri="urn:example.org:filler", days=30, start=-1):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Filler")])
    now = datetime.datetime.now(datetime.UTC)
    usage = x509.KeyUsage(True, True, True, True, False, True, False, False, False)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        .not_valid_before(now + datetime.timedelta(days=start))
        .not_valid_after(now + datetime.timedelta(days=start + days))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.UniformResourceIdentifier(uri), x509.DNSName("localhost")]
            ), critical=False,
        )
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    folder.mkdir(exist_ok=True)
    (folder / "server.der").write_bytes(certificate.public_bytes(serialization.Encoding.DER))
    (folder / "server.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "mode"),
    [
        ("Basic256Sha256", "SignAndEncrypt"),
        ("Aes256_Sha256_RsaPss", "SignAndEncrypt"),
        ("Aes128_Sha256_RsaOaep", "Sign"),
        ("best", "SignAndEncrypt"),
    ],
)
async def test_protected_connection_with_a_password(tmp_path, monkeypatch, policy, mode):
    make_server_certificate(tmp_path / "secure")
    monkeypatch.setenv("LINE2_PASSWORD", "secret")
    async with running(
        tmp_path, "--secure", str(tmp_path / "secure"),
        security=policy, mode=mode, user="operator", password_env="LINE2_PASSWORD",
    ) as server:  # fmt: skip
        with pytest.raises(ConfigurationError, match="not trusted") as caught:
            async with session_on(server, Server.good, tmp_path):
                pytest.fail("an unknown server was trusted")
        move, source, target = shlex.split(caught.value.message.rpartition(": ")[2])
        assert move == "mv"
        shutil.move(source, target)
        async with session_on(server, Server.good, tmp_path) as (session, _):
            await collect(session.frames(), 4, 10)
            assert (await session.send(Write("1", FILLER + "Setpoint", 200.0))).accepted
        monkeypatch.setenv("LINE2_PASSWORD", "wrong")
        with pytest.raises(ConfigurationError, match="refuses"):
            async with session_on(server, Server.good, tmp_path):
                pytest.fail("a wrong password was accepted")
    own = tmp_path / "door" / "pki" / "own"
    assert (own / "key.pem").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("certificate", "words"),
    [({"days": 1, "start": -10}, "valid from"), ({"uri": "urn:someone:else"}, "calls itself")],
)
async def test_wrong_certificates_are_refused(tmp_path, certificate, words):
    make_server_certificate(tmp_path / "secure", **certificate)
    trusted = tmp_path / "door" / "pki" / "trusted"
    trusted.mkdir(parents=True)
    (trusted / "server.der").write_bytes((tmp_path / "secure" / "server.der").read_bytes())
    async with running(tmp_path, "--secure", str(tmp_path / "secure"), security="best") as server:
        with pytest.raises(ConfigurationError, match=words):
            async with session_on(server, Server.good, tmp_path):
                pytest.fail("a wrong certificate was accepted")


async def test_unprotected_server_is_refused_unless_configured(tmp_path):
    async with running(tmp_path, security="best") as server:
        with pytest.raises(ConfigurationError, match="security: 'None'"):
            async with session_on(server, Server.good, tmp_path):
                pytest.fail("an unprotected connection was made unasked")


async def test_missing_password_is_a_matter_of_configuration(tmp_path):
    server = Server(tmp_path, user="u", password_env="GEMEL_TEST_NOT_SET")
    with pytest.raises(ConfigurationError, match="GEMEL_TEST_NOT_SET"):
        async with session_on(server, Server.good, tmp_path):
            pytest.fail("opened without a password")
