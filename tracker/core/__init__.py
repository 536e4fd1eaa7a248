"""The engine, in floors: base, design, vault, language, access, ask, items, changes, profile and transfer."""
