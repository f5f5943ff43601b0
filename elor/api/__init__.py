"""What commands do, as functions: one module per verb, offered by `import elor`; verbs with a home elsewhere need none."""
