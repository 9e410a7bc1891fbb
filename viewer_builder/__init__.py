"""From an atlas to a static site. Reads through `feature_atlas`; never needs torch."""
