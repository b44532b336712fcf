"""How far parts of a mixture are apart after noise: what `critical_window`, `mixture_tree` ask.

`components` has bounds by pairs, `line` is exact where there is a line, and `separation` finds the
times at which parts merge.
"""
