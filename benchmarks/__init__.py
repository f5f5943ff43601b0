"""Speed and memory, measured: `make bench`, or `python -m benchmarks NAME...`; `--list` says what there is.

A benchmark is a module with two functions: `measure() -> dict` returns raw numbers, `tables(measured) -> list[Block]`
turns them into what the pages show. `benchmarks.publish` keeps the numbers in benchmarks/results/<name>.json,
together with the machine that they were measured on, and writes the tables between the markers of a page. Every module
also runs alone, with options of its own: `python -m benchmarks.scale --help`.
"""

import elor  # noqa: F401  # before numpy and torch: what is measured is the portable arithmetic
