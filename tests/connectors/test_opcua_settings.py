"""Settings of the OPC UA connector that cannot work."""

from __future__ import annotations

import pytest

from gemel.core.errors import ConfigurationError
from gemel.parts.connectors import CONNECTORS


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"url": "http://x"}, "opc.tcp://"),
        ({"url": "opc.tcp://u:p@x:1"}, "password_env"),
        ({"url": "opc.tcp://10.0.0.1:4840", "security": "None", "user": "u"}, "readable"),
        ({"url": "opc.tcp://x:1", "silence": "1 s"}, "twice keep_alive"),
        ({"url": "opc.tcp://x:1", "password": "p"}, "password"),
        ({"url": "opc.tcp://x:1", "security": "Basic256"}, "Basic256Sha256"),
    ],
)
def test_settings_that_cannot_work_say_what_would(settings, words):
    with pytest.raises(ConfigurationError, match=words):
        CONNECTORS.build({"kind": "opcua", **settings})
