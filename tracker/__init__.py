"""Tracker: an engine for records that people define themselves."""

__version__ = "0.1.0"
