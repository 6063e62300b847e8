"""Training of P2PSynCodec: teacher, token cache, pseudo VQs, and the analysis of the result."""
