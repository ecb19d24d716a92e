"""The nouns. Frozen, made of numpy arrays and plain values; this room imports no other."""
