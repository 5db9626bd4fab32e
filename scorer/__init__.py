"""Offline, judge-free scoring of safety benchmarks for vision-language models."""

__version__ = "0.1.0"
