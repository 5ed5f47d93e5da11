"""Sound files <-> Audio: one door for every format, mono at the rate the models hear."""
