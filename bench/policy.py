"""What one policy decision costs, and one statement's compiling: Daypass's engine beside cedarpy and moto's.

    python bench/policy.py [--rounds 7] [--seconds 0.2]

Engines alternate; medians over the rounds are printed. Before timing, every engine is asked every case of every
load: ours and Cedar must answer all as due; how many moto answers so is printed.
"""

from __future__ import annotations

import argparse
import gc
import os
import time
from collections.abc import Callable
from statistics import median
from typing import Final

from support.accounting import pin
from support.engines import CEDAR, DAYPASS, MOTO, Engine, Pass
from support.loads import ACCOUNT, ALICE, ALICE_ID, Load, all_loads, document, statement, team_policy, text

from daypass.policy import Policy, PolicyKind, PolicySet, Principal, PrincipalKind, Request, decide
from support import form

ENGINES: Final = (DAYPASS, CEDAR, MOTO)
GOAL_COMPILE_US: Final = 15.0  # a statement, at most
_STATEMENTS: Final = 10  # in one text that is compiled
_BYSTANDERS: Final = (3, 30, 300, 1_000)  # statements that do not match; more than these no document may hold


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--seconds", type=float, default=0.2, help="of one engine in one round")
    given = arguments.parse_args()
    print(form.told())
    if (os.cpu_count() or 1) > 1:
        pin(os.getpid(), 1)
    # What the engines have loaded is no garbage of the one that is measured. The collector itself stays on.
    gc.collect()
    gc.freeze()
    for load in all_loads():
        _decisions(load, given.rounds, given.seconds)
    _compiling(given.rounds)
    _bystanders(given.rounds, given.seconds)


def _decisions(load: Load, rounds: int, seconds: float) -> None:
    """Check, time and print one load."""
    passes = {engine: engine.prepare(load) for engine in ENGINES}
    right = {engine: _right_answers(load, one) for engine, one in passes.items()}
    for engine in (DAYPASS, CEDAR):
        if right[engine] != len(load.cases):
            raise SystemExit(f"{engine.name} is wrong on `{load.name}`:\n" + _differences(load, passes[engine]))

    timed: dict[Engine, list[float]] = {engine: [] for engine in ENGINES}
    for _ in range(rounds):
        for engine, one in passes.items():
            timed[engine].append(len(load.cases) * _passes_per_second(one, seconds))
    ours = median(timed[DAYPASS])
    print(f"{load.name}: {len(load.cases)} requests")
    for engine in ENGINES:
        each = median(timed[engine])
        goal = f"   goal ≥ {load.goal:,}" if engine is DAYPASS else f"   ours ÷ it: {ours / each:,.1f}"
        print(
            f"  {engine.name:<8} {each:>11,.0f} decisions/s {1e6 / each:>8.2f} µs"
            f"   {right[engine]:>3} of {len(load.cases)} right{goal}"
        )
    print()


def _right_answers(load: Load, one: Pass) -> int:
    return sum(answer == case.expected for answer, case in zip(one.answers(), load.cases, strict=True))


def _differences(load: Load, one: Pass) -> str:
    return "\n".join(
        f"  {case.action} {case.resource}: {answer}, due {case.expected}"
        for answer, case in zip(one.answers(), load.cases, strict=True)
        if answer != case.expected
    )


def _passes_per_second(work: Callable[[], None], seconds: float) -> float:
    """In CPU time, so that what else the machine does counts little; with the garbage collector on, as it is in use."""
    passes = 0
    began = time.process_time()
    until = began + seconds
    while (now := time.process_time()) < until:
        work()
        passes += 1
    return passes / (now - began)


def _compiling(rounds: int) -> None:
    """Texts of ten statements each, new names in every text and round: no cache of anything helps."""
    timed: dict[Engine, list[float]] = {DAYPASS: [], MOTO: []}
    count = 60
    for round_ in range(rounds):
        for engine, micros in timed.items():
            texts = [text(team_policy(f"{engine.name}-{round_}-{index}")) for index in range(count)]
            began = time.process_time()
            for one in texts:
                engine.compile(one)
            micros.append((time.process_time() - began) / count / _STATEMENTS * 1e6)
    print("parse and compile, texts never seen before, µs a statement")
    print(f"  daypass  {median(timed[DAYPASS]):>8.2f}   goal ≤ {GOAL_COMPILE_US:g}")
    print(f"  moto     {median(timed[MOTO]):>8.2f}   json.loads alone: it interprets the document at each decision\n")


def _bystanders(rounds: int, seconds: float) -> None:
    """One statement that matches among ever more that do not: cost should grow with the former alone."""
    wanted = statement("Allow", "s3:GetObject", "arn:aws:s3:::team-data/shared/*")
    principal = Principal(PrincipalKind.USER, ALICE, ACCOUNT, unique_id=ALICE_ID)
    request = Request(principal, "s3:GetObject", "arn:aws:s3:::team-data/shared/a", {"aws:principalarn": ALICE})
    timed: dict[str, list[float]] = {}
    works: dict[str, Callable[[], None]] = {}
    for count in _BYSTANDERS:
        kinds = {
            "another action": [
                statement("Allow", ["s3:PutObject", "s3:DeleteObject"], f"arn:aws:s3:::team-data/home/{index}/*")
                for index in range(count)
            ],
            "the same action, another bucket": [
                statement("Allow", "s3:GetObject", f"arn:aws:s3:::team-{index}/home/*") for index in range(count)
            ],
            "the same action and bucket, another prefix": [
                statement("Allow", "s3:GetObject", f"arn:aws:s3:::team-data/home/{index}/*") for index in range(count)
            ],
        }
        for kind, bystanders in kinds.items():
            policy = Policy.parse(text(document(*bystanders, wanted)), PolicyKind.IDENTITY)
            works[f"{count:>5} of {kind}"] = _repeated(request, PolicySet(identity=(policy,)))
    for _ in range(rounds):
        for name, work in works.items():
            timed.setdefault(name, []).append(_passes_per_second(work, seconds / 4))
    print("one matching statement, in one policy with others that do not match, µs a decision")
    for name, passes in timed.items():
        print(f"  {name:<50} {1e6 / median(passes) / _REPEATS:>8.2f}")


_REPEATS: Final = 20


def _repeated(request: Request, policies: PolicySet) -> Callable[[], None]:
    assert decide(request, policies).outcome.value == "Allowed"

    def work() -> None:
        for _ in range(_REPEATS):
            decide(request, policies)

    return work


if __name__ == "__main__":
    main()
