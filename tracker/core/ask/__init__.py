"""Asking: queries, pages, counts, links and search, each with access joined in."""
