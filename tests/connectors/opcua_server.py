"""A small OPC UA server for the tests of the connector; runs as a process, so it can be killed.

    python opcua_server.py --port 4850 --port-file F [--swap] [--secure FOLDER] [--period 0.1]

It prints nothing; the file F appears, with the port in it, when the server is ready.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path

from asyncua import Server, ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.user_managers import UserManager

URI = "http://example.org/bottling/"
OTHER = "http://example.org/other/"


class Users(UserManager):
    """operator / secret may write, anonymous may read."""

    def get_user(self, iserver, username=None, password=None, certificate=None):
        if username is None:
            return User(role=UserRole.User, name="anonymous")
        if (username, password) == ("operator", "secret"):
            return User(role=UserRole.User, name=username)
        return None


async def build(server: Server, arguments: argparse.Namespace) -> dict[str, object]:
    uris = [OTHER, URI] if arguments.swap else [URI, OTHER]
    for uri in uris:
        await server.register_namespace(uri)
    index = await server.get_namespace_index(URI)

    def node(name: str) -> ua.NodeId:
        return ua.NodeId(name, index)

    def name(text: str) -> ua.QualifiedName:
        return ua.QualifiedName(text, index)

    line = await server.nodes.objects.add_folder(node("Line2"), name("Line2"))
    filler = await line.add_object(node("Line2.Filler"), name("Filler"))
    found: dict[str, object] = {}

    async def add(key: str, value: object, kind: ua.VariantType) -> object:
        found[key] = await filler.add_variable(
            node(f"Line2.Filler.{key}"), name(key), value, varianttype=kind
        )
        return found[key]

    kinds = ua.VariantType
    await add("Counter", 0, kinds.Int32)
    await add("Speed", 100.0, kinds.Double)
    await add("Running", True, kinds.Boolean)
    await add("State", 4, kinds.Int32)
    await add("Product", "Cola 0.5 l", kinds.String)
    await add("Started", datetime(2026, 3, 1, 6, tzinfo=UTC), kinds.DateTime)
    await add("Huge", 2**60 + 1, kinds.Int64)
    await add("Large", 2**40, kinds.Int64)
    await add("Curve", [1.0, 2.0, 3.0], kinds.Double)
    await add("Nan", float("nan"), kinds.Double)
    await add("Broken", 0.0, kinds.Double)
    setpoint = await add("Setpoint", 100.0, kinds.Double)
    await add("Count16", 7, kinds.Int16)
    await setpoint.set_writable()
    await found["Count16"].set_writable()
    limits = ua.Range()
    limits.Low, limits.High = 0.0, 600.0
    await setpoint.add_property(ua.NodeId(0, 0), ua.QualifiedName("EURange", 0), limits)
    status = ua.DataValue(ua.Variant(12.5, kinds.Double))
    status.StatusCode = ua.StatusCode(ua.StatusCodes.BadSensorFailure)
    status.SourceTimestamp = datetime.now(UTC)
    await found["Broken"].write_value(status)
    argument = ua.Argument()
    argument.Name, argument.DataType, argument.ValueRank = "recipe", ua.NodeId(6), -1

    async def load(parent, recipe):
        return [ua.Variant(recipe.Value < 10, kinds.Boolean)]

    await filler.add_method(node("Line2.Filler.Load"), name("Load"), load, [argument], [])
    tank = await line.add_object(node("Line2.Many"), name("Many"))
    for number in range(arguments.many):
        key = f"Many{number}"
        found[key] = await tank.add_variable(
            node(f"Line2.Many.{number}"), name(key), 0.0, varianttype=kinds.Double
        )
    return found


async def main(arguments: argparse.Namespace) -> None:
    logging.disable(logging.CRITICAL)
    server = Server(user_manager=Users())
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{arguments.port}")
    server.application_uri = "urn:example.org:filler"
    await server.set_application_uri(server.application_uri)
    if arguments.secure:
        folder = Path(arguments.secure)
        await server.load_certificate(folder / "server.der")
        await server.load_private_key(folder / "server.pem")
        server.set_security_policy(
            [
                ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
                ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
                ua.SecurityPolicyType.Aes128Sha256RsaOaep_Sign,
            ]
        )
    else:
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    nodes = await build(server, arguments)
    async with server:
        await server.historize_node_data_change(nodes["Counter"], period=None, count=0)
        await asyncio.to_thread(Path(arguments.port_file).write_text, str(arguments.port))
        count = 0
        many = [nodes[f"Many{number}"] for number in range(arguments.many)]
        while True:
            await asyncio.sleep(arguments.period)
            count += 1
            now = datetime.now(UTC)
            value = ua.DataValue(ua.Variant(count, ua.VariantType.Int32), SourceTimestamp=now)
            await server.write_attribute_value(nodes["Counter"].nodeid, value)
            value = ua.DataValue(ua.Variant(100.0 + count % 7), SourceTimestamp=now)
            await server.write_attribute_value(nodes["Speed"].nodeid, value)
            for variable in many:
                value = ua.DataValue(ua.Variant(float(count)), SourceTimestamp=now)
                await server.write_attribute_value(variable.nodeid, value)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--port-file", required=True)
    parser.add_argument("--swap", action="store_true")
    parser.add_argument("--secure", default="")
    parser.add_argument("--period", type=float, default=0.1)
    parser.add_argument("--many", type=int, default=0)
    asyncio.run(main(parser.parse_args()))
