"""One generator for each rule of the standard; importing `vcspec.rules.whole` claims them all."""
