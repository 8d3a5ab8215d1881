"""The papers' predictors in floating point: sampled, trained, and turned into integers.

    volumes -> sampling -> nets + loss -> learn -> quantise -> medzip.papers.codec

What the papers publish stands in `configurations` by name.
"""
