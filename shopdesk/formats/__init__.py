"""How dates are written where Django writes them; a module a language."""
