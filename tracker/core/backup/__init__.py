"""A whole workspace in one file, and back: into either database."""
