"""The paper's claims, each beside the evidence that decides it: declared in `table`, decided in `decide`."""
