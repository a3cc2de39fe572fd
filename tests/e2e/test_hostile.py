# SPDX-License-Identifier: Apache-2.0
"""Definitions that are meant to hurt: what they may cost, and what their texts may be."""
import select

import harness
from test_custom import DEFINITIONS, definition, install

TABLE = [("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")]


def test_columns_of_any_name(server, namespace):
    names = ['a"b', "c\\d", "e\nf"]
    group = f"g{harness.secrets.token_hex(4)}.example.com"
    install(server, definition("things", group, additionalPrinterColumns=[
        {"name": name, "type": "string", "jsonPath": ".spec.x"} for name in names]))
    table = server.call("GET", f"/apis/{group}/v1/namespaces/{namespace}/things", headers=TABLE)
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", *names]
    server.call("DELETE", f"{DEFINITIONS}/things.{group}")


def test_costly_objects_hold_up_no_loop(server, namespace):
    """A pattern that takes long: whoever else is on the same loop is answered before."""
    group = f"g{harness.secrets.token_hex(4)}.example.com"
    install(server, definition("things", group, {"x": {"type": "string", "pattern": "(a?b?)" * 2000 + "z"}}))
    body = {"apiVersion": f"{group}/v1", "kind": "Things", "metadata": {"name": "a"}, "spec": {"x": "a" * 15000}}
    others = [server.connect() for _ in range(16)]
    with server.connect() as costly:
        for other in [*others, costly]:
            assert other.request("GET", "/api/v1/namespaces/default").status == 200
        costly.send("POST", f"/apis/{group}/v1/namespaces/{namespace}/things", body=body)
        for _ in range(4):
            for other in others:
                assert other.request("GET", "/api/v1/namespaces/default").status == 200
        assert not select.select([costly.socket], [], [], 0)[0]
        assert costly.answer().status == 422
    for other in others:
        other.close()
    server.call("DELETE", f"{DEFINITIONS}/things.{group}")
