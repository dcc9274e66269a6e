"""Trees are fitted with one thread: of a small fit, threads that wait for each other are most."""

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    import sklearn.ensemble  # noqa: F401 - only pools that are loaded can be limited

    with threadpool_limits(1):
        yield
