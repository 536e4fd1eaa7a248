"""Changing a field's type while people work: preview, fill a new column, swap, and all of it back."""
