"""S3's XML: error bodies, the documents Daypass itself answers, and a hardened reading of small bodies.

Owns nothing of what they mean. A body with a document type declaration is refused before anything in it is
expanded: without declarations expat knows no entity but the five of XML itself.

Source: S3 API Reference, "Error responses" and the response elements of each operation; XML 1.0, 2.2 "Characters".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from daypass.errors import ServiceError

NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"
DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'

MAX_DEPTH: Final = 16  # elements within elements; the deepest input of the S3 model has 8

_WHITE_SPACE: Final = " \t\r\n"  # XML 1.0, 2.3

# XML 1.0 has no way to write these, not even as a reference.
_UNWRITABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"})


class MalformedXML(ValueError):
    """A body that is not XML, or XML of a kind that is not read."""


@dataclass(slots=True)
class Element:
    """name: without its namespace. text: all character data directly inside."""

    name: str
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def first(self, name: str) -> Element | None:
        """The first child of that name."""
        return next((child for child in self.children if child.name == name), None)

    def text_of(self, name: str) -> str | None:
        """The text of the first child of that name; None if there is none."""
        child = self.first(name)
        return None if child is None else child.text


def parse(body: bytes, *, strict: bool = False) -> Element:
    """The root element of a small document; the caller bounds its length.

    strict: what `write` would leave out is refused: attributes, and text beside elements. For what policies speak of
        and a backend then reads.

    Raises:
        MalformedXML: not well-formed, deeper than MAX_DEPTH, or with a document type declaration.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    top = Element("")
    stack = [top]

    def refuse_declaration(*_: object) -> None:
        raise MalformedXML("a document type declaration")

    def start(name: str, found: object) -> None:
        if len(stack) > MAX_DEPTH:
            raise MalformedXML("too deep")
        if found and strict:
            raise MalformedXML("an attribute")
        element = Element(name.rpartition(" ")[2])
        stack[-1].children.append(element)
        stack.append(element)

    def end(_: str) -> None:
        element = stack.pop()
        if strict and element.children and element.text.strip(_WHITE_SPACE):
            raise MalformedXML("text beside elements")

    def characters(text: str) -> None:
        stack[-1].text += text

    parser.StartDoctypeDeclHandler = refuse_declaration
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise MalformedXML(str(error)) from None
    return top.children[0]


def escape(text: str) -> str:
    """The text as character data; what XML 1.0 cannot hold becomes U+FFFD."""
    return _UNWRITABLE.sub("\ufffd", text).translate(_ESCAPES)


Content = str | Sequence[tuple[str, "Content"]]


def render(root: str, content: Content) -> bytes:
    """A whole document in S3's namespace. content: text, or elements in order, which nest."""
    return f'{DECLARATION}<{root} xmlns="{NAMESPACE}">{_inner(content)}</{root}>'.encode()


def write(root: Element) -> bytes:
    """A document that was read strictly. Text beside elements, which is white space then, is left out."""
    return render(root.name, _content(root))


def _content(element: Element) -> Content:
    if not element.children:
        return element.text
    return [(child.name, _content(child)) for child in element.children]


def render_error(error: ServiceError, request_id: str, host_id: str) -> bytes:
    """An error's body: Code, Message, the error's own details, then the two ids."""
    elements: list[tuple[str, Content]] = [("Code", error.code)]
    if error.message is not None:
        elements.append(("Message", error.message))
    elements += error.details.items()
    elements += [("RequestId", request_id), ("HostId", host_id)]
    return f"{DECLARATION}<Error>{_inner(elements)}</Error>".encode()


def _inner(content: Content | Iterable[tuple[str, Content]]) -> str:
    if isinstance(content, str):
        return escape(content)
    return "".join([f"<{name}>{_inner(inner)}</{name}>" for name, inner in content])
