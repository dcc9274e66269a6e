"""What is compiled is compiled before the clock of a search begins."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SOLVE = """
import gc, time
from numba.core.dispatcher import Dispatcher
from gemel.parts.solvers.scheduling import SCHEDULERS
from gemel.parts.solvers.scheduling.base import Budget
from gemel.testing.schedulers import EXAMPLES

def compiled():
    kernels = [one for one in gc.get_objects() if issubclass(type(one), Dispatcher)]
    return {str(k.py_func) + str(s) for k in kernels for s in k.overloads
            if k.py_func.__module__.startswith("gemel.")}

before, late = None, set()
def clock():
    global before
    before = compiled() if before is None else before
    return time.perf_counter_ns()

for kind in ("flow_shop", "tabu", "cp_sat", "annealing", "campaigns", "dispatch"):
    scheduler, before, done = SCHEDULERS.build({"kind": kind}), None, 0
    for name, problem in EXAMPLES.items():
        if not scheduler.uncovered(problem):
            scheduler.solve(problem, seed=1, budget=Budget(iterations=20), clock=clock)
            late |= {(kind, name, one) for one in compiled() - before}
            done += 1
    assert done, kind
assert not late, late
"""


@pytest.mark.timeout(600)  # it may be the first to compile all of them
def test_no_search_pays_for_compiling() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SOLVE], capture_output=True, text=True, timeout=600,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
