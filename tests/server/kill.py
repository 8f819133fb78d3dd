#!/usr/bin/env python3
"""Kills the server at random moments under load, and looks whether an event it acknowledged was lost.

    tests/server/kill.py PROGRAM [ROUNDS [EVENTS]]

Each round senders post events of images that nobody saw before, the server is killed with SIGKILL, the store is
checked, and the server is started again. At the end every acknowledged event must be a report, and no image two.
"""

import random
import shutil
import sys
import tempfile
import threading
import time

from parts import Images, Registry, Server, event, post

SENDERS = 4
# seconds before a kill, and events that the senders of a round post at most, unless it is told: all are scanned at the end
LONGEST = 0.5
MOST = 40


def main():
    program = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    each = int(sys.argv[3]) if len(sys.argv) > 3 else MOST
    random.seed(20_261_122)
    folder = tempfile.mkdtemp(prefix="careen-kill-")
    images = Images()
    registry = Registry(images)
    server = Server(program, folder, registry.host)
    acknowledged, lock = {}, threading.Lock()
    number = 0

    def send(stop, most):
        nonlocal number
        connection = server.connect()
        while not stop.is_set():
            with lock:
                if number >= most:
                    return
                number += 1
                mine = number
            manifest = images.make(mine)
            try:
                if post(connection, event("shop/api", manifest, mine)) == 202:
                    acknowledged[manifest] = mine
            except OSError:
                return
            except Exception:  # the answer broke off: it was not acknowledged
                return

    for done in range(rounds):
        server.start()
        most = number + each
        stop = threading.Event()
        senders = [threading.Thread(target=send, args=(stop, most)) for _ in range(SENDERS)]
        for sender in senders:
            sender.start()
        time.sleep(random.random() * LONGEST)
        server.kill()
        stop.set()
        for sender in senders:
            sender.join()
        checked = server.rows("PRAGMA integrity_check")
        assert checked == [("ok",)], checked
        known = {row[0] for row in server.rows("SELECT digest FROM job WHERE state IN ('queued', 'leased', 'done', 'dead')")}
        lost = [manifest for manifest in acknowledged if manifest not in known]
        assert not lost, f"round {done}: {len(lost)} acknowledged events are lost, such as {lost[0]}"
    server.start()
    until = time.monotonic() + 600 + len(acknowledged)
    while time.monotonic() < until:
        waiting = server.rows("SELECT count(*) FROM job WHERE state IN ('queued', 'leased')")[0][0]
        if waiting == 0:
            break
        time.sleep(0.5)
    code = server.end()
    reports = server.rows("SELECT digest, count(*) FROM report JOIN image ON image.id = report.image GROUP BY digest")
    twice = [name for name, count in reports if count != 1]
    missing = set(acknowledged) - {name for name, _ in reports}
    dead = server.rows("SELECT reason, count(*) FROM job WHERE state = 'dead' GROUP BY reason")
    print(f"{rounds} rounds, {len(acknowledged)} events acknowledged, {len(reports)} reports, {len(missing)} without one, "
          f"{len(twice)} with two, dead: {dead}, ended with {code}")
    good = not twice and not missing and not dead and code == 0 and server.rows("PRAGMA integrity_check") == [("ok",)]
    if good:
        shutil.rmtree(folder)
    else:
        print("kept:", folder)
    sys.exit(0 if good else 1)


main()
