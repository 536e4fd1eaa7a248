"""Forms built from bound fields: they draw controls and hand over raw text; the field types judge."""
