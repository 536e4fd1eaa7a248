"""Profiles: a file that describes a workspace, read, checked, planned and applied; and its demo data."""
