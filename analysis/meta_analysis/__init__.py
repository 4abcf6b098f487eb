"""Effect sizes and their pooling over studies."""
