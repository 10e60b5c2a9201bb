"""How a registry's database gets from one version of Myna to the next. Run at every start, over one connection."""
