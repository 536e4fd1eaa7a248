"""People and groups, and what groups may do."""
