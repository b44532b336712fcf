"""Lewis weights and leverage scores of tall regressions, and sampling of their rows."""

__all__: list[str] = []
