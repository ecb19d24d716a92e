"""`python -m vcspec` is the `vcspec` command."""

from vcspec.cli import main

if __name__ == "__main__":
    main()
