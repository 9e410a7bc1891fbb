"""What stages share: parameters, the corpus, the subject model, dictionaries, accumulators."""
