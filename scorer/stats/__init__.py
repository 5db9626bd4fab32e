"""Statistics of judged scores: arrays in, arrays out, no files and no records."""
