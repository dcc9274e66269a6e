"""Our decoding of notifications against the library's encoding of them."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary
from hypothesis import given, settings
from hypothesis import strategies as st

from gemel.core.catalogue import Catalogue
from gemel.core.errors import DataError
from gemel.core.quality import NOT_A_NUMBER
from gemel.parts.connectors.base import Counters, Wanted
from gemel.parts.connectors.opcua.convert import Converter
from gemel.parts.connectors.opcua.decode import Moment, Unusable, read_publish

EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
KINDS = ua.VariantType


def encoded(items):
    """A PublishResponse with one notification of (handle, DataValue)."""
    response = ua.PublishResponse()
    response.TypeId = ua.FourByteNodeId(ua.ObjectIds.PublishResponse_Encoding_DefaultBinary)
    response.Parameters.SubscriptionId = 77
    response.Parameters.AvailableSequenceNumbers = [1, 2, 3]
    message = response.Parameters.NotificationMessage
    message.SequenceNumber = 3
    notification = ua.DataChangeNotification()
    for handle, value in items:
        item = ua.MonitoredItemNotification()
        item.ClientHandle, item.Value = handle, value
        notification.MonitoredItems.append(item)
    message.NotificationData = [notification]
    return struct_to_binary(response)


def value_of(value, kind, status=0, source=None, server=None):
    found = ua.DataValue(ua.Variant(value, kind), ua.StatusCode(status))
    found.SourceTimestamp, found.ServerTimestamp = source, server
    return found


def numbers(low, high):
    return st.integers(low, high)


SCALARS = st.one_of(
    st.tuples(st.booleans(), st.just(KINDS.Boolean)),
    st.tuples(numbers(-128, 127), st.just(KINDS.SByte)),
    st.tuples(numbers(0, 255), st.just(KINDS.Byte)),
    st.tuples(numbers(-(2**15), 2**15 - 1), st.just(KINDS.Int16)),
    st.tuples(numbers(0, 2**16 - 1), st.just(KINDS.UInt16)),
    st.tuples(numbers(-(2**31), 2**31 - 1), st.just(KINDS.Int32)),
    st.tuples(numbers(0, 2**32 - 1), st.just(KINDS.UInt32)),
    st.tuples(numbers(-(2**63), 2**63 - 1), st.just(KINDS.Int64)),
    st.tuples(numbers(0, 2**64 - 1), st.just(KINDS.UInt64)),
    st.tuples(st.floats(width=32, allow_nan=False), st.just(KINDS.Float)),
    st.tuples(st.floats(allow_nan=False), st.just(KINDS.Double)),
    st.tuples(st.text(max_size=20), st.just(KINDS.String)),
)
TIMES = st.none() | st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)).map(  # noqa: DTZ001 - naive
    lambda t: t.replace(tzinfo=UTC)
)
ITEMS = st.lists(
    st.tuples(
        st.integers(0, 2**32 - 1),
        SCALARS,
        st.sampled_from([0, 0x808C0000, 0x40940000, 0x00000480]),
        TIMES,
        TIMES,
    ),
    max_size=40,
)


@settings(deadline=None)
@given(ITEMS)
def test_columns_hold_what_was_encoded(items):
    data = encoded(
        [(handle, value_of(*scalar, status, a, b)) for handle, scalar, status, a, b in items]
    )
    published = read_publish(data)
    assert (published.subscription, published.sequence) == (77, 3)
    [columns] = published.columns
    assert len(columns) == len(items)
    for row, (handle, (value, kind), status, source, server) in enumerate(items):
        assert columns.handle[row] == handle
        assert columns.status[row] == status
        for stamp, ticks in ((source, columns.source[row]), (server, columns.server[row])):
            if stamp is not None:
                assert ticks == (stamp - EPOCH) // timedelta(microseconds=1) * 10
            else:
                assert ticks == 0
        if kind == KINDS.String or (kind in (KINDS.Int64, KINDS.UInt64) and abs(value) > 2**53):
            assert columns.odd[row] == value
        else:
            assert columns.value[row] == value


def test_other_types_are_told_apart():
    curve = ua.DataValue(ua.Variant([1.0, 2.0], KINDS.Double))
    moment = value_of(datetime(2026, 3, 1, 6, tzinfo=UTC), KINDS.DateTime)
    structure = ua.DataValue(ua.Variant(ua.Range(0.0, 1.0), KINDS.ExtensionObject))
    text = value_of(ua.LocalizedText("läuft", "de"), KINDS.LocalizedText)
    nothing = ua.DataValue(ua.Variant(None, KINDS.Null), ua.StatusCode(0x80320000))
    [columns] = read_publish(
        encoded(list(enumerate([curve, moment, structure, text, nothing])))
    ).columns
    assert isinstance(columns.odd[0], Unusable)
    assert columns.odd[1] == Moment(1_772_344_800_000_000_000)
    assert isinstance(columns.odd[2], Unusable)
    assert columns.odd[3] == "läuft"
    assert columns.odd[4] is None


@given(st.integers(1, 400))
def test_a_message_that_is_cut_is_refused(length):
    whole = encoded(
        [(n, value_of(float(n), KINDS.Double, 0, datetime.now(UTC))) for n in range(20)]
    )
    try:
        read_publish(whole[: min(length, len(whole) - 1)])
    except DataError:
        return
    pytest.fail("a cut message was taken for whole")


def converter(*types):
    catalogue = Catalogue()
    wanted = tuple(
        Wanted(catalogue.declare(f"s{n}", kind), f"s{n}", "i=1", kind)
        for n, kind in enumerate(types)
    )
    counters = Counters()
    return Converter(wanted, counters, catalogue.encode, "plc"), counters, catalogue


def frame_of(items, *types):
    made, counters, catalogue = converter(*types)
    [columns] = read_publish(encoded(items)).columns
    return made.frame(columns, 1_800_000_000_000_000_000), counters, catalogue


def test_everything_is_counted():
    now = datetime.now(UTC)
    items = [
        (0, value_of(1.5, KINDS.Double, 0, now)),
        (0, value_of(2.5, KINDS.Double, 0x00000480, now)),
        (9, value_of(1.0, KINDS.Double, 0, now)),
        (0, value_of("x", KINDS.String, 0, now)),
        (0, value_of(math.inf, KINDS.Double, 0, now)),
        (1, value_of(3, KINDS.Int32, 0, None, now)),
        (1, value_of(0, KINDS.Int32)),
        (2, value_of(2.0, KINDS.Double, 0, now)),
    ]
    frame, counters, catalogue = frame_of(items, "number", "boolean", "text")
    assert counters.received == 8
    assert counters.rejected == 2
    assert counters.received == len(frame) + counters.rejected
    assert counters.lost == 1
    assert sum(counters.notes.values()) == 2
    assert frame.value[:2].tolist() == [1.5, 2.5]
    assert frame.quality[2] == NOT_A_NUMBER
    assert frame.value[3:5].tolist() == [1.0, 0.0]
    assert frame.time[4] == frame.received
    assert catalogue.show(2, frame.value[5]) == "2"


def test_time_keeps_100_ns():
    made, _, _ = converter("number")
    data = bytearray(
        encoded([(0, value_of(1.0, KINDS.Double, 0, datetime(2026, 1, 1, tzinfo=UTC)))])
    )
    [columns] = read_publish(bytes(data)).columns
    columns.source += 3
    assert made.frame(columns, 0).time[0] % 1000 == 300


def test_a_batch_costs_per_run_not_per_sample():
    now = datetime.now(UTC)
    data = encoded([(n, value_of(float(n), KINDS.Double, 0, now)) for n in range(20_000)])
    best = min(_seconds(data) for _ in range(5))
    print(f"{20_000 / best / 1e6:.1f} M values/s decoded")
    assert best < 0.05
    assert np.array_equal(read_publish(data).columns[0].value, np.arange(20_000))


def _seconds(data):
    began = time.perf_counter()
    read_publish(data)
    return time.perf_counter() - began
