# SPDX-License-Identifier: Apache-2.0
"""/openapi.json against what is answered: the tests of HTTP are run again with every reply of theirs checked. And /metrics, by promtool."""
import json
import re
import subprocess
import sys
import unittest
import urllib.parse

import weirtest
from weirtest import ServerCase

sys.path.append("/usr/lib/python3/dist-packages") # where Debian keeps jsonschema
import jsonschema  # noqa: E402

import test_bad_commands  # noqa: E402
import test_bad_queries  # noqa: E402
import test_http  # noqa: E402

documents = {}  # by port
checked = {}    # by path and status: how many
plain_request = weirtest.Client.request


def matches(template, path):
    return re.fullmatch(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template)), path)


class Document:
    def __init__(self, text):
        self.json = json.loads(text)
        jsonschema.Draft202012Validator.check_schema(self.json["components"]["schemas"]["Problem"])
        self.validators = {}

    def operation(self, method, path):
        """The most literal path that matches, as a router has it."""
        fitting = [template for template in self.json["paths"] if matches(template, path)]
        fitting.sort(key=lambda template: template.count("{"))
        method = {"HEAD": "get"}.get(method, method.lower())
        return next(((t, self.json["paths"][t][method]) for t in fitting if method in self.json["paths"][t]), (None, None))

    def validate(self, schema, value):
        key = json.dumps(schema, sort_keys=True)
        if key not in self.validators:
            whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": self.json["components"], **schema}
            self.validators[key] = jsonschema.Draft202012Validator(whole)
        self.validators[key].validate(value)

    def check(self, method, target, status, headers, body):
        path = urllib.parse.urlsplit(target).path
        template, operation = self.operation(method, path)
        if operation is None: # nothing there: a problem all the same
            operation = {"responses": {"default": self.json["paths"]["/info"]["get"]["responses"]["default"]}}
        response = operation["responses"].get(str(status)) or operation["responses"]["default"]
        checked[(template, status)] = checked.get((template, status), 0) + 1
        if method == "HEAD" or status in (204, 304):
            return
        kind = (headers["Content-Type"] or "").split(";")[0]
        if kind == "text/html": # what is no HTTP is answered by the library, which knows no JSON
            assert status >= 400, (target, status)
            return
        content = response["content"].get(kind, response["content"].get("*/*"))
        assert content is not None, f"{method} {target}: {status} {kind} is not in {list(response['content'])}"
        if "x-each-line" in content:
            for line in body.splitlines()[:200]: # there may be ten thousand
                self.validate(content["x-each-line"], json.loads(line))
        elif "schema" in content and kind.endswith("json"):
            self.validate(content["schema"], body)


def checking_request(client, method, path, body=None, headers=None):
    status, got, data = plain_request(client, method, path, body, headers)
    port = client.connection.port
    if port not in documents:
        other = weirtest.Client(port)
        reply = plain_request(other, "GET", "/openapi.json")
        assert reply[0] == 200, reply
        documents[port] = Document(json.dumps(reply[2]))
        other.close()
    documents[port].check(method, path, status, got, data)
    return status, got, data


class EveryReply(unittest.TestCase):
    def test_every_reply_of_the_tests_of_http_is_as_described(self):
        weirtest.Client.request = checking_request
        try:
            suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromModule(module) for module in (test_http, test_bad_commands, test_bad_queries))
            result = unittest.TestResult()
            suite.run(result)
        finally:
            weirtest.Client.request = plain_request
        for _, trace in result.errors + result.failures:
            print(trace)
        print(f"openapi: {sum(checked.values())} replies of {result.testsRun} tests checked, {len(checked)} kinds: "
              f"{len({template for template, _ in checked if template})} paths, statuses {sorted({status for _, status in checked})}")
        self.assertEqual(len(result.errors) + len(result.failures), 0)
        self.assertGreater(sum(checked.values()), 100)


class Described(ServerCase):
    def document(self):
        return self.http.get("/openapi.json")[2]

    def test_all_that_is_listed_is_described_and_all_that_is_described_is_there(self):
        document = self.document()
        self.assertEqual(document["openapi"], "3.1.0")
        for route in self.http.get("/", {"Accept": "application/json"})[2]:
            if "..." not in route["path"]:
                self.assertIn(route["method"].lower(), document["paths"][route["path"]], route)
        for path in document["paths"]:
            status = self.http.request("OPTIONS", path.replace("{", "").replace("}", ""))[0]
            self.assertEqual(status, 204, path)
        text = json.dumps(document)
        for name in re.findall(r"#/components/schemas/([^\"]+)", text):
            self.assertIn(name, document["components"]["schemas"])

    def test_the_modules_commands_and_queries_are_in_it(self):
        paths = self.document()["paths"]
        self.assertEqual(paths["/commands/shop.v1.ReceiveStock"]["post"]["requestBody"]["content"]["application/json"]["schema"],
                         {"$ref": "#/components/schemas/shop.v1.ReceiveStock"})
        self.assertIn({"name": "threshold", "in": "query", "required": False, "schema": {"type": "integer"}},
                      paths["/views/stock/queries/running_low"]["get"]["parameters"])
        self.assertIn("/views/stock/stock", paths)

    def test_a_reply_that_is_not_as_described_is_found(self):
        document = Document(json.dumps(self.document()))
        headers = {"Content-Type": "application/json"}
        good = self.http.get("/info")[2]
        document.check("GET", "/info", 200, headers, good)
        for bad in ({**good, "partitions": "4"}, {k: v for k, v in good.items() if k != "logId"}, []):
            with self.assertRaises(jsonschema.ValidationError):
                document.check("GET", "/info", 200, headers, bad)
        with self.assertRaises(AssertionError):
            document.check("GET", "/info", 200, {"Content-Type": "text/plain"}, "x")

    def test_the_metrics_pass_promtool(self):
        self.receive()
        text = self.http.get("/metrics")[2]
        run = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=60)
        said = (run.stdout + run.stderr).decode()
        print(f"promtool check metrics: exit {run.returncode}, {len(text.splitlines())} lines; {said.strip() or 'no complaint'}")
        self.assertEqual((run.returncode, said), (0, ""))
        bad = subprocess.run(["promtool", "check", "metrics"], input=b"x{ 1\n", capture_output=True, timeout=60)
        self.assertNotEqual(bad.returncode, 0)


if __name__ == "__main__":
    unittest.main()
