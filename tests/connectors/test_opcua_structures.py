"""Structures on the wire: the same bytes as another implementation makes, and refused where cut."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua import ua_binary

from gemel.core.errors import DataError
from gemel.parts.connectors.opcua.job_types import JOB_ORDER, SPECIFIED
from gemel.parts.connectors.opcua.structures import (
    Field,
    Structure,
    decode,
    encode,
    from_datetime,
    to_datetime,
)

ORDER: dict[str, Any] = {
    "JobOrderID": "PO-1/fill",
    "StartTime": 1_772_344_800_123_000_000,
    "Priority": -3,
    "WorkMasterID": [{"ID": "Still 0.5 l"}, {"ID": "", "Description": ua.LocalizedText("ä", "de")}],
    "JobOrderParameters": [{"ID": "WorkOrder", "Value": ua.Variant("PO-1", ua.VariantType.String)}],
    "MaterialRequirements": [{"MaterialUse": "Material Produced", "Quantity": "48000"}],
}


def test_a_job_order_comes_back() -> None:
    data = encode(SPECIFIED, JOB_ORDER, ORDER)
    assert decode(SPECIFIED, JOB_ORDER, data) == ORDER
    # Bits of the optional fields in their order: description 0, work master 1, start 2, …
    assert data[:4] == (1 << 1 | 1 << 2 | 1 << 4 | 1 << 5 | 1 << 9).to_bytes(4, "little")


def test_the_library_makes_the_same_bytes() -> None:
    """asyncua's own structure with the fields of EUInformation, one of them optional."""

    @dataclasses.dataclass
    class Mixed:
        Encoding: ua.UInt32 = 0b10
        Name: ua.String = "a"
        Time: ua.DateTime | None = None
        Text: ua.LocalizedText | None = None

    Mixed.__annotations__ = {
        "Encoding": ua.UInt32, "Name": ua.String, "Time": ua.DateTime | None,
        "Text": ua.LocalizedText | None,
    }  # fmt: skip
    fields = (Field("Name", "String"), Field("Time", "DateTime", optional=True),
              Field("Text", "LocalizedText", optional=True))  # fmt: skip
    known = {"Mixed": Structure("Mixed", fields)}
    ours = encode(known, "Mixed", {"Name": "a", "Text": ua.LocalizedText("x")})
    assert ours == ua_binary.struct_to_binary(Mixed(Text=ua.LocalizedText("x")))


@pytest.mark.parametrize("cut", [0, 3, 5, 20, 60])
def test_what_is_cut_off_is_refused(cut: int) -> None:
    data = encode(SPECIFIED, JOB_ORDER, ORDER)
    with pytest.raises(DataError, match=JOB_ORDER):
        decode(SPECIFIED, JOB_ORDER, data[:cut])


def test_a_length_that_cannot_be_is_refused() -> None:
    known = {"Many": Structure("Many", (Field("All", "String", array=True),))}
    with pytest.raises(DataError, match="claims 2147483647"):
        decode(known, "Many", b"\xff\xff\xff\x7f")


def test_what_a_server_does_not_have_is_said() -> None:
    known = {"Small": Structure("Small", (Field("ID", "String"),))}
    with pytest.raises(DataError, match="has no Colour"):
        encode(known, "Small", {"ID": "1", "Colour": "red"})
    with pytest.raises(DataError, match="needs ID"):
        encode(known, "Small", {})


def test_times_that_mean_none() -> None:
    assert from_datetime(0) is None
    assert from_datetime(2**63 - 1) is None
    assert from_datetime(to_datetime(1_772_344_800_123_000_000)) == 1_772_344_800_123_000_000
