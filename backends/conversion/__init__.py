"""Which roads lead from one model format to another. Plans only."""
