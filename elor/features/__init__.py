"""What the networks eat: six-second slices, their MFCCs, and their INTERSPEECH 2010 functionals.

Each array is one memory-mapped file with a row per slice, in the order of `slices.csv`. The modules are imported one by
one (`elor.features.mfcc` needs torch, `elor.features.is10` openSMILE, `elor.features.slices` neither).
"""
