"""The expression language, the operators of filters, and fields that are computed when they are read."""
