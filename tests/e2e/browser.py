"""A real browser, headless: Debian's Chromium, driven through its ChromeDriver."""
import json

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

import machine

# As root there is no sandbox; and the browser asks nobody for anything.
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps",
           "--window-size=1400,900", "--force-prefers-reduced-motion")


def start(profile):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for option in (*OPTIONS, f"--user-data-dir={profile}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


class Page:
    """A file in the browser."""

    def __init__(self, driver, path, fragment=""):
        self.driver = driver
        self.url = f"file://{path}"
        self.messages = []
        self.requests = []
        driver.get("about:blank")
        self._listen()
        self.messages, self.requests = [], []
        driver.get(self.url + fragment)

    def _listen(self):
        self.messages += [entry["message"] for entry in self.driver.get_log("browser")]
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])

    def said_and_asked(self):
        """(what stands in the console, what was fetched) until now."""
        self._listen()
        return self.messages, self.requests

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        found = self.all(selector)
        assert len(found) == 1, f"{len(found)} of '{selector}'"
        return found[0]

    def texts(self, selector):
        """What is in the elements, whether it is in view or not."""
        return self.run("return [...document.querySelectorAll(arguments[0])].map(found => found.textContent)", selector)

    def text(self, selector):
        text, = self.texts(selector)
        return text

    def wait_for(self, condition, what):
        WebDriverWait(self.driver, machine.SAFETY).until(lambda _: condition(), what)

    def hover(self, element):
        ActionChains(self.driver).move_to_element(element).perform()

    def press(self, *keys):
        ActionChains(self.driver).send_keys(*keys).perform()


class FlameGraph(Page):
    def __init__(self, driver, path):
        super().__init__(driver, path)
        self.data = json.loads(self.text("#profile"))
        self.settle()  # a page that has not been shown yet takes no keys

    def frames(self):
        """[(depth, the whole name)] as drawn, from the top, each depth from the left."""
        self.settle()
        return self.run("""return [...document.querySelectorAll('.frame[aria-label]')].map(frame =>
            [parseInt(frame.getAttribute('aria-level')) - 1, frame.getBoundingClientRect().left, frame.getAttribute('aria-label')])
            .sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([depth, , label]) => [depth, label])""")

    def settle(self):
        """d3 draws some of it in steps, each of which it takes note of at the element."""
        self.driver.execute_async_script("""const done = arguments[0], frames = document.getElementById('frames');
            const look = () => [...frames.querySelectorAll('*')].some(element => element.__transition)
                ? requestAnimationFrame(look) : done();
            requestAnimationFrame(() => requestAnimationFrame(look));""")

    def frame(self, name):
        """The one drawn frame whose label begins with name."""
        self.settle()
        found = self.run("""return [...document.querySelectorAll('.frame[aria-label]')].filter(frame =>
            frame.getAttribute('aria-label').startsWith(arguments[0]))""", name)
        assert len(found) == 1, f"{len(found)} frames '{name}' among {self.frames()}"
        return found[0]

    def width(self, name):
        return self.frame(name).find_element(By.TAG_NAME, "rect").size["width"]

    @property
    def tip(self):
        return self.run("const tip = document.getElementById('tip'); return tip.hidden ? null : tip.textContent")

    def search(self, text):
        box = self.one("#search")
        box.clear()
        box.send_keys(text)
        self.settle()

    def background(self):
        return self.run("return getComputedStyle(document.body).backgroundColor")


ARROW_DOWN, ARROW_UP, ARROW_RIGHT, ENTER, ESCAPE = Keys.ARROW_DOWN, Keys.ARROW_UP, Keys.ARROW_RIGHT, Keys.ENTER, Keys.ESCAPE
