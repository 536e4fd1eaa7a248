"""Sealed values as a whole: new keys for them, and switching encryption on and off where values are."""
