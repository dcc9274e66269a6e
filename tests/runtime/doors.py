"""The plant of the tests that go through the doors, and how they say who they are."""

from __future__ import annotations

PLANT = """\
format: 1
plant: {site: Test, time_zone: Europe/Berlin}
connectors:
  push: {kind: http}
assets:
  line/m1:
    connector: push
    signals:
      speed: {unit: 1/h, range: [0, 100]}
      state: {type: enumeration, labels: {0: Stopped, 6: Execute}}
      product: {type: text}
"""


def bearer(secret: str) -> dict[str, str]:
    """The header of a request by whom a secret belongs to."""
    return {"Authorization": f"Bearer {secret}"}
