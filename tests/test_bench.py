"""The benchmark runs, so that it cannot rot: small, on SQLite, without judging the figures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent.parent


@pytest.mark.slow
def test_benchmark_prints_a_row_for_every_operation():
    command = [
        sys.executable,
        "bench/run.py",
        "--items",
        "300",
        "--database",
        "sqlite",
        "--markdown",
        "--no-memory",
    ]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    for name in (
        "page of a saved view",
        "import CSV",
        "export CSV",
        "bulk change",
        "undo of an import",
        "a revision",
        "new key for sealed values",
    ):
        assert f"| {name}" in done.stdout
