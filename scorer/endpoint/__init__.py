"""Talking to an OpenAI-compatible server on loopback: many requests in flight, faults retried, answers read."""
