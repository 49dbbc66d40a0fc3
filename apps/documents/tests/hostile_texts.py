"""HTML, Markdown, text and CSV: depth, floods, wrong encodings, hidden instructions, tables without end."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from apps.documents.tests.hostile import READ, SECRET, HostileFile

LONG = frozenset({"too_long"})


def files() -> Iterator[HostileFile]:
    yield from _hidden()
    yield from _pages()
    yield from _tables()
    yield from _encodings()
    yield from _texts()
    yield from _markdown()


def page(body: str, head: str = "") -> bytes:
    return f"<!doctype html><html><head><title>t</title>{head}</head><body><p>Seen.</p>{body}</body></html>".encode()


def _hidden() -> Iterator[HostileFile]:
    sheet = "<style>.a .b{color:red} .q , p.z{display:none}#w{visibility:hidden} @media print{.s{display:none}}</style>"
    tricks = {
        "comment": f"<!-- {SECRET} -->",
        "script": f"<script>{SECRET}</script>",
        "style": f"<style>/* {SECRET} */</style>",
        "display": f'<p style="display:none">{SECRET}</p>',
        "important": f'<div style="DISPLAY : none !important"><b>{SECRET}</b></div>',
        "visibility": f'<p style="visibility: hidden">{SECRET}</p>',
        "opacity": f'<p style="opacity:0.0">{SECRET}</p>',
        "attribute": f"<p hidden>{SECRET}</p>",
        "size": f'<span style="font-size:0">{SECRET}</span>',
        "size-1": f'<span style="font-size:1px">{SECRET}</span>',
        "far": f'<div style="position:absolute;left:-9999px">{SECRET}</div>',
        "indent": f'<p style="text-indent:-9999px">{SECRET}</p>',
        "clip": f'<p style="position:absolute;clip:rect(0 0 0 0)">{SECRET}</p>'.replace("0 0 0 0", "0, 0, 0, 0"),
        "height": f'<p style="height:0;overflow:hidden">{SECRET}</p>',
        "white": f'<p style="color:#fff;background:white">{SECRET}</p>',
        "transparent": f'<p style="color:transparent">{SECRET}</p>',
        "scale": f'<p style="transform: scale(0)">{SECRET}</p>',
        "template": f"<template>{SECRET}</template>",
        "noscript": f"<noscript>{SECRET}</noscript>",
        "svg": f"<svg><text>{SECRET}</text><script>x</script></svg>",
        "title": f"<svg><title>{SECRET}</title></svg>",
        "input": f'<input value="{SECRET}">',
        "alt": f'<img alt="{SECRET}" src="x">',
        "textarea": f"<textarea>{SECRET}</textarea>",
        "option": f"<select><option>{SECRET}</select>",
        "frame": f'<iframe srcdoc="{SECRET}">{SECRET}</iframe>',
        "object": f"<object>{SECRET}</object>",
        "audio": f"<audio>{SECRET}</audio>",
        "dialog": f"<dialog>{SECRET}</dialog>",
        "cdata": f"<![CDATA[ {SECRET} ]]>",
        "instruction": f"<?xml {SECRET} ?>",
        "nested": f'<div style="display:none"><table><tr><td>{SECRET}</table></div>',
        "cell": f'<table><tr><td>a<td style="display:none">{SECRET}<tr><td>b</table>',
        "item": f"<ul><li>a<li hidden>{SECRET}</ul>",
        "meta": f'<meta name="description" content="{SECRET}">',
    }
    for name, trick in tricks.items():
        yield HostileFile("hidden text", f"{name}.html", partial(page, trick), READ)
    for name, trick in {
        "class": f'<p class="x q">{SECRET}</p>',
        "both": f"<p class=z>{SECRET}</p>",
        "id": f"<p id=w>{SECRET}</p>",
    }.items():
        yield HostileFile("hidden text", f"sheet-{name}.html", partial(lambda trick: page(trick, sheet), trick), READ)
    for name, trick in {
        "comment": f"<!-- {SECRET} -->",
        "span": f'a <span style="display:none">{SECRET}</span> b',
        "block": f"<div hidden>\n{SECRET}\n</div>",
        "reference": f"[//]: # ({SECRET})",
    }.items():
        yield HostileFile(
            "hidden text",
            f"{name}.md",
            partial(lambda trick: f"# Head\n\nSeen.\n\n{trick}\n\n## Other\n\nSeen too.\n".encode(), trick),
            READ,
        )
    tags = "".join(chr(0xE0000 + ord(letter)) for letter in SECRET)
    yield HostileFile("hidden text", "tags.txt", f"Seen.{tags} Seen too.".encode, READ, (SECRET, tags))
    yield HostileFile(
        "hidden text",
        "overrides.txt",
        "Give \u202e5\u202c mg\u200b and \u2066rest\u2069.".encode,
        READ,
        ("\u202e", "\u200b", "\u2066"),
    )


def _pages() -> Iterator[HostileFile]:
    kind = "deep nesting"
    for tag in ("div", "b", "table><tr><td", "ul><li", "blockquote", "span", "font", "h1", "dl><dd", "p"):
        name = tag.replace("><", "-")
        yield HostileFile(kind, f"{name}.html", partial(lambda tag: page(f"<{tag}>" * 60_000 + "x"), tag))
    yield HostileFile(kind, "crossed.html", lambda: page("<b><i><p>" * 20_000 + "x" + "</b></i></p>" * 20_000))
    kind = "HTML floods"
    yield HostileFile(kind, "attribute.html", lambda: page(f'<p title="{"a" * 8_000_000}">x</p>'))
    yield HostileFile(
        kind, "attributes.html", lambda: page("<p " + " ".join(f"a{n}=1" for n in range(200_000)) + ">x</p>")
    )
    yield HostileFile(kind, "style-attribute.html", lambda: page(f'<p style="{"a:b;" * 1_000_000}">x</p>'))
    yield HostileFile(kind, "style-colons.html", lambda: page(f'<p style="{"a" * 300_000}{" " * 300_000}">x</p>'))
    yield HostileFile(
        kind,
        "sheet.html",
        lambda: page(
            "<p class=c>x" * 20_000, "<style>" + "".join(f".c{n}.d{{display:none}}" for n in range(50_000)) + "</style>"
        ),
    )
    yield HostileFile(kind, "braces.html", lambda: page("x", "<style>" + "{" * 1_000_000 + "</style>"))
    yield HostileFile(kind, "open-comment.html", lambda: page("<!--" * 500_000))
    yield HostileFile(kind, "open-tag.html", lambda: page("<a " * 500_000))
    yield HostileFile(kind, "brackets.html", lambda: page("<" * 2_000_000))
    yield HostileFile(kind, "references.html", lambda: page("&amp;" * 1_500_000), LONG)
    yield HostileFile(kind, "numbers.html", lambda: page("&#99999999999; &#xD800; &#0; &#x110000; &#65535;" * 1_000))
    yield HostileFile(kind, "names.html", lambda: page("&" + "a" * 3_000_000 + ";"), LONG)
    yield HostileFile(kind, "paragraphs.html", lambda: page("<p>x" * 600_000), LONG)
    yield HostileFile(kind, "breaks.html", lambda: page("x<br>" * 600_000), LONG)
    yield HostileFile(kind, "picture.html", lambda: page(f'<img src="data:image/png;base64,{"A" * 5_000_000}">'), READ)
    yield HostileFile(kind, "doctype.html", lambda: b"<!DOCTYPE html " + b"x" * 3_000_000 + b"><p>Seen.")
    yield HostileFile(kind, "comments-first.html", lambda: b"<!-- -->" * 300_000 + b"<html><p>Seen.</p></html>")
    yield HostileFile(
        kind,
        "outside.html",
        lambda: page(
            '<link rel=stylesheet href="http://127.0.0.1:9/"><img src="file:///etc/passwd"><iframe src="file:///etc/passwd"></iframe>',
            '<base href="file:///">',
        ),
        READ,
        ("root:x:0",),
    )
    yield HostileFile(
        "unsupported",
        "drawing.svg",
        lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        frozenset({"unsupported_type"}),
    )
    yield HostileFile(
        "wrong extension",
        "drawing.html",
        lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        frozenset({"type_mismatch"}),
    )
    yield HostileFile(
        "unsupported", "data.json", lambda: b'{"a": [1, 2, {"b": null}]}', frozenset({"unsupported_type"})
    )
    yield HostileFile("unsupported", "deep.json", lambda: b"[" * 500_000 + b"]" * 500_000)
    yield HostileFile(
        "unsupported",
        "mail.eml",
        lambda: b"From: a@example.org\nMIME-Version: 1.0\nContent-Type: multipart/mixed\n\nbody",
        frozenset({"unsupported_type"}),
    )


def _tables() -> Iterator[HostileFile]:
    kind = "huge tables"
    yield HostileFile(kind, "million.csv", ("a,b,c,d,e,f,g,h,i,j\n" + "1,2,3,4,5,6,7,8,9,0\n" * 100_000).encode, LONG)
    yield HostileFile(
        kind,
        "wide.csv",
        lambda: ("\n".join(",".join(f"{row}x{column}" for column in range(6_000)) for row in range(20))).encode(),
        LONG,
    )
    yield HostileFile(kind, "long-header.csv", ("a" * 200_000 + ",b\n" + "1,2\n" * 1_000).encode)
    yield HostileFile(kind, "quotes.csv", lambda: b'a,b\n1,"' + b'x"",\n' * 200_000)
    yield HostileFile(kind, "quote-marks.csv", lambda: b'"' * 900_000)
    yield HostileFile(kind, "commas.csv", lambda: b"," * 900_000)
    yield HostileFile(kind, "formulas.csv", lambda: b"name,value\n=cmd|' /C calc'!A0,1\n@SUM(1),2\n+1,3\n", READ)
    yield HostileFile(kind, "cells.html", lambda: page("<table>" + "<tr><td>x<td>y" * 100_000), LONG)
    yield HostileFile(kind, "spans.html", lambda: page('<table><tr><td colspan="1000000" rowspan="1000000">x' * 50))
    yield HostileFile(kind, "row-spans.html", lambda: page("<table>" + "<tr><td rowspan=200>x" * 2_000), LONG)
    yield HostileFile(
        kind, "long-header.html", lambda: page(f"<table><tr><th>{'h' * 100_000}<th>b" + "<tr><td>1<td>2" * 5_000)
    )
    yield HostileFile(kind, "nested.html", lambda: page("<table><tr><td>x" * 5_000))


def _encodings() -> Iterator[HostileFile]:
    kind = "encodings"
    text = "Fieber über 38 °C – bitte melden.\n\nZweiter Absatz mit Text.\n"
    for name in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"):
        yield HostileFile(kind, f"{name}.txt", partial(text.encode, name), READ)
    made = {
        "utf-8-cut": (text.encode()[:20] + text.encode()[-1:], READ),
        "utf-8-overlong": (b"A line \xc0\xaf\xe0\x80\xaf with wrong bytes.\n" * 5, READ),
        "utf-8-surrogates": (b"A line \xed\xa0\x80\xed\xb0\x80 here.\n" * 5, READ),
        "utf-16-odd": (text.encode("utf-16")[:-1], READ),
        "utf-16-halves": ("a".encode("utf-16") + b"\x00\xd8" * 50, READ | {"nothing_extracted"}),
        "utf-7": (b"+ADw-script+AD4-alert(1)+ADw-/script+AD4-", READ),
        "marks-only": (b"\xef\xbb\xbf", frozenset({"nothing_extracted"})),
        "mark-16-only": (b"\xff\xfe", frozenset({"nothing_extracted"})),
        "nul-only": (b"\x00" * 1000, frozenset({"unsupported_type", "nothing_extracted", "type_mismatch"})),
        "nul-between": (b"A note with a zero\x00 byte now and then in it. " * 20, READ),
        "controls": (bytes(range(1, 32)) * 50, frozenset({"unsupported_type", "type_mismatch"})),
        "escape": (b"\x1b[31mRed\x1b[0m text in a log.\n" * 20, READ),
        "high-bytes": (bytes(range(128, 256)) * 20, READ),
        "utf-32-wrong": (b"\xff\xfe\x00\x00" + b"\xff" * 400, READ | {"nothing_extracted"}),
    }
    for name, (data, right) in made.items():
        yield HostileFile(kind, f"{name}.txt", partial(lambda data: data, data), frozenset(right))
    for charset in ("utf-7", "rot13", "zip", "idna", "nonsense", "utf-16", "x" * 5_000, "windows-1251"):
        yield HostileFile(
            kind,
            f"charset-{charset[:12]}.html",
            partial(lambda charset: f'<html><meta charset="{charset}"><p>Seen.</p></html>'.encode(), charset),
            READ,
        )


def _texts() -> Iterator[HostileFile]:
    kind = "text floods"
    empty = frozenset({"nothing_extracted"})
    made = {
        "zero-bytes": (lambda: b"", empty),
        "blanks": (lambda: b" \n\t" * 100_000, empty),
        "newlines": (lambda: b"\n" * 900_000, empty),
        "one-line": (lambda: b"word " * 4_000_000, LONG),
        "one-word": (lambda: b"a" * 900_000, READ),
        "one-word-long": (lambda: b"a" * 20_000_000, LONG),
        "short-lines": (lambda: b"a\n\n" * 300_000, READ),
        "many-items": (lambda: b"- a\n" * 200_000, READ),
        "abbreviations": (lambda: b"e.g. " * 180_000, READ),
        "marks": (("a" + "\u0301\u0323" * 200_000).encode, READ),
        "marks-mixed": (("\u0344\u0323\u0301" * 100_000).encode, READ),
        "growing": (lambda: "\ufb2c\u1d160".encode() * 100_000, READ),
        "invisible": (lambda: "\u200b\u2060\ufeff".encode() * 100_000, empty),
        "rules": (lambda: b"=" * 500_000 + b"\n" + b"-" * 400_000, empty | READ),
        "spaces": (lambda: b"a" + b" " * 900_000 + b"b", READ),
        "tabs": (lambda: b"a\t" * 300_000, READ),
        "hashes": (lambda: b"#" * 900_000, READ | empty),
        "brackets": (lambda: b"<" * 900_000, READ),
        "pipes": (lambda: b"|" * 900_000, READ | empty | LONG),
        "header-like": (lambda: b"A: b\n" * 150_000, READ),
    }
    for name, (make, right) in made.items():
        yield HostileFile(kind, f"{name}.txt", make, frozenset(right))


def _markdown() -> Iterator[HostileFile]:
    head = "# Head\n\nSeen.\n\n## Next\n\n"
    floods = {
        "quotes": ">" * 20_000 + "x",
        "brackets": "[" * 50_000,
        "links": "[a](" * 50_000,
        "images": "![" * 50_000,
        "stars": "*a " * 60_000,
        "underscores": "_a" * 60_000,
        "stars-only": "*" * 200_000,
        "backticks": "".join("`" * n + " " for n in range(600)),
        "references": "".join(f"[a{n}]: x\n" for n in range(20_000)),
        "lists": "".join("  " * n + "- x\n" for n in range(400)),
        "numbers": "1. " * 20_000,
        "table": "|" + "a|" * 20_000 + "\n|" + "-|" * 20_000 + "\n",
        "table-rows": "|a|b|\n|---|---|\n" + "|1|2|\n" * 20_000,
        "fences": "```\n" * 40_000,
        "html": "<div>" * 20_000,
        "open-html": "<!-- " * 40_000,
        "escapes": "\\*" * 100_000,
        "references-used": "[a]: /x\n\n" + "[a] " * 40_000,
        "angle": "<" * 60_000,
        "entities": "&#" * 60_000,
        "autolinks": "<http://" * 30_000,
        "setext": "a\n" * 40_000 + "===\n",
        "tildes": "~~a" * 40_000,
    }
    for name, flood in floods.items():
        yield HostileFile("Markdown floods", f"{name}.md", partial(lambda flood: (head + flood).encode(), flood))
