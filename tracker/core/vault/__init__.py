"""The vault: keys, sealed values and their blind index. `docs/vault.md` specifies every byte."""
