"""Calibration of judges: probability calibrators and their saved form."""
