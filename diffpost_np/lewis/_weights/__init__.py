"""Leverage scores and Lewis weights of the rows of a tall matrix."""
