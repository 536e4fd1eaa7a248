"""The first page: what is kept here, and what changed lately."""
