"""What commands do, as functions that `import elor` offers: one module per verb, of the command's own name."""
