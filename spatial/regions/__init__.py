"""Areas merged into larger ones: contiguous, above a floor, stable from year to year."""
