"""What stands in `metrics/`: one typed model per file, checked when it is written and when it is read.

A stage builds the model and writes it (`model.write`); claims, report and commands read it back (`model.read`) and take
what they need by attribute. Prose about it is made where it is shown (`elor.report`), never parsed.
"""
