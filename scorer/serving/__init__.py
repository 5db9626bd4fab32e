"""A vLLM server of our own: its environment, the folder it serves, and a process that never outlives the scorer."""
