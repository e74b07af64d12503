"""What a language model is shown and what of its answer is taken."""
