"""What the package tool of an image said is remembered only when nothing of it may change by asking again."""

from __future__ import annotations

from dataclasses import dataclass, field

from activities.adapters.throwaway import Outcome, Task
from activities.consulting.answers import Answer, PackageAnswer, PackageQuestion, Question
from activities.consulting.asking import Asker, Tool

QUESTION = Question(packages=(PackageQuestion(name="express"), PackageQuestion(name="koa")), seconds=9)
FOUND = PackageAnswer(found=True, complete=True, chosen="5.0.0")
ABSENT = PackageAnswer(found=False)


@dataclass
class OneAnswerEach:
    """Stands for the containers: each gives the next answer."""

    answers: list[Answer]
    asked: list[Task] = field(default_factory=list)

    async def run(self, task: Task) -> Outcome:
        """The next answer."""
        self.asked.append(task)
        data = self.answers[len(self.asked) - 1].model_dump_json().encode()
        return Outcome(exit_code=0, files={"answer.json": data})


def answer(**packages: PackageAnswer) -> Answer:
    """What one container says, with the index reached."""
    return Answer(reached=True, interpreter="22.0.0", packages=packages)


async def asked_twice(first: Answer) -> int:
    """How many containers two equal questions took."""
    host = OneAnswerEach([first, answer(express=FOUND, koa=FOUND)])
    asker = Asker.on(host)  # type: ignore[arg-type]  # `run` is all that is used
    for _ in range(2):
        await asker.ask(Tool.NPM, ["web:1"], QUESTION, "run-1", 9.0)
    return len(host.asked)


async def test_what_is_known_is_asked_once() -> None:
    """Found and looked into, or said not to be there: neither changes within one run."""
    assert await asked_twice(answer(express=FOUND, koa=ABSENT)) == 1


async def test_what_the_registry_did_not_say_is_asked_again() -> None:
    """A registry slow for a moment must not leave a package unknown for as long as the worker lives."""
    assert await asked_twice(answer(express=FOUND, koa=PackageAnswer())) == 2
    assert await asked_twice(answer(express=FOUND)) == 2
    assert await asked_twice(answer(express=FOUND, koa=PackageAnswer(found=True))) == 2
