# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium walks the console and the shop's page against a real engine. Each page is also asked: has an error been logged,
has anything been asked of another origin? WEIR_TEST_SCREENSHOTS=DIR keeps pictures."""
import http.client
import json
import os
import pathlib
import sys
import time
import unittest

from weirtest import MODULES, SHOP, Case, Client, Server

sys.path.append("/usr/lib/python3/dist-packages") # where Debian keeps selenium, whichever python runs this
from selenium import webdriver  # noqa: E402
from selenium.webdriver.chrome.options import Options  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

PICTURES = os.environ.get("WEIR_TEST_SCREENSHOTS")
PATIENCE_S = 90


def browser(dark=False, width=1100):
    options = Options()
    for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", f"--window-size={width},900", "--hide-scrollbars",
                     *(["--no-sandbox"] if os.geteuid() == 0 else []), *(["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if dark else [])):
        options.add_argument(argument)
    options.binary_location = "/usr/bin/chromium"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


class Console(Case):
    @classmethod
    def setUpClass(cls):
        cls.driver = browser()
        cls.addClassCleanup(cls.driver.quit)

    def setUp(self):
        super().setUp()
        self.driver.get("about:blank")  # the page of the test before asks on, of a server that is gone
        for log in ("browser", "performance"):
            self.driver.get_log(log)

    def open(self, url):
        self.driver.get("about:blank") # a change of the hash alone would not load the page again
        self.driver.get(url)

    def wait(self, what, words):
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                value = what()
                if value:
                    return value
            except Exception as error:  # an element that goes away while it is looked at
                value = error
            if time.monotonic() > until:
                raise AssertionError(f"{words} did not come: {value}\n{self.driver.find_element(By.TAG_NAME, 'body').text}")
            time.sleep(0.1)

    def shows(self, *words):
        for word in words:
            self.wait(lambda: word in self.driver.find_element(By.TAG_NAME, "body").text, f"'{word}'")

    def button(self, title, within="body"):
        return self.wait(lambda: next((b for b in self.driver.find_elements(By.CSS_SELECTOR, f"{within} button") if b.text == title), None), f"button {title}")

    def label(self, title):
        return self.wait(lambda: next((label.find_element(By.CSS_SELECTOR, "input, select") for label in self.driver.find_elements(By.TAG_NAME, "label")
                                       if label.text.split("\n")[0] == title), None), f"field {title}")

    def picture(self, name):
        if PICTURES:
            self.driver.save_screenshot(str(pathlib.Path(PICTURES) / f"{name}.png"))

    def assert_clean(self, server):
        """No error in the browser's log, and nothing asked but of this server."""
        log = [entry for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        self.assertEqual(log, [])
        asked = set()
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked.add(message["params"]["request"]["url"])
        foreign = [url for url in asked if not url.startswith((server.url + "/", "data:", "about:", "chrome"))]
        self.assertEqual(foreign, [])
        return len(asked)

    def test_each_page_shows_what_it_is_for(self):
        with Server(self.dir, SHOP) as server:
            http = self.client(server)
            for i, quantity in enumerate(["40", "3", "12"]):
                http.send("ReceiveStock", sku=f"mug-{i}", quantity=quantity)
            http.send("RecordSale", id="order-17", sku="mug-0", quantity="4", unitPriceCents="250", soldAtMs="1764000000000", invoiceNo="1", description="<b>bold</b>")
            self.open(server.url + "/")
            self.shows("Views", "following", "shows everything", "stock", "weir view rebuild stock")
            self.picture("console-views")
            self.button("Rebuild").click()
            self.shows("Yes: rebuild")
            self.button("Yes: rebuild").click()
            self.shows("rebuild has begun", "shows everything")
            self.open(server.url + "/#/view/stock")
            self.shows("mug-0", "36")
            http.send("RecordSale", sku="mug-0", quantity="5", unitPriceCents="250", soldAtMs="1764000000000", invoiceNo="2")
            self.shows("31")  # by itself
            self.label("Filter").send_keys("on_hand=lt.5", Keys.ENTER)
            self.shows("weir view rows stock.stock on_hand=lt.5")
            self.wait(lambda: "mug-0" not in self.driver.find_element(By.TAG_NAME, "table").text, "fewer rows")
            self.label("Filter").send_keys("nonsense", Keys.ENTER)
            self.wait(lambda: self.driver.find_element(By.CSS_SELECTOR, "[role=alert]").text, "the words of a bad filter")
            self.driver.get_log("browser")  # the browser logs the 400 itself
            self.open(server.url + "/#/aggregates/stock/mug-0")
            self.shows("State at version 3", "3. shop.v1.StockSold", 'onHand "36" → "31"', "<b>bold</b>", "weir show stock/mug-0 --at 3")
            self.picture("console-aggregate")
            self.button("Earlier").click()
            self.shows("State at version 2", "(was 40)")
            self.open(server.url + "/#/command/stock/mug-0/order-17")
            self.shows("accepted, version 2", "2. shop.v1.StockSold", "yes")
            self.picture("console-command")
            self.open(server.url + "/#/send")
            self.label("sku (key)").send_keys("mug-9")
            self.label("quantity").send_keys("7")
            self.shows("weir send shop.v1.ReceiveStock sku=mug-9 quantity=7")
            self.button("Send").click()
            self.shows("stock/mug-9 is at version 1")
            self.open(server.url + "/#/schema")
            self.shows("shop.v1.StockReceived", "unit_price_cents")
            self.open(server.url + "/#/settings")
            self.shows("http.idle", "127.0.0.1:0", "--listen")
            self.open(server.url + "/#/dead")
            self.shows("Nothing waits")
            self.assertGreater(self.assert_clean(server), 20)

    def test_events_arrive_live_and_are_filtered(self):
        with Server(self.dir, SHOP) as server:
            http = self.client(server)
            self.open(server.url + "/#/live")
            self.shows("live")
            self.wait(lambda: self.driver.find_element(By.CSS_SELECTOR, "[role=status]").text == "live", "the feed")
            http.send("ReceiveStock", sku="cup", quantity="5")
            http.send("ReceiveStock", sku="jug", quantity="6")
            self.shows("stock/cup", "sku=jug quantity=6")
            self.picture("console-live")
            self.label("Contains").send_keys("jug")
            self.wait(lambda: "stock/cup" not in self.driver.find_element(By.CLASS_NAME, "tail").text, "the filter")
            self.label("Contains").clear()
            self.label("Type").send_keys("shop.v1.StockSold")
            self.shows("--type shop.v1.StockSold")
            self.wait(lambda: self.driver.find_element(By.CSS_SELECTOR, "[role=status]").text == "live", "the feed")
            http.send("ReceiveStock", sku="pan", quantity="5")
            http.send("RecordSale", sku="pan", quantity="1", unitPriceCents="250", soldAtMs="1764000000000", invoiceNo="2")
            self.shows("shop.v1.StockSold stock/pan")
            self.assertNotIn("StockReceived stock/pan", self.driver.find_element(By.TAG_NAME, "body").text)
            self.assert_clean(server)

    def test_the_shop_sells_and_refuses_and_its_stock_falls_by_itself(self):
        with Server(self.dir, SHOP) as server:
            http = self.client(server)
            for i in range(12):
                http.send("ReceiveStock", sku=f"mug-{i}", quantity=str(10 + 7 * i))
            self.open(server.url + "/app/")
            self.shows("live", "mug-11", "87")
            http.send("RecordSale", sku="mug-11", quantity="6", unitPriceCents="250", soldAtMs="1764000000000", invoiceNo="2")
            self.shows("81", "-6")
            self.label("Article").send_keys("mug-3")
            self.button("Sell").click()
            self.shows("Accepted: StockSold; mug-3 is at version 2", "30")
            self.picture("shop")
            self.assertEqual(self.driver.get_log("browser"), [])
            self.label("Quantity").clear()
            self.label("Quantity").send_keys("100")
            self.button("Sell").click()
            self.shows("Refused: 100 of mug-3 wanted, 30 on hand")
            self.driver.get_log("browser")
            self.assert_clean(server)

    def test_a_dead_letter_is_seen_and_retried(self):
        server = Server(self.dir, MODULES / "module_crash.so").start()
        body = json.dumps({"counterId": "p", "note": "crash", "amount": "100"})
        status = None
        while status is None:
            try:
                client = Client(server.port)
                status = client.request("POST", "/commands/testing.v1.Add", body, {"Content-Type": "application/json", "Idempotency-Key": "k"})[0]
            except (OSError, http.client.HTTPException):
                client.close()
                server.process.wait()
                server.forget_log()
                server.start()
        self.assertEqual(status, 422)
        server.stop()
        with Server(self.dir, MODULES / "module_mended.so") as server:
            self.open(server.url + "/#/dead")
            self.shows("counter/p", "quarantined", "1 held", "weir dead retry counter/p")
            self.assertNotIn("note", self.driver.find_element(By.CLASS_NAME, "letter").text, "hidden until it is asked for")
            self.picture("console-dead")
            self.button("Show what they say").click()
            self.shows("note\ncrash")
            self.button("Discard").click()
            self.button("Yes: discard").click()
            self.shows("say why")
            self.button("Retry").click()
            self.shows("1 of 1 accepted", "Nothing waits")
            self.assertEqual(self.client(server).get("/aggregates/counter/p")[2]["state"]["total"], "100")
            self.assert_clean(server)

    def test_an_event_that_a_view_could_not_take_is_retried_and_discarded(self):
        files = self.tmp / "views"
        files.mkdir()
        (files / "small.sql").write_text("-- schema:\nCREATE TABLE small (sku TEXT PRIMARY KEY, quantity INTEGER CHECK (quantity < 100));\n"
                                         "-- on: shop.v1.StockReceived\nINSERT INTO small (sku, quantity) VALUES (:sku, :quantity);\n")
        with Server(self.dir, SHOP, "--views", files) as server:
            http = self.client(server)
            http.send("ReceiveStock", sku="mug", quantity="5")
            http.send("ReceiveStock", sku="crate", quantity="500")
            self.open(server.url + "/")
            self.shows("1 events are parked")
            self.open(server.url + "/#/dead")
            self.shows("1 parked, of 1 keys", "stock/crate", "CHECK constraint failed", "weir dead retry small:")
            self.assertNotIn("500", self.driver.find_element(By.CLASS_NAME, "letter").text, "hidden until it is asked for")
            self.button("Show what it says").click()
            self.shows("quantity\n500")
            self.button("Retry").click()
            self.shows("0 applied, 1 still parked")
            self.label("Reason").send_keys("a crate is no mug")
            self.button("Discard").click()
            self.button("Yes: discard").click()
            self.shows("None is parked", "1 discarded", "a crate is no mug (console)")
            self.assert_clean(server)

    def test_it_is_usable_at_a_phones_width_by_keyboard_and_in_the_dark(self):
        with Server(self.dir, SHOP) as server:
            self.client(server).send("ReceiveStock", sku="cup", quantity="5")
            driver, self.driver = self.driver, browser(dark=True, width=500)
            try:
                self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True})
                self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
                for page in ("views", "view/stock", "aggregates/stock/cup", "live", "dead", "send", "schema", "settings", "command"):
                    self.open(f"{server.url}/#/{page}")
                    self.wait(lambda: self.driver.find_element(By.TAG_NAME, "h2").text, page)
                    self.wait(lambda: self.driver.find_elements(By.CSS_SELECTOR, "main section, main article, main p"), page)
                    width = self.driver.execute_script("return document.documentElement.scrollWidth")
                    self.assertLessEqual(width, 360, f"{page} is wider than a phone")
                    self.assert_contrast(page)
                    if page == "aggregates/stock/cup":
                        self.picture("console-phone-dark")
                self.open(server.url + "/#/views")
                self.shows("following")
                body = self.driver.find_element(By.TAG_NAME, "body")
                reached = []
                for _ in range(20):
                    body = self.driver.switch_to.active_element
                    body.send_keys(Keys.TAB)
                    reached.append(self.driver.switch_to.active_element.text)
                self.assertIn("To the content", reached)
                self.assertIn("Dead letters", reached)
                self.assertIn("Rebuild", reached)
                self.assert_clean(server)
            finally:
                self.driver.quit()
                self.driver = driver

    def assert_contrast(self, page):
        """Text on what lies behind it: 4.5 to 1 (WCAG 2.2 AA), of every element that has text of its own."""
        bad = self.driver.execute_script("""
            const rgb = (text) => text.match(/[\\d.]+/g).map(Number), lum = ([r, g, b]) => [r, g, b].map((v) => v / 255)
                .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
            const ground = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] === 1) return c; } return [255, 255, 255]; };
            return [...document.querySelectorAll("body *")].filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) && e.checkVisibility() && !e.disabled).map((e) => {
                const a = lum(rgb(getComputedStyle(e).color)), b = lum(ground(e)), ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
                return ratio < 4.5 ? e.tagName + " " + e.textContent.slice(0, 30) + " " + ratio.toFixed(2) : null; }).filter(Boolean);""")
        self.assertEqual(bad, [], page)


if __name__ == "__main__":
    unittest.main()
