"""Items -> responses of a target: what it is sent (prompts, methods) and what answers (backends)."""
