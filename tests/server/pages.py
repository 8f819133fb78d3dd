#!/usr/bin/env python3
"""Each page in a real browser, of an image whose names and labels are markup: no script of it runs, nothing of it is an element,
pages can be read on a phone and used by keyboard, in both colours.

    tests/server/pages.py PROGRAM [FOLDER]

FOLDER: where screenshots go. Needs chromium and chromedriver (Debian's chromium-driver).
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request

from parts import (MARKUP, SECRET, Images, Registry, Server, Skipped, check, event, free_port, listens, marked_image, run_all, send, wait)

FIELDS = {"Content-Type": "application/json", "Authorization": SECRET}
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1280,900"]
TAB = "\ue004"


class Browser:
    """Chromium by chromedriver, see https://www.w3.org/TR/webdriver2/."""

    def __init__(self, folder):
        if not shutil.which("chromedriver"):
            raise Skipped("there is no chromedriver: apt-get install chromium chromium-driver")
        self.port = free_port()
        self.process = subprocess.Popen(["chromedriver", f"--port={self.port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait(lambda: listens(self.port), 30, "chromedriver")
        options = {"args": [*FLAGS, f"--user-data-dir={folder}/profile"]}
        if shutil.which("chromium"):
            options["binary"] = shutil.which("chromium")
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}, "unhandledPromptBehavior": "ignore"}
        self.session = ""
        self.session = "/session/" + self.ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]

    def ask(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{self.session}{path}", data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=90) as answer:
            return json.load(answer)["value"]

    def go(self, url):
        self.ask("POST", "/url", {"url": url})

    def run(self, script):
        return self.ask("POST", "/execute/sync", {"script": script, "args": []})

    def order(self, command, **parameters):
        """Of the Chrome DevTools Protocol."""
        return self.ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def alert(self):
        try:
            return self.ask("GET", "/alert/text")
        except urllib.error.HTTPError:
            return None

    def console(self):
        return [line["message"] for line in self.ask("POST", "/se/log", {"type": "browser"}) if line["level"] in ("SEVERE", "WARNING")]

    def press(self, key):
        actions = [{"type": "key", "id": "k", "actions": [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]}]
        self.ask("POST", "/actions", {"actions": actions})

    def picture(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.ask("GET", "/screenshot")))

    def size(self, width, height=900):
        self.order("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)

    def colours(self, scheme):
        self.order("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def end(self):
        try:
            self.ask("DELETE", "")
        except OSError:
            pass
        self.process.terminate()
        self.process.wait(20)


SHAPE = """return [...new Set([...document.querySelectorAll('*')].flatMap(
    e => [...e.getAttributeNames()].map(a => e.localName + ' ' + a).concat(e.localName)))].sort()"""
ACTIVE = """const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
return [e.localName, e.getAttribute('href') || e.getAttribute('name') || e.type || '', s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0, r.top]"""
# of text and what is behind it, as WCAG 2.2 has it; the least of all texts that are seen
CONTRAST = """
const light = c => { const v = c.map(x => (x /= 255) <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4); return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2] };
const read = t => (t.match(/[\\d.]+/g) || []).map(Number);
let least = [99, ''];
for (const e of document.querySelectorAll('body *')) {
  if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || !e.getClientRects().length) continue;
  let b = e, back = [0, 0, 0, 0];
  while (b && (back.length > 3 && back[3] === 0)) { back = read(getComputedStyle(b).backgroundColor); if (back.length === 3) break; b = b.parentElement }
  if (back.length > 3 && back[3] === 0) back = read(getComputedStyle(document.documentElement).backgroundColor);
  if (back.length > 3 && back[3] === 0) back = matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18] : [255, 255, 255];
  const a = light(read(getComputedStyle(e).color)), c = light(back);
  const ratio = (Math.max(a, c) + 0.05) / (Math.min(a, c) + 0.05);
  if (ratio < least[0]) least = [Math.round(ratio * 100) / 100, e.localName + '.' + e.className + ': ' + e.textContent.trim().slice(0, 30)];
}
return least"""


def each_page(folder, program, pictures):
    pictures = pictures or os.path.join(folder, "pictures")
    os.makedirs(pictures, exist_ok=True)
    images = Images(user="0")
    registry = Registry(images)
    images.tags |= {text: images.make("tag") for text in ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>')}
    server = Server(program, folder, registry.host, more='\n[[sweep]]\nsource = "shop"\nrepositories = ["shop/wild"]\nevery = "1h"\n')
    server.start()
    script = "<script>window.ran=1;alert(1)</script><img src=x onerror='window.ran=2;alert(2)'>"
    tame, wild = marked_image(images, [f"word{number}" for number in range(len(MARKUP) + 1)]), marked_image(images, [script, *MARKUP])
    connection = server.connect()
    for name, repository in ((tame, "shop/tame"), (wild, "shop/wild-" + "long-" * 20 + "name")):
        send(connection, "/hooks/shop", FIELDS, event(repository, name, repository, "1"))
        send(connection, "/hooks/shop", FIELDS, event(repository, images.make(repository), repository + "2", "v" + "1" * 100))
    for text in [script, *MARKUP]:
        send(connection, "/hooks/shop", FIELDS, json.dumps({"events": [{"id": text, "action": text, "target": {"repository": text}}]}))
        send(connection, "/hooks/shop", FIELDS, (text + "x" * 3_000).encode("utf-8", "replace"))
    send(connection, "/hooks/shop", FIELDS, event("shop/gone", "sha256:" + "0" * 64, "gone", "1"))
    # a registry's own words are shown as reasons
    registry.fault = lambda request: "/shop/gone/" in request.path and (request.answer(
        403, json.dumps({"errors": [{"code": script, "message": script}]}).encode(), "application/json") or True)
    send(connection, "/hooks/shop", FIELDS, event("shop/gone", "sha256:" + "1" * 64, "gone1", "2"))
    wait(lambda: server.rows("SELECT count(*) FROM job WHERE state = 'done'")[0][0] >= 4 and server.rows("SELECT 1 FROM job WHERE state = 'dead'"), 120, "scans")
    ids = {name: server.rows("SELECT report.id, image.id FROM report JOIN image ON image.id = image WHERE digest = ?", name)[0] for name in (tame, wild)}
    token = server.token()
    base = f"http://127.0.0.1:{server.port}"
    browser = Browser(folder)
    try:
        # who is not known is led to the form, and back by it
        browser.size(1_280)
        browser.go(f"{base}/findings")
        check("who is not known is asked", "/login" in browser.run("return location.href"))
        browser.picture(os.path.join(pictures, "login.png"))
        field = browser.ask("POST", "/element", {"using": "css selector", "value": "input[name=token]"})
        browser.ask("POST", f"/element/{next(iter(field.values()))}/value", {"text": token})
        button = browser.ask("POST", "/element", {"using": "css selector", "value": "form button"})
        browser.ask("POST", f"/element/{next(iter(button.values()))}/click", {})
        wait(lambda: browser.run("return location.pathname") == "/findings", 20, "the login")
        check("the cookie is out of reach of scripts", browser.run("return document.cookie") == "")
        pages = {"images": "/", "findings": "/findings", "queue": "/queue", "dead": "/dead", "data": "/data", "audit": "/audit",
                 "search": "/?repository=%3Cscript%3Ealert(1)%3C/script%3E", "nothing": "/reports/%3Cscript%3E"}
        for kind, name in (("tame", tame), ("wild", wild)):
            report, image = ids[name]
            pages |= {f"report-{kind}": f"/reports/{report}", f"packages-{kind}": f"/reports/{report}/packages", f"image-{kind}": f"/images/{image}"}
        shapes, seen = {}, 0
        for name, path in pages.items():
            browser.console()
            for scheme in ("light", "dark"):
                browser.colours(scheme)
                for width in (1_280, 360):
                    browser.size(width)
                    browser.go(base + path)
                    seen += 1
                    alert = browser.alert()
                    check(f"{name}: no alert", False, alert) if alert is not None else None
                    ran = browser.run("return [window.ran || 0, document.scripts.length, document.images.length]")
                    check(f"{name}: no script", False, ran) if ran[0] or ran[1] or ran[2] else None
                    wide = browser.run("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
                    check(f"{name} at {width}: no sideways scroll", False, wide) if wide[0] > wide[1] else None
                    if width == 1_280:
                        least, where = browser.run(CONTRAST)
                        check(f"{name} in {scheme}: contrast", False, f"{least}: {where}") if least < 4.5 else None
                    browser.picture(os.path.join(pictures, f"{name}-{scheme}-{width}.png"))
            shapes[name] = set(browser.run(SHAPE))
            console = [line for line in browser.console() if "favicon" not in line and " 404 " not in line]
            check(f"{name}: nothing in the console", False, console[:2]) if console else None
        # a gap is told in bold letters by the page itself
        for page in ("report", "packages", "image"):
            more = shapes[f"{page}-wild"] - shapes[f"{page}-tame"] - {"b"}
            check(f"{page}: the same elements and attributes", not more, more)
        dark, light = [], []
        for scheme, kept in (("dark", dark), ("light", light)):
            browser.colours(scheme)
            browser.go(base + "/")
            kept.append(browser.run("return [getComputedStyle(document.documentElement).backgroundColor, getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"))
        check("two colour schemes", dark != light, (dark, light))
        # the keyboard
        browser.size(1_280)
        for name in ("images", "report-wild", "findings", "dead"):
            browser.go(base + pages[name])
            links = browser.run("return document.querySelectorAll('a[href], button, input:not([type=hidden]), select, summary').length")
            reached, invisible = [], []
            for _ in range(min(links, 25)):
                browser.press(TAB)
                tag, what, has_focus_ring, top = browser.run(ACTIVE)
                if tag == "body":
                    break
                reached.append((tag, what))
                if not has_focus_ring:
                    invisible.append((tag, what))
            check(f"{name}: Tab reaches what can be used, and shows where it is", len(reached) >= min(links, 20) and not invisible,
                  f"{len(reached)} of {links}, invisible: {invisible[:3]}")
        browser.picture(os.path.join(pictures, "focus.png"))
        # out again
        browser.go(base + "/")
        browser.run("document.querySelector('form[action=\"/logout\"] button').click()")
        wait(lambda: "/login" in browser.run("return location.href"), 20, "the logout")
        browser.go(base + "/")
        check("logged out", "/login" in browser.run("return location.href"))
    finally:
        browser.end()
    check("tags that fit no grammar are nowhere", not server.rows("SELECT 1 FROM tag WHERE name LIKE '%<%'"))
    check("its end", server.end() == 0)
    return f"{len(pages)} pages seen {seen} times; pictures in {pictures}"


if __name__ == "__main__":
    run_all([each_page], sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
