"""A run from noise to data: its noise levels, where chains start, and the loop over steps.

`descent` checks what a user chose of it, and `run` is what `sample` and `noise_then_denoise` share;
`subspace` spares chains of a mixture the dimensions in which nothing happens.
"""
