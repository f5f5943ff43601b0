"""Label files of other corpora, turned into a manifest that `elor/corpora/manifest.py` reads.

`msp_improv`, `msp_podcast` and `columns` each read one format into `Labels`; `manifest` finds the sound files and
writes the table. What differs between corpora (which end of a scale is high, its range, who speaks) is settled here.
"""
