"""Measurements as ratios in one run, against the bare lower bound. Never asserted as times in tests."""
