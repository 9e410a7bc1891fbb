"""How an atlas is made: one file per stage, which meet in the work folder."""
