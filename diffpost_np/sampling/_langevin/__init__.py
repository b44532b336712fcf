"""Langevin steps on a score, for methods that correct, for `log_concave` and for moves."""
