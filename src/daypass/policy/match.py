"""`*`, `?` and `${variables}`: the only pattern matcher, for actions, ARNs and condition values.

A pattern is cut at its `*` into chunks. The first chunk must begin the text and the last must end it; each one
between is taken at its first occurrence after the one before. Taking the first is never wrong, so nothing is
ever tried twice: the work is bounded by text length × pattern length in C, whatever the pattern.

Source: IAM User Guide, "IAM JSON policy elements: Resource" (wildcards stay within an ARN's segment) and
"IAM policy elements: Variables and tags".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Final, NamedTuple, TypeVar

Context = Mapping[str, str | tuple[str, ...]]
TextTest = Callable[[str], bool]
Built = TypeVar("Built", TextTest, TextTest | None)

ARN_PARTS: Final = 6


class Wildcard(Enum):
    ANY_RUN = "*"
    ANY_ONE = "?"


class Variable(NamedTuple):
    """`${key}` or `${key, 'default'}`; the key in lower case, as contexts hold them."""

    key: str
    default: str | None


# One element of a pattern. A str stands for itself, whatever characters it holds.
Token = str | Wildcard | Variable

_WILDCARD: Final = re.compile(r"([*?])")
# A key may hold whatever a tag key may: letters, digits, spaces and _.:/=+-@ ; nothing here can be read twice.
_VARIABLE: Final = re.compile(
    r"\$\{(?:(?P<escaped>[*?$])|(?P<key> *[^,'\"{}$*? ][^,'\"{}$*?]*)(?:, *'(?P<default>[^'}]*)' *)?)\}"
)


def tokenize(pattern: str, *, wildcards: bool = True, variables: bool = True) -> tuple[Token, ...]:
    """A pattern's elements in order, literal text as long as it runs.

    wildcards: whether `*` and `?` are special. variables: whether `${…}` is, including `${*}`, `${?}`, `${$}`;
    a `${` that begins none of these is literal text.
    """
    if not variables or "${" not in pattern:
        return tuple(_plain(pattern, wildcards))
    tokens: list[Token] = []
    position = 0
    for found in _VARIABLE.finditer(pattern):
        tokens += _plain(pattern[position : found.start()], wildcards)
        tokens.append(found["escaped"] or Variable(found["key"].strip().lower(), found["default"]))
        position = found.end()
    return _joined(tokens + _plain(pattern[position:], wildcards))


def _plain(text: str, wildcards: bool) -> list[Token]:
    if not wildcards or ("*" not in text and "?" not in text):
        return [text] if text else []
    return [Wildcard(piece) if piece in ("*", "?") else piece for piece in _WILDCARD.split(text) if piece]


def _joined(tokens: Iterable[Token]) -> tuple[Token, ...]:
    """The tokens with neighbouring texts made one."""
    joined: list[Token] = []
    for token in tokens:
        last = joined[-1] if joined else None
        if isinstance(token, str) and isinstance(last, str):
            joined[-1] = last + token
        else:
            joined.append(token)
    return tuple(joined)


def resolve(tokens: Iterable[Token], context: Context) -> list[str | Wildcard] | None:
    """The tokens with each variable's value in its place, as literal text; None if one has no value.

    A default stands in for a key that is absent or empty. A key with several values has none to give.
    """
    resolved: list[str | Wildcard] = []
    for token in tokens:
        if isinstance(token, Variable):
            value = context.get(token.key)
            if isinstance(value, tuple) and len(value) == 1:
                value = value[0]
            if not value and token.default is not None:
                value = token.default
            if not isinstance(value, str):
                return None
            resolved.append(value)
        else:
            resolved.append(token)
    return resolved


def resolve_text(tokens: Iterable[Token], context: Context) -> str | None:
    """The text of tokens without wildcards; None if a variable has no value."""
    resolved = resolve(tokens, context)
    return None if resolved is None else "".join([t if isinstance(t, str) else t.value for t in resolved])


# --- globs --------------------------------------------------------------------------------------------------


# A chunk with `?` up to this long is found by the regular expression engine, which tries it at every character
# and gives up at the first difference; a longer one bit by bit, at a cost that does not grow with its length.
_SHORT_CHUNK: Final = 16


class Gapped:
    """A chunk that holds `?`: literal pieces at fixed offsets."""

    __slots__ = ("_expression", "_masks", "_pieces", "length")

    def __init__(self, tokens: Iterable[str | Wildcard]) -> None:
        self._pieces: list[tuple[int, str]] = []
        self.length = 0
        for token in tokens:
            if isinstance(token, str):
                self._pieces.append((self.length, token))
                self.length += len(token)
            else:
                self.length += 1
        self._masks: tuple[dict[str, int], int] | None = None
        self._expression: re.Pattern[str] | None = None

    def at(self, text: str, start: int) -> bool:
        return all(text.startswith(piece, start + offset) for offset, piece in self._pieces)

    def find(self, text: str, start: int, end: int) -> int:
        """Where the chunk first occurs within text[start:end]; -1 if nowhere."""
        if self.length > _SHORT_CHUNK:
            return self.find_bit_by_bit(text, start, end)
        if self._expression is None:
            self._expression = self._make_expression()
        found = self._expression.search(text, start, end)
        return -1 if found is None else found.start()

    def _make_expression(self) -> re.Pattern[str]:
        """The chunk as a regular expression that nothing in is repeated or optional: there is one way to try it."""
        expression, length = "", 0
        for offset, piece in self._pieces:
            expression += "." * (offset - length) + re.escape(piece)
            length = offset + len(piece)
        return re.compile(expression + "." * (self.length - length), re.DOTALL)

    def find_bit_by_bit(self, text: str, start: int, end: int) -> int:
        """Bit i of `matching` says that the chunk's first i + 1 characters end here (the shift-and algorithm):
        one step of the loop for one character of text, whatever the chunk holds.
        """
        masks, gaps = self._masks or self._make_masks()
        whole = 1 << (self.length - 1)
        matching = 0
        for index in range(start, end):
            matching = (matching << 1 | 1) & masks.get(text[index], gaps)
            if matching & whole:
                return index + 1 - self.length
        return -1

    def _make_masks(self) -> tuple[dict[str, int], int]:
        gaps = (1 << self.length) - 1
        positions: dict[str, int] = {}
        for offset, piece in self._pieces:
            gaps &= ~(((1 << len(piece)) - 1) << offset)
            for index, character in enumerate(piece, offset):
                positions[character] = positions.get(character, 0) | 1 << index
        self._masks = {character: mask | gaps for character, mask in positions.items()}, gaps
        return self._masks


_Chunk = str | Gapped


def glob(tokens: Sequence[str | Wildcard]) -> TextTest:
    """A test whether a whole text matches; `*` is any run of characters, `?` any one."""
    return _glob_of(_chunks(tokens))


def glob_text(pattern: str, *, variables: bool = False) -> TextTest | Template:
    """The test for a pattern as written; a Template of one if it has variables."""
    if "?" not in pattern and (not variables or "${" not in pattern):
        return _glob_of(pattern.split("*"))
    return _build(tokenize(pattern, variables=variables), glob)


def _glob_of(chunks: Sequence[_Chunk]) -> TextTest:
    head, tail = chunks[0], chunks[-1]
    if len(chunks) == 1:
        return _whole(head)
    middle = [chunk for chunk in chunks[1:-1] if chunk != ""]
    if not middle and isinstance(head, str) and isinstance(tail, str):
        return _head_and_tail(head, tail)
    return _runs(head, middle, tail)


def _chunks(tokens: Iterable[str | Wildcard]) -> list[_Chunk]:
    chunks: list[_Chunk] = []
    open_chunk: list[str | Wildcard] = []
    for token in tokens:
        if token is Wildcard.ANY_RUN:
            chunks.append(_chunk(open_chunk))
            open_chunk = []
        else:
            open_chunk.append(token)
    chunks.append(_chunk(open_chunk))
    return chunks


def _chunk(tokens: list[str | Wildcard]) -> _Chunk:
    literal = [token for token in tokens if isinstance(token, str)]
    return "".join(literal) if len(literal) == len(tokens) else Gapped(tokens)


def _whole(chunk: _Chunk) -> TextTest:
    if isinstance(chunk, str):
        return chunk.__eq__
    return lambda text: len(text) == chunk.length and chunk.at(text, 0)


def _head_and_tail(head: str, tail: str) -> TextTest:
    if not tail:
        return lambda text: text.startswith(head)
    if not head:
        return lambda text: text.endswith(tail)
    least = len(head) + len(tail)
    return lambda text: text.startswith(head) and text.endswith(tail) and len(text) >= least


def _runs(head: _Chunk, middle: list[_Chunk], tail: _Chunk) -> TextTest:
    head_length, tail_length = _length(head), _length(tail)
    least = head_length + tail_length + sum([_length(chunk) for chunk in middle])

    def test(text: str) -> bool:
        end = len(text) - tail_length
        if len(text) < least or not _at(head, text, 0) or not _at(tail, text, end):
            return False
        position = head_length
        for chunk in middle:
            found = _find(chunk, text, position, end)
            if found < 0:
                return False
            position = found + _length(chunk)
        return True

    return test


def _length(chunk: _Chunk) -> int:
    return len(chunk) if isinstance(chunk, str) else chunk.length


def _find(chunk: _Chunk, text: str, start: int, end: int) -> int:
    return text.find(chunk, start, end) if isinstance(chunk, str) else chunk.find(text, start, end)


def _at(chunk: _Chunk, text: str, start: int) -> bool:
    return text.startswith(chunk, start) if isinstance(chunk, str) else chunk.at(text, start)


# --- ARNs ---------------------------------------------------------------------------------------------------


def arn(tokens: Sequence[str | Wildcard], *, pad: bool = False) -> TextTest | None:
    """A test whether an ARN matches a pattern part by part; None if the pattern has fewer than six parts.

    A wildcard stays within its part; in the sixth, the resource, `*` crosses `:` and `/`.
    pad: whether missing parts count as `*`.
    """
    parts = _split_parts(tokens)
    if len(parts) < ARN_PARTS:
        if not pad:
            return None
        parts += [[Wildcard.ANY_RUN]] * (ARN_PARTS - len(parts))
    elif all(isinstance(token, str) for part in parts[:-1] for token in part):
        # Five literal colons at the head hold every wildcard in the sixth part: one test does for the whole.
        return glob(tokens)
    return _arn_by_parts([(index, glob(part)) for index, part in enumerate(parts) if part != [Wildcard.ANY_RUN]])


def _split_parts(tokens: Iterable[str | Wildcard]) -> list[list[str | Wildcard]]:
    """The tokens of each part, cut at the first five colons."""
    parts: list[list[str | Wildcard]] = [[]]
    for token in tokens:
        if not isinstance(token, str):
            parts[-1].append(token)
            continue
        first, *others = token.split(":", ARN_PARTS - len(parts))
        if first:
            parts[-1].append(first)
        parts += [[other] if other else [] for other in others]
    return parts


def _arn_by_parts(tests: list[tuple[int, TextTest]]) -> TextTest:
    def test(text: str) -> bool:
        parts = text.split(":", ARN_PARTS - 1)
        if len(parts) != ARN_PARTS:
            return False
        for index, part_test in tests:  # noqa: SIM110  a generator would double the cost of a step that every decision takes
            if not part_test(parts[index]):
                return False
        return True

    return test


def arn_text(pattern: str, *, variables: bool = False) -> TextTest | Template | None:
    """The test for an ARN pattern as written in a condition, where variables may stand anywhere."""
    *head, _ = parts = pattern.split(":", ARN_PARTS - 1)
    if len(parts) == ARN_PARTS and "?" not in pattern and "$" not in pattern and "*" not in "".join(head):
        return _glob_of(pattern.split("*"))
    return _build(tokenize(pattern, variables=variables), arn)


def resource_text(pattern: str, *, variables: bool = False) -> TextTest | Template:
    """The test for a pattern in a Resource element: `*` alone is everything, a short ARN is padded with `*`.

    Variables are special after the fifth colon only.
    """
    if pattern == "*":
        return _everything
    parts = pattern.split(":", ARN_PARTS - 1)
    if len(parts) < ARN_PARTS:
        return _padded([part for part in tokenize(pattern, variables=False) if not isinstance(part, Variable)])
    head = ":".join(parts[:-1]) + ":"
    tokens = tokenize(head, variables=False) + tokenize(parts[-1], variables=variables)
    # A literal head holds every wildcard in the sixth part, and then the ARN can be matched as one text.
    return _build(tokens, glob if "*" not in head and "?" not in head else _padded)


def _everything(text: str) -> bool:
    return True


def _padded(tokens: Sequence[str | Wildcard]) -> TextTest:
    test = arn(tokens, pad=True)
    assert test is not None  # noqa: S101  padding leaves no pattern too short
    return test


# --- patterns with variables --------------------------------------------------------------------------------


class Template:
    """A pattern with variables: what it tests is known once there is a context."""

    __slots__ = ("_build", "_prefix", "_tokens")

    def __init__(self, tokens: tuple[Token, ...], build: Callable[[list[str | Wildcard]], TextTest | None]) -> None:
        self._tokens = tokens
        self._build = build
        self._prefix = first if isinstance(first := tokens[0], str) else ""

    def matches(self, text: str, context: Context) -> bool:
        """Whether the text matches; never, where a variable has no value."""
        if not text.startswith(self._prefix):
            return False
        resolved = resolve(self._tokens, context)
        if resolved is None:
            return False
        test = self._build(resolved)
        return test is not None and test(text)


def _build(tokens: tuple[Token, ...], build: Callable[[list[str | Wildcard]], Built]) -> Built | Template:
    static = [token for token in tokens if not isinstance(token, Variable)]
    return build(static) if len(static) == len(tokens) else Template(tokens, build)
