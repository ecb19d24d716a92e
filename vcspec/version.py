"""The version of the tool; the versions of the standard are folders of `spec/`."""

__version__ = "0.1.0"
