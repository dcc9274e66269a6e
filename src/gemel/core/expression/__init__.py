"""The small typed language of `plant.yaml`: rules, alarm conditions, interlocks, signals, KPIs.

    program = compile_expression("filler.level > 502.5 for 30 s", {"filler.level": Number("mm")})
    running = program.start()
    result = running.step(time, {"filler.level": Column(value, quality)})  # result.value: 0, 1, NaN

An expression is compiled once, with all its types checked, and then runs over columns of rows.
It computes and does nothing else: no I/O, no clock, no chance.

Grammar
-------
From the loosest to the tightest binding; all binary operators but `**` group to the left::

    expression  = either { "else" either }
    either      = both { "or" both }
    both        = lasting { "and" lasting }
    lasting     = negation { "for" DURATION }
    negation    = "not" negation | comparison
    comparison  = sum [ ("<" | "<=" | ">" | ">=" | "==" | "!=") sum | ["not"] "in" set ]
    sum         = product { ("+" | "-") product }
    product     = signed { ("*" | "/" | "%") signed }
    signed      = "-" signed | power
    power       = primary [ "**" signed ]
    primary     = NUMBER | DURATION | STRING | "true" | "false" | NAME | call | "(" expression ")"
    call        = FUNCTION "(" [ expression { "," expression } ] ")"
    set         = "(" literal { "," literal } ")"

    NUMBER      = 42  0.5  .5  1e-3
    DURATION    = 100 ms  30 s  5 min  2 h  7 d
    STRING      = 'Execute'  "Execute"         a quote inside its own kind is written twice
    NAME        = speed  filler.speed  [line2/filler/speed]

Full paths stand in brackets, because `/` divides. Comparisons do not chain: `1 < x < 5` is
refused, `1 < x and x < 5` is meant. `a and b for 30 s` is refused too: it can be read two ways,
and an alarm must not depend on a guess. A text has at most 4,096 characters and 64 levels; a sum
or an `and` of many terms is one level.

Types
-----
number, boolean, enumeration, text and duration. The caller's resolver gives the type of each
name. A unit is carried along where it is plain (`avg` of mm is mm) and shown, but never converted.

- Numbers do not compare with booleans, durations or text. A duration is in seconds; durations add,
  scale by numbers, and their ratio is a number: `age(x) / 1 s`.
- A string compared with an enumeration must be one of its labels. Two enumerations compare by
  label. Where `if` or `else` mixes enumerations or strings, the result's enumeration has the labels
  of all.
- A text signal may be compared (`==`, `!=`, `in`) and given to `changed`, `good` and `age`. It
  cannot be mixed with another by `if` or `else`: each has a dictionary of its own.

Rows, time and quality
----------------------
A row is one instant of source time at which every column has a value, usually the last one held.
Time is in ns and never goes back; two rows may share one time. The cut of rows into steps never
changes a result, to the last bit.

`quality` is the upper half of an OPC UA StatusCode as signed 16 bits: negative is bad, from 0x4000
uncertain, else good. The result has the worst quality of the inputs that mattered, which is the
largest of their codes read as unsigned. A bad number is NaN. NaN and infinity are bad whatever
their quality says, and so is what mathematics does not define: `1 / 0`, `sqrt(-1)`, overflow.

A bad boolean is *unknown*, and NaN in the result column; it neither raises nor clears an alarm.
`false and unknown` is false and `true or unknown` is true, with the quality of what decided it; if
several inputs decide alone, with the best of theirs. Both sides always run, so that memory does
not depend on the other side.

Functions
---------
Row by row:

    abs(x) sqrt(x) exp(x) log(x) round(x)   `log` is natural; `round` takes halves to even
    min(x, y, …) max(x, y, …)               of numbers or of durations
    clip(x, lo, hi)                         bad where lo > hi
    if(condition, x, y)                     unknown where the condition is
    first_good(x, y, …)                     the first that is good, else the first that is
                                            uncertain, else the first; also written `x else y`
    good(x)                                 whether x is good (uncertain is not); itself always good
    x % y                                   the remainder has the sign of y

With memory. A bad row is never the row before, and leaves the memory as it is:

    b for 30 s              b has been true for that long. Each stretch between two rows counts as
                            the row at its start; unknown stretches do not count and reset nothing;
                            only false resets. Unknown while b is.
    hysteresis(x, on, off)  becomes true at `on` and false at `off`, upwards if on > off, else
                            downwards; false at first
    rising(b) falling(b)    b changed against the row before; false at the first row
    changed(x)              x, of any type, differs from the row before; false at the first row
    delta(x)                x less the row before; bad at the first row
    rate(x)                 the same per second; bad between two rows of one time
    age(x)                  time since the signal's last sample: the column's `age` if it has one,
                            else the time since the last row that was not bad

Over a window, which reaches back from each row and holds the value in force at its beginning and
every row since. Bad rows are left out, and the result is then uncertain (Uncertain_DataSubNormal);
with nothing left it is bad:

    avg(x, 60 s)            mean over time, each value held to the next row; of a boolean, the share
                            of time it was true
    lowest(x, 60 s) highest(x, 60 s)
    rate(x, 60 s)           from the first known row of the window to this one, per second
    count_true(b, 60 s)     rows after the beginning of the window with b true;
                            `count_true(rising(b), 10 min)` counts how often b became true

Columns of shape (n, k) hold k assets. One program then runs over all of them, with a memory for
each; columns of shape (n,) are shared by all assets.

Running
-------
`Program` is a value; `program.start()` gives an `Evaluation`, which has the memory.
`evaluation.state()` is a JSON value from which `program.start(state)` goes on as if it had never
stopped. `evaluation.explain()` says why the last result is what it is, by the comparisons that
decided it: `('filler.level = 503.6 mm > 502.5 for 30 s',)`. `str(program)` is the canonical text.
"""

from __future__ import annotations

from gemel.core.expression.column import Column
from gemel.core.expression.error import ExpressionError
from gemel.core.expression.parser import parse
from gemel.core.expression.program import Evaluation, Program, compile_expression
from gemel.core.expression.syntax import Node
from gemel.core.expression.types import Boolean, Duration, Enumeration, Number, Resolve, Text, Type

__all__ = [
    "Boolean",
    "Column",
    "Duration",
    "Enumeration",
    "Evaluation",
    "ExpressionError",
    "Node",
    "Number",
    "Program",
    "Resolve",
    "Text",
    "Type",
    "compile_expression",
    "parse",
]
