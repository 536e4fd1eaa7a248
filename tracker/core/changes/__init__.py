"""History: what change sets did, items as of any moment, and undo."""
