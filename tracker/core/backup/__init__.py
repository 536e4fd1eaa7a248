"""A whole workspace in one archive of open files, and back: into either database."""
