"""Threads or a cluster by one setting; the numbers are the same to the last bit."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gemel.core.errors import ConfigurationError, Unavailable
from gemel.runtime.workers import workers

ROOT = Path(__file__).parents[2]


def test_threads() -> None:
    with workers("threads:1") as one:
        assert one.executor is None
    with workers("threads:3") as three:
        assert isinstance(three.executor, ThreadPoolExecutor)
        assert three.count == 3
        assert list(three.executor.map(abs, (-1, -2))) == [1, 2]
    with workers() as all_of_them:
        assert all_of_them.count == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("setting", ["", "thread", "threads:0", "threads:x", "threads:2000", "4"])
def test_settings_that_are_none(setting: str) -> None:
    with pytest.raises(ConfigurationError, match=r"must be"), workers(setting):
        pass


def test_what_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'gemel\[ray\]'"), workers("ray"):
        pass


def needs_ray() -> None:
    if importlib.util.find_spec("ray") is None:
        if os.environ.get("CI"):
            pytest.fail("ray is part of the development packages")
        pytest.skip("ray is not installed")


@pytest.mark.timeout(1200)
def test_one_thread_many_and_two_nodes_of_ray_give_the_same_bits() -> None:
    needs_ray()
    # The children of Ray find this Gemel as this process does.
    path = os.pathsep.join([str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("two_nodes.py"))],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=1100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["nodes"] == 2, "both nodes work"
    assert told["threads1"]["lead_time_s"][0], "something was played"
    assert told["threads3"] == told["threads1"]
    assert told["ray2"] == told["threads1"]


def test_a_cluster_that_is_not_there_is_told() -> None:
    with pytest.raises(Unavailable, match="no Ray cluster at"), workers("ray:127.0.0.1:1"):
        pass
    with pytest.raises(ConfigurationError, match="is no address of a"), workers("ray:head"):
        pass
