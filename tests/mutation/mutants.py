"""The mutants of a C source: small mistakes, one at a time, that a test ought to notice.

A source is read as a list of tokens. It is formatted by clang-format, which tells `a * b` from `char *b` by its spaces; more of C is
not understood here, and need not be: what does not compile is no mutant.
"""

import dataclasses
import re

# What each operator may be mistaken for.
CONFUSED = {
    "<": ("<=", ">="), "<=": ("<", ">"), ">": (">=", "<="), ">=": (">", "<"), "==": ("!=",), "!=": ("==",),
    "&&": ("||",), "||": ("&&",), "+": ("-",), "-": ("+",), "*": ("/",), "/": ("*",), "%": ("*",),
    "&": ("|",), "|": ("&",), "^": ("&",), "<<": (">>",), ">>": ("<<",), "++": ("--",), "--": ("++",),
    "+=": ("-=",), "-=": ("+=",), "!": ("",), "~": ("",),
    "?": ("|| 1 ?", "&& 0 ?"),  # a choice that always falls the same way
}
WORDS_CONFUSED = {"true": "false", "false": "true"}
RELATIONS = ("<", "<=", ">", ">=", "==", "!=")
# Also signs of something else: they count only with a space on both sides.
AMBIGUOUS = ("+", "-", "*", "&")

TOKEN = re.compile(r"""
    (?P<skip>    /\*.*?\*/ | //[^\n]* | ^[ \t]*\#(?:[^\n\\]|\\.)*$ )
  | (?P<string>  "(?:[^"\\]|\\.)*" )
  | (?P<char>    '(?:[^'\\]|\\.)+' )
  | (?P<number>  (?<!\w)(?:0[xX][0-9a-fA-F]+|\d+)(?P<suffix>[uUlL]*) )
  | (?P<word>    [A-Za-z_]\w* )
  | (?P<sign>    <<=|>>=|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[^\s\w] )
""", re.VERBOSE | re.DOTALL | re.MULTILINE)

# Where a statement begins that may be left out, and how those begin that may not.
BEFORE_STATEMENT = (";", "{", "}", "else")
NOT_LEFT_OUT = {";", "if", "for", "while", "do", "switch", "case", "default", "else", "return", "assert", "CLEANUP", "struct", "const",
                "static", "enum", "unsigned", "{", "}"}


@dataclasses.dataclass(frozen=True)
class Token:
    kind: str
    text: str
    start: int
    end: int


@dataclasses.dataclass(frozen=True)
class Mutant:
    start: int
    end: int
    replacement: str
    line: int
    before: str  # the lines that it touches, as they are and as it has them, without white space around
    after: str

    def apply_to(self, source):
        return source[:self.start] + self.replacement + source[self.end:]


def tokens_of(source):
    found = []
    for match in TOKEN.finditer(source):
        kind = "number" if match.lastgroup == "suffix" else match.lastgroup
        if kind != "skip":
            found.append(Token(kind, match.group(kind), match.start(), match.end()))
    return found


def closing(tokens, at):
    """The index of the bracket that closes the one at that index."""
    pairs = {"(": ")", "{": "}", "[": "]"}
    depth = 0
    for i in range(at, len(tokens)):
        if tokens[i].text == tokens[at].text:
            depth += 1
        elif tokens[i].text == pairs[tokens[at].text]:
            depth -= 1
            if depth == 0:
                return i
    raise ValueError(f"nothing closes {tokens[at]}")


def asserted(tokens):
    """The indices within assertions: a mistake there is no mistake of the program."""
    inside = set()
    for i, token in enumerate(tokens):
        if token.text == "assert":
            inside.update(range(i, closing(tokens, i + 1) + 1))
    return inside


def is_dimension(tokens, i):
    """Is that number the size of an array that is declared there? (`char text[16]`, `table[][3]`)"""
    if i < 3 or tokens[i - 1].text != "[":
        return False
    return tokens[i - 2].text == "]" or (tokens[i - 2].kind == "word" and (tokens[i - 3].kind == "word" or tokens[i - 3].text == "*"))


def numbers_beside(token):
    digits = token.text.rstrip("uUlL")
    suffix = token.text[len(digits):]
    value = int(digits, 16) if digits[:2] in ("0x", "0X") else int(digits)
    return [f"{beside}{suffix}" for beside in (value + 1, value - 1) if beside >= 0]


def chars_beside(token):
    char = token.text[1:-1]
    return [f"'{chr(ord(char) + 1)}'", f"'{chr(ord(char) - 1)}'"] if len(char) == 1 and char.isalnum() else [r"'\1'"]


def confused_tokens(source, tokens):
    """One token mistaken for another: operators, constants, texts."""
    skipped = asserted(tokens)
    for i, token in enumerate(tokens):
        if i in skipped:
            continue
        mistaken = []
        if token.kind == "sign" and token.text in CONFUSED:
            spaced = source[token.start - 1].isspace() and source[token.end].isspace()
            if spaced or token.text not in AMBIGUOUS:
                mistaken = CONFUSED[token.text]
        elif token.kind == "word" and token.text in WORDS_CONFUSED:
            mistaken = [WORDS_CONFUSED[token.text]]
        elif token.kind == "number" and not is_dimension(tokens, i):
            mistaken = numbers_beside(token)
        elif token.kind == "char":
            mistaken = chars_beside(token)
        elif token.kind == "string" and token.text != '""':
            mistaken = ['""']
        for text in mistaken:
            yield token.start, token.end, text


def negated_conditions(source, tokens):
    for i, token in enumerate(tokens):
        if token.text not in ("if", "while"):
            continue
        end = closing(tokens, i + 1)
        inner = [inside.text for inside in tokens[i + 2:end]]
        relations = sum(text in RELATIONS for text in inner)
        # Where there is but one relation or negation, it is turned round already.
        if "&&" not in inner and "||" not in inner and (relations == 1 or inner[0] == "!"):
            continue
        start, stop = tokens[i + 1].end, tokens[end].start
        yield start, stop, f"!({source[start:stop]})"


def function_bodies(tokens):
    i = 0
    while i < len(tokens):
        if tokens[i].text == "{":
            end = closing(tokens, i)
            if tokens[i - 1].text == ")":
                yield i, end
            i = end
        i += 1


def statement_end(tokens, start, stop):
    """The index of the `;` that ends the statement which begins there, or None."""
    depth = 0
    for i in range(start, stop):
        if tokens[i].text in "([{":
            depth += 1
        elif tokens[i].text in ")]}":
            depth -= 1
        elif tokens[i].text == ";" and depth == 0:
            return i
        if depth < 0:
            return None
    return None


def statement_starts(tokens, body):
    """The indices in that body where a statement may begin."""
    start, stop = body
    headers = {closing(tokens, i + 1) for i in range(start, stop) if tokens[i].text in ("if", "for", "while")}
    in_brackets = set()
    for i in range(start, stop):
        if tokens[i].text == "(":
            in_brackets.update(range(i, closing(tokens, i)))
    for i in range(start, stop):
        is_label = tokens[i].text == ":" and "case" in (tokens[i - 2].text, tokens[i - 3].text)
        if (tokens[i].text in BEFORE_STATEMENT and i not in in_brackets) or i in headers or is_label:
            yield i + 1


def is_declaration(tokens, start):
    kinds = [token.kind for token in tokens[start:start + 3]]
    return kinds[:2] == ["word", "word"] or (kinds == ["word", "sign", "word"] and tokens[start + 1].text == "*")


def changed_statements(_, tokens):
    """A statement that is left out; a function that always gives the same back."""
    for body in function_bodies(tokens):
        for start in statement_starts(tokens, body):
            end = statement_end(tokens, start, body[1])
            if end is None:
                continue
            if tokens[start].text == "return":
                given = [token.text for token in tokens[start + 1:end]]
                if given:
                    for constant in ("0", "1"):
                        if given not in ([constant], ["false" if constant == "0" else "true"], ["NULL"]):
                            yield tokens[start].end, tokens[end].start, f" {constant}"
                    continue
            elif tokens[start].text in NOT_LEFT_OUT or is_declaration(tokens, start):
                continue
            yield tokens[start].start, tokens[end].start, ""


def lines_touched(source, start, end):
    first = source.rfind("\n", 0, start) + 1
    last = source.find("\n", end)
    return first, len(source) if last < 0 else last


def mutants_of(source):
    """All of them, in the order of the source. Where two kinds make the same one, it counts once."""
    tokens = tokens_of(source)
    found = {}
    for kind in (confused_tokens, negated_conditions, changed_statements):
        for start, end, replacement in kind(source, tokens):
            first, last = lines_touched(source, start, end)
            after = source[first:start] + replacement + source[end:last]
            mutant = Mutant(start, end, replacement, source.count("\n", 0, start) + 1,
                            " ".join(source[first:last].split()), " ".join(after.split()))
            found.setdefault(mutant.apply_to(source), mutant)
    return sorted(found.values(), key=lambda mutant: (mutant.start, mutant.end, mutant.replacement))
