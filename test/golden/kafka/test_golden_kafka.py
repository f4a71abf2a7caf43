"""Every reply equal to Apache Kafka 3.9's, but for ids, times, addresses, and what pending.txt lists.

The .golden files are what Apache answered to the script; see the package's `__main__` for how they
are written.  Samsa is compared with them always.  Where Java and Maven are, Apache itself is
compared with them too, so that the files cannot rot.
"""

import pytest

from golden import compare
from golden.kafka import codec, run
from golden.kafka.script import CONFIGURATIONS
from peers import PeerUnavailable, java_program, kafka_class_path, samsa_broker_program

SHOWN_DIFFERENCES = 30


def check(kind, name, folder):
    golden = run.golden_path(name).read_text(encoding="ascii")
    text = run.record(kind, CONFIGURATIONS[name], folder)
    if kind == "samsa":
        found, _ = run.pending_differences(name, golden, text)
    else:
        found = compare.differences(golden, text)
    if found:
        shown = "\n".join(found[:SHOWN_DIFFERENCES])
        pytest.fail(f"{len(found)} of {compare.steps(golden)} steps differ; the first ones:\n{shown}",
                    pytrace=False)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_samsa_answers_as_apache_did(name, tmp_path):
    assert samsa_broker_program() is not None, "build first: there is no bin/kafka-server-start.sh"
    check("samsa", name, tmp_path)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_apache_answers_as_recorded(name, tmp_path):
    try:
        java_program()
        kafka_class_path()
    except PeerUnavailable as problem:
        pytest.skip(str(problem).splitlines()[0])
    check("apache", name, tmp_path)


def test_every_api_and_version_is_asked():
    """Guards against a script that lost its sections: then all comparisons would pass at once."""
    asked = set()
    for name in CONFIGURATIONS:
        for _, step, _ in compare.blocks(run.golden_path(name).read_text(encoding="ascii")):
            words = step.split()
            if len(words) > 3 and words[3].startswith("v") and words[3][1:].isdigit():
                asked.add((words[2], int(words[3][1:])))
    missing = [f"{codec.API_NAMES[message.api_key]} v{version}" for message in codec.REQUESTS.values()
               for version in codec.versions_of(message.name.removesuffix("_request"))
               if (codec.API_NAMES[message.api_key], version) not in asked]
    assert not missing
