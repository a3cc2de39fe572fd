# SPDX-License-Identifier: Apache-2.0
"""Clients that hurt, each a process of its own: load.py KIND SERVER-HOME HOST PORT SECONDS ... Prints one line of JSON at the end.

probe: one polite client; its latencies.    nodes: 3 MiB bodies of a million nodes.    lists: everything, over and over.
idle: opens N connections and holds them.    deaf: asks for everything and never reads.    writes: creates and deletes."""
import json
import os
import socket
import ssl
import sys
import threading
import time

import wire

KIND, HOME, HOST, PORT, SECONDS = sys.argv[1:6]
ADDRESS, END = (HOST, int(PORT)), time.monotonic() + float(SECONDS)
SECRETS = "/api/v1/namespaces/default/secrets"


def context():
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.load_cert_chain(f"{HOME}/admin.crt", f"{HOME}/admin.key")
    return made


CONTEXT = context()


def requests(method, path, body=None, headers=()):
    """Statuses of one request over and over, reconnecting when the server closes."""
    statuses = {}
    while time.monotonic() < END:
        try:
            with wire.Connection(ADDRESS, CONTEXT, timeout=60) as connection:
                while time.monotonic() < END:
                    status = connection.request(method, path, headers, body).status
                    statuses[status] = statuses.get(status, 0) + 1
        except (OSError, wire.Closed):
            statuses["closed"] = statuses.get("closed", 0) + 1
    return statuses


def threaded(count, work):
    results = [None] * count

    def run(i):
        results[i] = work(i)
    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = {}
    for result in results:
        for key, value in result.items():
            total[str(key)] = total.get(str(key), 0) + value
    return total


def probe():
    """A request that is refused, or whose connection is closed, counts by its status, and what it took counts too."""
    latencies, statuses, connection = [], {}, wire.Connection(ADDRESS, CONTEXT, timeout=60)
    print("started", flush=True)
    while time.monotonic() < END:
        before = time.monotonic()
        try:
            connection = connection or wire.Connection(ADDRESS, CONTEXT, timeout=60)
            status = connection.request("GET", f"{SECRETS}/probe").status
        except (OSError, wire.Closed):
            status, connection = "closed", None
        latencies.append(time.monotonic() - before)
        statuses[str(status)] = statuses.get(str(status), 0) + 1
    latencies.sort()
    return {"count": len(latencies), "p50": latencies[len(latencies) // 2], "p99": latencies[len(latencies) * 99 // 100], "max": latencies[-1],
            "statuses": statuses}


def nodes():
    start = '{"kind":"Secret","apiVersion":"v1","metadata":{"name":"x"},"data":['
    body = start + ",".join(["0"] * 1_500_000) + "]}"
    return threaded(8, lambda i: requests("POST", SECRETS, body))


def lists():
    return threaded(6, lambda i: requests("GET", SECRETS))


def writes():
    local = {}

    def work(i):
        statuses = {}
        body = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": f"write-{i}"}, "data": {"a": "Yg=="}}
        while time.monotonic() < END:
            for method, path in (("POST", SECRETS), ("DELETE", f"{SECRETS}/write-{i}")):
                try:
                    connection = local.setdefault(i, None) or wire.Connection(ADDRESS, CONTEXT, timeout=60)
                    local[i] = connection
                    status = connection.request(method, path, (), body if method == "POST" else None).status
                except (OSError, wire.Closed):
                    status, local[i] = "closed", None
                statuses[status] = statuses.get(status, 0) + 1
        return statuses
    return threaded(4, work)


def idle():
    """A tenth of them with a finished handshake, the rest without a byte."""
    held, closed = [], 0
    for i in range(int(sys.argv[6])):
        try:
            connection = socket.create_connection(ADDRESS, timeout=30)
            held.append(CONTEXT.wrap_socket(connection, server_hostname=HOST) if i % 10 == 0 else connection)
        except OSError:
            closed += 1
    print("started", flush=True)
    sys.stdin.readline()
    return {"held": len(held), "closed": closed}


def deaf():
    held = []
    for _ in range(int(sys.argv[6])):
        connection = wire.Connection(ADDRESS, CONTEXT, timeout=60)
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.send("GET", SECRETS)
        held.append(connection)
    print("started", flush=True)
    sys.stdin.readline()
    return {"held": len(held)}


if KIND != "probe":
    os.nice(15)
elif os.getuid() == 0:
    os.nice(-15)
print(json.dumps({"probe": probe, "nodes": nodes, "lists": lists, "writes": writes, "idle": idle, "deaf": deaf}[KIND]()))
