"""What came in by file, variable and command line, and was let in or turned away wrongly."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from tracker.settings import load_settings


def test_a_master_key_in_the_environment_is_no_unknown_setting(tmp_path: Path) -> None:
    environ = {"TRACKER_HOME": str(tmp_path), "TRACKER_MASTER_KEY": b64encode(bytes(32)).decode()}
    assert "TRACKER_MASTER_KEY" not in repr(load_settings(environ=environ))
