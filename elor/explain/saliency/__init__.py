"""The saliency analysis of a whole corpus."""
