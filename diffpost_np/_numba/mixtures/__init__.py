"""Kernels of mixtures: the forms they take, their scores, and runs of rows of steps."""
