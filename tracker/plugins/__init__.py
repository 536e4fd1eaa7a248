"""Bundled plugins. Each uses `tracker.api` and its own libraries, as a stranger's plugin would."""
