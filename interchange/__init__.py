"""Other tools' formats: an atlas to them, labels from them. Reads through `feature_atlas`; never torch."""
