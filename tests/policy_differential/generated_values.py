"""Random cases about one comparison: a pattern and a text, or two dates, numbers or addresses, at their edges.

Each is a policy that allows everything on one condition, or one resource, so that the answer is the comparison's.
"""

from __future__ import annotations

from random import Random
from typing import Any

from policy_differential.near import riddled

Case = dict[str, Any]
ACCOUNT = "111122223333"


def generated_value(seed: str) -> Case:
    """The case of a seed, the same in every process."""
    rng = Random(seed)  # noqa: S311  repeatable is what it must be
    return rng.choice(
        (string_case, string_case, arn_case, arn_case, resource_case, date_case, number_case, address_case)
    )(rng)


def condition_case(operator: str, value: str, request_value: str, held: str = "") -> Case:
    """held: the value of a variable that patterns may name."""
    condition = {operator: {"aws:RequestTag/x": value}}
    return case(
        {"Resource": "*", "Condition": condition}, {"aws:RequestTag/x": request_value, "aws:RequestTag/y": held}
    )


def case(members: dict[str, Any], context: dict[str, str], resource: str = "arn:aws:s3:::reports") -> Case:
    statement = {"Effect": "Allow", "Action": "*", **members}
    request = {
        "action": "s3:ListBucket",
        "resource": resource,
        "principal_kind": "user",
        "principal_arn": f"arn:aws:iam::{ACCOUNT}:user/alice",
        "principal_account": ACCOUNT,
        "context": context,
    }
    return {"request": request, "policies": {"identity": [{"Version": "2012-10-17", "Statement": [statement]}]}}


# ---- patterns: few letters, so that there is much to go back over ----


def text(rng: Random, longest: int = 10) -> str:
    return "".join(rng.choices("aab/", k=rng.randrange(longest + 1)))


def pattern(rng: Random, of: str, held: str) -> str:
    """A pattern that matches the text, or nearly; perhaps with a variable for a part of it."""
    result = riddled(rng, of) if rng.random() < 0.6 else of
    while rng.random() < 0.6:
        at = rng.randrange(len(result) + 1)
        result = result[:at] + rng.choice(("*", "?", "*?", "**", "a", "")) + result[at + rng.randrange(3) :]
    if held in result and rng.random() < 0.2:
        result = result.replace(held, "${aws:RequestTag/y}", 1)
    return result


def string_case(rng: Random) -> Case:
    value = rng.choice((text(rng), text(rng), text(rng, 70)))
    held = value[2:5] or "*"
    written = pattern(rng, value, held)
    return condition_case(rng.choice(("StringLike", "StringNotLike", "StringEquals")), written, value, held)


def arn(rng: Random) -> str:
    parts = [
        "arn",
        "aws",
        *(text(rng, 3).replace("/", "") for _ in range(3)),
        text(rng, 6) + rng.choice(("", ":a", ":b:a")),
    ]
    return ":".join(parts)


def arn_case(rng: Random) -> Case:
    value = arn(rng)
    if rng.random() < 0.1:
        value = value.replace(":", rng.choice(("", "::")), 1)
    held = value[9:12] or "*"
    written = pattern(rng, value, held)
    return condition_case(rng.choice(("ArnLike", "ArnNotLike", "ArnEquals")), written, value, held)


def resource_case(rng: Random) -> Case:
    """The first three parts stay as they are: a policy with others is refused."""
    region, account = text(rng, 3).replace("/", ""), text(rng, 3).replace("/", "")
    rest = f"{region}:{account}:{text(rng, 6)}b{rng.choice(('', ':a', ':b:a'))}"
    held = rest[-4:]
    written = [f"arn:aws:sqs:{region_and_more(rng, rest, held)}" for _ in range(rng.choice((1, 1, 2)))]
    return case({"Resource": written}, {"aws:RequestTag/y": held}, resource=f"arn:aws:sqs:{rest}")


def region_and_more(rng: Random, rest: str, held: str) -> str:
    region, account, part = rest.split(":", 2)
    changed = [riddled(rng, region), riddled(rng, account), pattern(rng, part, held)]
    # A short ARN must not end in an empty part.
    return ":".join([region, part + "*"] if region and rng.random() < 0.1 else changed)


# ---- dates, numbers, addresses ----


def two_digits(rng: Random, *often: int) -> str:
    return f"{rng.choice((*often, *often, rng.randrange(70))):02}"


def date(rng: Random) -> str:
    day = f"{rng.choice((1, 1600, 1900, 1969, 1970, 2000, 2023, 2024, 2100, 9999)):04}-{two_digits(rng, 1, 2, 3, 12)}"
    day += "-" + two_digits(rng, 1, 28, 29, 30, 31)
    clock = f"{two_digits(rng, 0, 12, 23)}:{two_digits(rng, 0, 30, 59)}"
    seconds = rng.choice(("", ":00", ":59", ":59.9", ":00.000000001", ":" + two_digits(rng, 60)))
    zone = rng.choice(
        (
            "Z",
            "Z",
            "+00:00",
            "-00:00",
            "+01:30",
            "-11:00",
            "+14:00",
            f"-{two_digits(rng, 23, 24)}:{two_digits(rng, 59, 60)}",
        )
    )
    form = rng.choice((day, day[:7], day[:4], f"{day}T{clock}{seconds}{zone}", f"{day}T{clock}{seconds}{zone}"))
    return (
        form
        if rng.random() < 0.9
        else rng.choice(("0", "1", "86399", "951782400", "9223372036854775807", "00000001970"))
    )


def valid_date(rng: Random) -> str:
    """A date that is stored: without the clock it may be any day up to the 28th."""
    year, month, day = rng.choice((1, 1900, 1970, 2000, 2024)), rng.randrange(1, 13), rng.randrange(1, 29)
    return f"{year:04}-{month:02}-{day:02}" + rng.choice(
        ("", "T00:00Z", "T23:59:59Z", "T01:30+01:30", "T12:00:00.5-11:00")
    )


COMPARISONS = ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")


def date_case(rng: Random) -> Case:
    value = date(rng)
    other = valid_date(rng) if rng.random() < 0.6 or not is_plain(value) else value
    return condition_case("Date" + rng.choice(COMPARISONS), other, value)


def is_plain(value: str) -> bool:
    """Whether a policy with this date is stored for certain."""
    return len(value) == len("YYYY") or value.isdigit()


def number_case(rng: Random) -> Case:
    return condition_case("Numeric" + rng.choice(COMPARISONS), number(rng), number(rng))


def number(rng: Random) -> str:
    whole = rng.choice(("0", "1", "10", "010", "9", "100", "18446744073709551616", ""))
    fraction = rng.choice(("", "", ".0", ".00", ".5", ".50", ".49999999999999999999"))
    written = rng.choice(("", "", "-", "+")) + (whole or "7") + fraction
    return (
        written
        if rng.random() < 0.93
        else rng.choice(("", " 1", "1 ", "one", "--1", "1-", "1.2.3", "0x10", "1_0", "-", "."))
    )


def address_case(rng: Random) -> Case:
    value = address(rng)
    block = value if rng.random() < 0.6 else address(rng)
    if rng.random() < 0.7:
        block += f"/{rng.choice((0, 1, 7, 8, 9, 24, 31, 32, 33, 64, 127, 128, 129))}"
    return condition_case(rng.choice(("IpAddress", "NotIpAddress")), block, value)


def address(rng: Random) -> str:
    if rng.random() < 0.5:
        return ".".join(str(rng.choice((0, 1, 10, 127, 128, 192, 255, 255, 256))) for _ in range(4))
    groups = [rng.choice(("0", "1", "db8", "ffff", "FFFF", "8000", "7fff")) for _ in range(8)]
    written = ":".join(["2001", *groups[1:]])
    return rng.choice((written, f"2001:{groups[1]}::{groups[2]}", "::1", "::", f"2001::{groups[3]}", "fe80:::1"))
