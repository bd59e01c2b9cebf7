"""Templates of event IDs: literal text with `{name}` parts, `{{` and `}}` for braces."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["Template"]

_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")


class Template:
    """A parsed template. Immutable; thread safe."""

    __slots__ = ("_parts", "literal", "names", "text")

    def __init__(self, text: str) -> None:
        """Parse `text`; raise ValueError for a lone brace or a part that is no plain name."""
        self.text = text
        parts: list[tuple[bool, str]] = []
        for match in _PART.finditer(text):
            token, name = match[0], match[1]
            if name is not None:
                if not name.isidentifier():
                    raise ValueError(
                        f"{token} is no template part; write {{name}}, and {{{{ or }}}} for braces"
                    )
                parts.append((True, name))
            elif token in {"{", "}"}:
                raise ValueError(f"lone {token!r} in {text!r}; write {{{{ or }}}} for braces")
            else:
                parts.append((False, token[0] if token in {"{{", "}}"} else token))
        self._parts = tuple(parts)
        self.names = tuple(name for is_name, name in parts if is_name)
        self.literal = None if self.names else "".join(token for _, token in parts)

    def sole_name(self) -> str | None:
        """The name, where the template is one part and nothing else."""
        return self._parts[0][1] if len(self._parts) == 1 and self.names else None

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the text with each part replaced by its value."""
        return "".join(values[token] if is_name else token for is_name, token in self._parts)
