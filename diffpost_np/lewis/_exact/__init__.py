"""Exact fits of least absolute deviations: a pilot and its band, an interior point, a proof."""
