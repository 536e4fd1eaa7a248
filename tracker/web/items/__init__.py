"""The page of one item: read, create, change, trash, history, conflict, reveal."""
