"""What was found, as people read it: tables for the terminal, README and papers, figures, and the page."""
