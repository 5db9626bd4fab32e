"""Launcher for a checkout: `python cli.py score ...` does what `scorer score ...` does."""

from scorer.cli import main

if __name__ == "__main__":
    main()
