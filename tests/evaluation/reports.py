"""An ordinary judgement with what stands beside it, and reports read as their readers do, each as strictly as it can be."""

import base64
import csv
import hashlib
import io
import json
import re
from html.parser import HTMLParser

from spantune.data import Example, Span
from spantune.evaluation import Known, judge
from spantune.evaluation.cases import Given
from spantune.evaluation.report import About, pictures_of

NAMES = ("Ada Lovelace", "Charles Babbage", "Grace Hopper")


def ordinary(count=90, wrong=4, **known):
    """Plain questions, three a document, every `wrong`th answered wrong, with probabilities and an untuned model."""
    rows, said, before = [], [], []
    for n in range(count):
        label, other = NAMES[n % 3], NAMES[(n + 1) % 3]
        context = f"Entry {n}. " + "Nothing of note. " * 30 + f"It was {label}, and not {other}. " + "Little follows. " * 30
        spans = (Span(label, context.index(label)),) if n % 10 else ()
        rows.append(Example(f"q{n}", f"Who was it in entry {n}?", context, spans, f"d{n // 3}"))
        text = other if n % wrong == 0 else label if n % 10 else ""
        said.append(Given(f"q{n}", text, probability=0.9 - n % wrong / 10))
        before.append(Given(f"q{n}", other))
    return judge(rows, said, known=Known(**{"untuned": before, "touched": 2, **known}))


def about_ordinary(judged):
    """What stands beside such a judgement."""
    return About(
        "run on data.json",
        "Trained on 100 questions.",
        commands=("spantune train a.json", "spantune report run data.json --out report.html"),
        versions={"torch": "2.6"},
        settings={"training.epochs": "3 (the default)"},
        data={"questions": "90"},
        pictures=pictures_of(judged),
        traces={"q0": "report-traces/0001.html"},
        history=({"epoch": "1", "loss": "0.5"}, {"epoch": "2", "loss": "0.4"}),
    )


# -- pages

VOID = {"meta", "br", "img"}
FORBIDDEN = {"script", "iframe", "object", "embed", "link", "form", "base", "input"}
# fmt: off
TAGS = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "section", "footer", "article", "h1", "h2", "h3", "p",
    "ul", "li", "div", "table", "thead", "tbody", "tr", "th", "td", "bdi", "b", "br", "span", "svg", "rect", "figure", "img",
    "figcaption", "dl", "dt", "dd", "mark", "pre", "a",
}
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "class", "id", "aria-labelledby", "aria-hidden", "scope", "dir", "src",
    "alt", "href", "viewbox", "preserveaspectratio", "width", "height",
}
CLASSES = {
    "verdict", "good", "fair", "poor", "soft", "grade", "remarks", "alarm", "scroll", "n", "b", "bar", "pictures", "wide",
    "worse", "tag", "pair", "text", "gold", "said", "both",
}
# fmt: on


class Page(HTMLParser):
    """The elements of a page with their texts; fails on elements that do not nest, and on comments."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.declarations = [], [], []
        self.feed(source)
        self.close()
        assert self.open == []
        assert [one.lower() for one in self.declarations] == ["doctype html"]

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "text": "", "attributes": attrs, **dict(attrs)}
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.elements.append({"tag": tag, "text": "", "attributes": attrs, **dict(attrs)})

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def handle_decl(self, decl):
        self.declarations.append(decl)

    def handle_comment(self, data):
        self.declarations.append(f"comment {data}")

    def handle_pi(self, data):
        self.declarations.append(f"instruction {data}")

    def unknown_decl(self, data):
        self.declarations.append(f"unknown {data}")

    def all(self, tag, **attributes):
        return [one for one in self.elements if one["tag"] == tag and all(one.get(k) == v for k, v in attributes.items())]

    def texts(self, tag, **attributes):
        return [one["text"] for one in self.all(tag, **attributes)]


def check_harmless(page, addresses=()):
    """Nothing can run or load, and whatever is markup is ours."""
    assert {one["tag"] for one in page.elements} & FORBIDDEN == set()
    assert {one["tag"] for one in page.elements} <= TAGS
    named = [(name, value, one["tag"]) for one in page.elements for name, value in one["attributes"]]
    assert {name for name, _, _ in named if name.startswith("on")} == set()
    assert {name for name, _, _ in named} <= ATTRIBUTES
    assert {part for name, value, _ in named if name == "class" for part in value.split()} <= CLASSES
    assert all(value.startswith("data:image/svg+xml;base64,") and tag == "img" for name, value, tag in named if name == "src")
    assert all(value in addresses and tag == "a" for name, value, tag in named if name == "href")
    check_policy(page)


def check_policy(page):
    """One style sheet, and a policy that allows it, by its hash, and pictures that the page carries; nothing else."""
    (style,) = page.texts("style")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = [one["content"] for one in page.all("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]


# -- JSON


def read_json(text):
    def refuse(name):
        raise AssertionError(name)

    return json.loads(text, parse_constant=refuse)


# -- CSV


def read_csv(text):
    head, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    return [dict(zip(head, row, strict=True)) for row in rows]


# -- Markdown


def outside_of_fences(text):
    return [
        line
        for at, part in enumerate(re.split(r"^```+$", text, flags=re.MULTILINE))
        for line in part.splitlines()
        if not at % 2
    ]


def bare(line, signs):
    """Signs of a line that no backslash stands before."""
    return [found[0][-1] for found in re.finditer(rf"(?<!\\)(?:\\\\)*[{re.escape(signs)}]", line)]


def cells(line):
    assert line.startswith("|"), line
    assert line.endswith("|"), line
    return [cell.strip() for cell in re.split(r"(?<=[^\\])(?:(?<=\\\\)|(?<!\\))\|", line[1:-1])]


def tables(text):
    blocks, block = [], []
    for line in [*outside_of_fences(text), ""]:
        if line.startswith("|"):
            block.append(line)
        elif block:
            blocks.append([cells(one) for one in block])
            block = []
    return blocks


def check_markdown(text):
    for line in outside_of_fences(text):
        assert bare(line, "<`[") == [], line
        assert "&" not in re.sub("&(amp|lt);", "", line), line
    found = tables(text)
    for rows in found:
        assert {len(row) for row in rows} == {len(rows[0])}
        assert set(rows[1]) == {"---"}
    return found
