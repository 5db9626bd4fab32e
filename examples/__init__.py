"""Examples of `scorer run`, and what makes the tiny model and the images that the first of them needs."""
