"""Signing in and out, one-time links, and what people say of themselves."""
