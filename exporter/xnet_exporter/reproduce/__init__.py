"""``xnet-onnx reproduce``: every figure and table of the paper, one module a section.

`running` says which sections to run, and where; each computes numbers first, then
writes CSV files, figures and a part (`parts`) of the report (`report`).
"""
