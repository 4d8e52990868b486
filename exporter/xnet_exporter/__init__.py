"""Training set in, ONNX bundle out (extra ``[export]``: torch, onnx, onnxscript, ase)."""
