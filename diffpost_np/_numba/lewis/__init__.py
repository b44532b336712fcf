"""Kernels of `lewis`: tall matrices, and exact fits."""
