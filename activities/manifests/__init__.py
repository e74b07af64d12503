"""Pure text editors of dependency manifests: text in, text out, no byte moved that need not (I8)."""
