"""Search over all trackers."""
