"""Which connector looks at an address; nothing is imported to find out."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gemel.core.errors import ConfigurationError
from gemel.parts.connectors import CONNECTORS
from gemel.runtime.discovery import _kind_for


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("opc.tcp://192.168.1.5:4840", "opcua"),
        ("OPC.TCP://line", "opcua"),
        ("data.csv", "files"),
        ("a folder/old recording.dat.gz", "files"),
    ],
)
def test_the_connector_that_knows_the_address_looks(target: str, kind: str) -> None:
    assert _kind_for(target) == kind


def test_an_unknown_scheme_is_told_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"'gopher://'; known: .*opc\.tcp://"):
        _kind_for("gopher://hole")


def test_what_is_declared_is_what_the_class_has() -> None:
    for attribute in ("schemes", "suffixes"):
        for name, words in CONNECTORS.declared(attribute).items():
            assert getattr(CONNECTORS.load(name), attribute) == words


def test_asking_who_declares_imports_no_connector() -> None:
    program = (
        "import sys; from gemel.parts.connectors import CONNECTORS as c; "
        "assert c.declared('delivery')['opcua'] == 'resumable'; "
        "assert not {'gemel.parts.connectors.opcua', 'asyncua'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
