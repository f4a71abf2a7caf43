"""Locks, elections, counters and queues of kazoo, Java and C clients at three servers whose life is hard.

The servers are killed, paused and restarted, their links slowed, cut, stalled and broken by a proxy; what the recipes
promise is judged by zk_recipes.py, what the servers promise by zk_history.py, whose clients run beside.
SAMSA_SOAK_SECONDS=600 draws faults for so long.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import backends  # noqa: E402
import curator  # noqa: E402
from peers import PeerUnavailable, Proxied, class_path  # noqa: E402
from test_zk_ensembles import NEW, settle  # noqa: E402
from zk_history import History  # noqa: E402
from zk_nemesis import LIMITS, Nemesis  # noqa: E402
from zk_recipes import (KazooRecipes, Program, Recipes, SharedLock, counter_problems, fence_problems,  # noqa: E402
                        queue_problems, session_problems)

HERE = Path(__file__).resolve().parent
SOAK_S = int(os.environ.get("SAMSA_SOAK_SECONDS", "0"))
# No act takes so long: no session may be lost.
TIMEOUT_S = 30
CFG = {**LIMITS, "maxSessionTimeout": 60000}
SERVER_ACTS = ("kill_leader", "kill_follower", "pause_briefly", "pause_leader", "pause_follower",
               "restart_all_one_by_one")
LINK_ACTS = ("slow_links", "slow_clients", "stall_briefly", "cut_leader", "cut_follower", "cut_one_way", "cut_clients",
             "reset_links", "break_in_the_middle", "half_open")


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    """{who: command} of the clients in other languages."""
    folder = tmp_path_factory.mktemp("clients")
    subprocess.run(["gcc", "-std=gnu17", "-g", "-Wall", "-Wextra", "-Werror", "-DTHREADED", "-o", folder / "zk_recipes",
                    HERE / "c" / "zk_recipes.c", "-lzookeeper_mt", "-lpthread"], check=True)
    try:
        jars = os.pathsep.join([class_path(NEW), curator.class_path()])
        backends.compile_java([HERE / "java" / "RecipeRunner.java"], folder, jars)
        java = [*backends.java_command(folder, folder, curator.class_path()), "RecipeRunner"]
    except PeerUnavailable as problem:
        pytest.skip(str(problem).splitlines()[0])
    return {"java": java, "c": [str(folder / "zk_recipes")]}


@pytest.fixture
def start_recipes():
    """Two kazoo clients, and one of each command; each language has links of its own."""
    started = []

    def start(one, commands, lock_class=SharedLock):
        def make(journal):
            kazoos = [KazooRecipes(journal, f"k{i}", one.network.hosts_for("k"), TIMEOUT_S, lock_class) for i in (1, 2)]
            return kazoos + [Program(journal, who, command, one.network.hosts_for(who), TIMEOUT_S)
                             for who, command in commands.items()]

        started.append(Recipes(one.hosts, make, one.folder / "journal.txt"))
        started[-1].start().wait_progress(timeout=90)
        return started[-1]

    yield start
    for recipes in started:
        recipes.abandon()


def judge(recipes, history, one):
    recipes.wait_progress()
    problems = recipes.stop()
    done = recipes.done()
    print({name: done[name] for name in sorted(done)}, len(recipes.journal.of("refused")), "refused")
    assert not problems, "\n".join(problems[:20])
    settle(history, one)


@pytest.mark.parametrize("acts", [SERVER_ACTS, LINK_ACTS], ids=["servers", "links"])
def test_recipes_keep_their_promises(ensemble, commands, start_recipes, acts):
    one = ensemble(("samsa",) * 3, network=Proxied(), cfg=CFG).start()
    recipes = start_recipes(one, commands)
    history = History(one.network.hosts_for("h"), workers=2, session_timeout=10).start()
    nemesis = Nemesis(one, lambda: history.wait_progress(10), lambda name: recipes.journal.add(f"act {name}"))
    if SOAK_S:
        nemesis.soak(SOAK_S, acts)
    else:
        nemesis.play(*acts)
    judge(recipes, history, one)


# --- the judge itself ---


class NoLock(SharedLock):
    """Does not wait for its turn."""

    def _get_predecessor(self, node):
        return None


def test_a_lock_that_does_not_lock_is_found(ensemble, start_recipes):
    one = ensemble(("samsa",) * 3, network=Proxied(), cfg=CFG).start()
    recipes = start_recipes(one, {}, NoLock)
    recipes.wait_progress(more=20)
    problems = recipes.stop()
    assert any("though it held number" in problem or "behind" in problem for problem in problems), problems


def lines(*texts):
    return [tuple(text.split()) for text in texts]


def test_the_judge_of_fences():
    good = lines("fence f 1 a 10 1", "fence f 1 a 11 2", "fence f 3 b 12 3", "refused f 1 a 0", "fence g 1 c 13 1")
    assert not fence_problems(good)
    for bad in ("refused f 1 a 1", "fence f 1 a 13 4", "fence f 3 a 13 4", "fence f 4 b 13 3", "fence f 4 b 12 4"):
        assert len(fence_problems(good + lines(bad))) == 1, bad


def test_the_judge_of_counters():
    done = lines("inc a 1", "inc a 1", "inc a 0")
    assert [len(counter_problems(done, {"a": value})) for value in (1, 2, 3, 4)] == [1, 0, 0, 1]


def test_the_judge_of_queues():
    good = lines("put q 1", "put q 2", "maybe-put q 3", "got q 1 a", "take q 1", "put q 4", "maybe-take q ?")
    assert not queue_problems(good, {"q": ["2"]})
    assert len(queue_problems(good, {"q": []})) == 1, "two are missing, one take was in doubt"
    assert len(queue_problems(good, {"q": ["2", "2"]})) == 1
    assert len(queue_problems(good, {"q": ["1", "2"]})) == 1
    assert len(queue_problems(good, {"q": ["2", "5"]})) == 1
    assert len(queue_problems(good + lines("take q 1"), {"q": ["2"]})) == 1
    assert len(queue_problems(good + lines("got q 1 b"), {"q": ["2"]})) == 1


def test_the_judge_of_sessions():
    assert not session_problems(lines("session a 1", "session b 2", "session a 1"))
    assert session_problems(lines("session a 1", "session a 2"))
