"""The verbs: one file each, the same in Python and on the command line."""
