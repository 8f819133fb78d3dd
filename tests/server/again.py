#!/usr/bin/env python3
"""What is judged again, each as one case against the real program: newer data are held against the stored report, and no
registry is asked; another policy takes a new scan; what only Harbor could read is left as it was.

    tests/server/again.py PROGRAM [WORD]

WORD: only cases with it in their names.
"""

import base64
import json
import os
import subprocess
import sys

from parts import SECRET, Images, Registry, Server, check, event, run_all, send, source, tar_of, wait

FIELDS = {"Content-Type": "application/json", "Authorization": SECRET}
ROBOT = "robot$again:" + "word-that-harbor-lends"
WISH = "application/vnd.scanner.adapter.scan.request+json; version=1.1"


def bring(program, folder, *packages):
    """Advisory data that know of a flaw in each of these packages of Python, mended by 9.0."""
    data, files = os.path.join(folder, "advisories"), []
    for package in packages:
        files.append(os.path.join(folder, package + ".json"))
        ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9.0"}]}]
        record = {"id": f"PYSEC-2026-{package}", "modified": "2026-01-01T00:00:00Z",
                  "affected": [{"package": {"ecosystem": "PyPI", "name": package}, "ranges": ranges}]}
        with open(files[-1], "w") as file:
            json.dump(record, file)
    subprocess.run([program, "db", "import", "--quiet", "--db", data, *files], check=True, capture_output=True)
    return data


def with_package(images):
    """An image with a package of Python."""
    metadata = b"Metadata-Version: 2.1\nName: shopping\nVersion: 2.2\n"
    return images.add([tar_of([("etc/os-release", b"ID=alpine\nVERSION_ID=3.22.0\n"),
                               ("usr/lib/python3.12/site-packages/shopping-2.2.dist-info/METADATA", metadata)])])


def judged(server, count):
    """Reports of the one image, the newest last, when there are as many."""
    ask = lambda: server.rows("SELECT r.policy, j.kind, (SELECT count(*) FROM finding WHERE report = r.id AND rule = 'package/vulnerable') "
                              "FROM report r JOIN job j ON j.id = r.job ORDER BY r.made")
    return wait(lambda: len(ask()) >= count and ask(), 60, f"{count} reports")


def started_again(server, registry, more=""):
    """The server anew, with more in its configuration; a start looks at once whether what judges is newer."""
    check("its end", server.end() == 0) if server.process else None
    with open(server.config, "a") as file:
        file.write(more)
    registry.asked.clear()
    server.start()


def newer_data_take_the_stored_report(folder, program):
    images = Images()
    registry = Registry(images)
    data = bring(program, folder, "other")
    server = Server(program, folder, registry.host, top=f'advisories = "{data}"')
    server.start()
    name = with_package(images)
    check("told", send(server.connect(), "/hooks/shop", FIELDS, event("shop/api", name, 1, tag="1"))[0] == 202)
    check("nothing is known of it", judged(server, 1) == [("careen:2026", "scan", 0)])
    bring(program, folder, "other", "shopping")
    started_again(server, registry)
    check("its flaw is found", judged(server, 2)[1] == ("careen:2026", "rematch", 1), judged(server, 2))
    check("the registry was not asked", not registry.asked, registry.asked)
    # data that say the same of it leave no report behind
    bring(program, folder, "other", "shopping", "third")
    started_again(server, registry)
    wait(lambda: server.rows("SELECT count(*) FROM job WHERE kind = 'rematch' AND state = 'done'")[0][0] == 2, 60, "the second time")
    check("what says the same is not kept", len(judged(server, 2)) == 2)
    check("nor was it asked for", not registry.asked, registry.asked)
    check("its end", server.end() == 0)


def another_policy_takes_a_scan(folder, program):
    images = Images()
    registry = Registry(images)
    server = Server(program, folder, registry.host)
    server.start()
    name = with_package(images)
    send(server.connect(), "/hooks/shop", FIELDS, event("shop/api", name, 1, tag="1"))
    judged(server, 1)
    started_again(server, registry, '\n[[policy]]\npolicy = ["careen:report-only"]\n')
    check("by the new policy", judged(server, 2)[1][:2] == ("careen:report-only", "rematch"), judged(server, 2))
    check("the registry was asked", any(name in path for path in registry.asked), registry.asked)
    check("its end", server.end() == 0)


def newer_data_while_it_is_scanned(folder, program):
    """Data that come in the middle of a scan are newer than it, whichever it saw."""
    images = Images()
    registry = Registry(images)
    data = bring(program, folder, "other")
    server = Server(program, folder, registry.host, top=f'advisories = "{data}"', more='\n[workers]\ncache = "0"\n')
    server.start()
    name = with_package(images)
    send(server.connect(), "/hooks/shop", FIELDS, event("slow/api", name, 1, tag="1"))
    wait(lambda: any("blobs" in path for path in registry.asked), 60, "the scan")
    bring(program, folder, "other", "shopping")
    judged(server, 1)
    before = server.rows("SELECT data_version FROM report")
    started_again(server, registry)
    wait(lambda: server.rows("SELECT 1 FROM job WHERE kind = 'rematch' AND state = 'done'"), 60, "the second look")
    newest, = server.rows("SELECT id, data_version FROM report ORDER BY made DESC LIMIT 1")
    flaws = server.rows("SELECT count(*) FROM finding WHERE report = ? AND rule = 'package/vulnerable'", newest[0])
    check("the flaw is known in the end", flaws == [(1,)] and newest[1] != before[0][0], (flaws, newest, before))
    check("nothing failed", not server.rows("SELECT 1 FROM job WHERE state <> 'done'"))
    check("its end", server.end() == 0)


def what_harbor_lent_is_not_there_again(folder, program):
    """The registry wants a login, and careen has none but what Harbor lends with each scan."""
    images = Images()
    registry = Registry(images)
    login = "Basic " + base64.b64encode(ROBOT.encode()).decode()

    def fault(request):
        if request.headers["Authorization"] == login:
            return False
        request.answer(401, b'{"errors":[{"code":"UNAUTHORIZED"}]}', "application/json", WWW_Authenticate='Basic realm="x"')
        return True

    registry.fault = fault
    data = bring(program, folder, "other")
    secret = os.path.join(folder, "secret")
    harbor = f'[harbor]\nauth = {{ by = "bearer", secret = {{ file = "{secret}" }} }}\n'
    server = Server(program, folder, registry.host, top=f'advisories = "{data}"', more=harbor)
    server.start()
    name = with_package(images)
    wish = {"registry": {"url": f"http://{registry.host}", "authorization": login},
            "artifact": {"repository": "shop/api", "digest": name, "tag": "1", "mime_type": "application/vnd.oci.image.manifest.v1+json"}}
    ask = lambda: server.get("/harbor/api/v1/scan", None, "POST", json.dumps(wish), **{"Content-Type": WISH, "Authorization": "Bearer " + SECRET})
    check("asked for", ask()[0] == 202)
    judged(server, 1)
    audited = server.rows("SELECT who, what FROM audit")
    check("who asked is kept", audited == [("Harbor", "scan")], audited)
    bring(program, folder, "other", "shopping")
    started_again(server, registry)
    check("judged by the stored report", judged(server, 2)[1] == ("careen:2026", "rematch", 1), judged(server, 2))
    check("the registry was not asked", not registry.asked, registry.asked)
    # now the image itself is needed
    started_again(server, registry, '\n[[policy]]\npolicy = ["careen:report-only"]\n')
    second = "SELECT state, coalesce(reason, '') FROM job WHERE kind = 'rematch' AND state IN ('done', 'dead') ORDER BY id LIMIT 1 OFFSET 1"
    state, reason = wait(lambda: server.rows(second), 60, "the second job")[0]
    check("it was asked for", bool(registry.asked))
    check("left, with the reason", state == "done" and reason.startswith("left as it was judged before: "), (state, reason))
    check("without alarm", b'"level":"ERROR"' not in server.log_text() and not server.rows("SELECT 1 FROM job WHERE state = 'dead'"))
    check("the report before stays", len(judged(server, 2)) == 2)
    check("Harbor asks again, and is answered", ask()[0] == 202 and judged(server, 3)[2][:2] == ("careen:report-only", "scan"), judged(server, 2))
    check("its end", server.end() == 0)
    return reason


def each_source_has_its_own(folder, program):
    """Two sources of one registry: each is judged by its policy, and seen by its token."""
    images = Images()
    registry = Registry(images)
    policy = '\n[[policy]]\nsource = "second"\npolicy = ["careen:report-only"]\n'
    server = Server(program, folder, registry.host, more=source(folder, "second", "distribution", '"header"') + policy)
    server.start()
    name = images.add([tar_of([("etc/os-release", b"ID=alpine\nVERSION_ID=3.22.0\n")])], {"config": {"User": "0"}})
    for hook in ("shop", "second", "shop"):
        check(f"told by {hook}", send(server.connect(), f"/hooks/{hook}", FIELDS, event("shop/api", name, 1, tag="1"))[0] == 202)
    judged(server, 2)
    reports = dict(server.rows("SELECT source, policy FROM report"))
    check("each by its policy", reports == {"shop": "careen:2026", "second": "careen:report-only"}, reports)
    for one, other in (("shop", "second"), ("second", "shop")):
        token = server.token(one, "read", one)
        seen = json.loads(server.get("/api/v1/images", token)[2])["items"]
        check(f"what {one} sees", [(image["source"], image["tags"], len(image["reports"])) for image in seen] == [(one, ["1"], 1)], seen)
        theirs, = server.rows("SELECT id FROM report WHERE source = ?", other)[0]
        check(f"nothing of {other}", server.get(f"/api/v1/reports/{theirs}", token)[0] == 404)
    check("its end", server.end() == 0)


CASES = [newer_data_take_the_stored_report, newer_data_while_it_is_scanned, another_policy_takes_a_scan, what_harbor_lent_is_not_there_again, each_source_has_its_own]

if __name__ == "__main__":
    run_all(CASES, sys.argv[1], only=sys.argv[2] if len(sys.argv) > 2 else None)
