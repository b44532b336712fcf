"""What a method is: a formula for one step, on arrays as it stands or as a table for kernels.

`method` is the record, `step` what a formula sees. `trace` runs it on symbols and writes their
coefficients down, `table` runs those rows; `arrays` runs what is no table.
"""
