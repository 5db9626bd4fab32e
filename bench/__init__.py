"""Benchmarks that print tables: `python -m bench`. Measurements, never tests."""
