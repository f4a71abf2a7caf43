"""Three servers on this machine and more at once than they can take."""

from concurrent.futures import ThreadPoolExecutor

from bystander import open_session
from golden.zookeeper import wire
from peers.ensemble import Ensemble


def test_a_burst_of_large_writes_costs_no_follower(tmp_path):
    """More than a link may have waiting, at once: it is taken as fast as a quorum takes it, whoever is asked."""
    with Ensemble(tmp_path, ["samsa"] * 3) as one:
        one.start()
        leader, follower = one.leader(), one.followers()[0]
        data = b"x" * 1_000_000
        conns = [open_session(one.servers[leader].address, 20000) for _ in range(450)]
        conns += [open_session(one.servers[follower].address, 20000) for _ in range(50)]
        conns[0].call("create", wire.body_create("/large"))
        reader = open_session(one.servers[leader].address)
        with ThreadPoolExecutor(len(conns)) as pool:
            burst = [pool.submit(conn.call, "setData", wire.body_set_data("/large", data)) for conn in conns]
            while not all(one.done() for one in burst):
                reader.call("exists", wire.body_path_watch("/large"))   # others need not wait
            for answer in burst:
                answer.result()   # raises what went wrong
        assert (one.leader(), one.mode(follower)) == (leader, "follower")
        assert int(one.monitor(leader)["synced_followers"]) == 2
        assert "Closing the connection" not in one.servers[leader].logs()
