"""`scorer doctor`: is everything here that a run will need? One small file per theme, listed in `examine.py`.

Nothing here imports numpy, polars or torch at its top: the doctor must answer where they are broken or missing.
"""
