"""The other client of a zkCli case: does its "!" steps, with kazoo."""

from kazoo.client import KazooClient
from kazoo.security import make_digest_acl

SUPER = ("digest", "super:secret")


class Operator:
    def __init__(self, server):
        self.server = server

    def client(self):
        client = KazooClient(hosts=f"127.0.0.1:{self.server.port}", timeout=10, auth_data=[SUPER])
        client.start(timeout=20)
        return client

    def do(self, step):
        word, *rest = step.split()
        if word == "stop":
            self.server.stop()
        elif word == "start":
            self.server.start()
        else:
            client = self.client()
            try:
                getattr(self, f"do_{word}")(client, *rest)
            finally:
                client.stop()
                client.close()

    def do_create(self, client, path, data=""):
        client.create(path, data.encode())

    def do_set(self, client, path, data=""):
        client.set(path, data.encode())

    def do_delete(self, client, path):
        client.delete(path)

    def do_digest(self, client, path):
        client.create(path, b"secret", acl=[make_digest_acl("user", "pass", all=True)])
