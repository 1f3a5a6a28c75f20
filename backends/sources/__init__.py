"""Where models come from besides the user's own disk: the Hugging Face Hub, and shapes without a model."""
