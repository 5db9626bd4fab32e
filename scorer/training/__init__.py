"""Training the embedding judge's heads, with held-out numbers: `scorer train embedding`."""
