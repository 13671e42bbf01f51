"""The in-tree plugins, one module each under its upstream name, and the table that lists them."""
