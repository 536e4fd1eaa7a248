"""Looking a workspace over: whether what stands in its database and on its disk holds together."""
