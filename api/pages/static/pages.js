// Adds a button that copies to each command, and keeps a page up to date while somebody looks at
// it; all else works without JavaScript.
"use strict";

const EVERY_MS = 10_000;
const SLOWEST_MS = 60_000;
const TIMEOUT_MS = 8_000;
const OWN = "data-own"; // what this script has added
const UPDATED = "data-updated";
const KEPT = new Set([UPDATED, "open"]); // attributes that are not the server's
const AGES = "small, time, .quiet, .age, .times, .recent"; // these change by themselves

function addCopyButtons() {
  if (!navigator.clipboard) return;
  for (const command of document.querySelectorAll(".command")) {
    if (command.querySelector("button")) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.setAttribute(OWN, "");
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(command.querySelector("code").textContent);
      button.textContent = "Copied";
    });
    command.append(button);
  }
}

// What makes a row, a column or an entry the same one after others came or went: where its heading
// leads to or, of a cell, the column that it is in; of a form, what it does.
const HEADINGS = {
  TH: "a[href]",
  TR: 'th[scope="row"] a[href]',
  ARTICLE: "h3 a[href]:last-of-type",
  LI: "a[href]",
};

function keyOf(node) {
  if (node.nodeName === "FORM") return `FORM ${node.getAttribute("action")}`;
  const heading = HEADINGS[node.nodeName] && node.querySelector(HEADINGS[node.nodeName]);
  return `${node.nodeName} ${heading?.getAttribute("href") ?? node.dataset?.in ?? node.id ?? ""}`;
}

function mark(node) {
  if (!node.textContent.trim()) return;
  const element = node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement;
  if (element.closest(AGES)) return;
  (element.closest("td, th, li, dd, tr, article, section") ?? element).setAttribute(UPDATED, "");
}

// Whether nobody has filled in anything of a form, nor is about to.
function isUntouched(form) {
  if (form.contains(document.activeElement) || form.querySelector("details[open]")) return false;
  return [...form.elements].every((one) => {
    if (one.options) return [...one.options].every((option) => option.selected === option.defaultSelected);
    return one.type === "submit" || (one.value === one.defaultValue && one.checked === one.defaultChecked);
  });
}

function updateAttributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!KEPT.has(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (!KEPT.has(name) && old.getAttribute(name) !== value) {
      old.setAttribute(name, value);
      if (name === "class" || name === "href") mark(old);
    }
  }
}

// Makes what is shown equal to what was sent, by changing as little as possible.
function update(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data === fresh.data) return;
    old.data = fresh.data;
    mark(old);
    return;
  }
  if (old.isEqualNode(fresh)) return;
  if (old.nodeName === "FORM") {
    if (isUntouched(old)) old.replaceWith(document.importNode(fresh, true));
    return;
  }
  updateAttributes(old, fresh);
  const wanted = [...fresh.childNodes];
  const keys = new Set(wanted.map(keyOf));
  const known = [];
  for (const child of [...old.childNodes]) {
    if (child.hasAttribute?.(OWN)) continue;
    if (keys.has(keyOf(child))) known.push(child);
    else child.remove();
  }
  for (const child of wanted) {
    const key = keyOf(child);
    const place = known.findIndex((node) => keyOf(node) === key);
    if (place < 0) {
      const added = document.importNode(child, true);
      old.insertBefore(added, known[0] ?? null);
      mark(added);
      continue;
    }
    const [found] = known.splice(place, 1);
    if (place > 0) old.insertBefore(found, known[0]);
    update(found, child);
  }
  for (const gone of known) gone.remove();
}

function watch(main) {
  const status = document.createElement("p");
  status.setAttribute(OWN, "");
  status.className = "watch";
  status.setAttribute("role", "status");
  document.body.append(status);
  let etag = null;
  let timer = null;
  let asking = false;
  let pause = EVERY_MS;

  function say(words) {
    const clock = new Date().toISOString().slice(11, 16);
    status.textContent = words && `${clock} UTC: ${words}`;
  }

  function show(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("main");
    const before = [...main.querySelectorAll(`[${UPDATED}]`)];
    for (const element of before) element.removeAttribute(UPDATED);
    update(main, fresh);
    addCopyButtons();
    const changed = main.querySelectorAll(`[${UPDATED}]`).length;
    if (!changed) for (const element of before) element.setAttribute(UPDATED, "");
    return changed && `${changed} ${changed === 1 ? "change" : "changes"}, marked`;
  }

  // Returns what there is to say about the answer, if anything.
  async function ask() {
    const headers = { Accept: "text/html", ...(etag && { "If-None-Match": etag }) };
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const options = { headers, signal, cache: "no-store", redirect: "manual" };
    const response = await fetch(location.href, options);
    if (response.type === "opaqueredirect") throw new Error("you are signed out; open the page again");
    if (response.status === 304) return "";
    if (response.status === 404) throw new Error("what this page is about is gone");
    if (!response.ok) throw new Error(`the server cannot answer (${response.status})`);
    const news = show(await response.text());
    etag = response.headers.get("ETag");
    return news;
  }

  async function poll() {
    if (asking || document.hidden) return;
    clearTimeout(timer);
    asking = true;
    try {
      const news = await ask();
      if (news || pause !== EVERY_MS) say(news || "up to date again");
      pause = EVERY_MS;
    } catch (error) {
      const ours = error.constructor === Error;
      if (pause === EVERY_MS) say(`${ours ? error.message : "the server does not answer"}; this is what it said last`);
      pause = Math.min(pause * 2, SLOWEST_MS);
    }
    asking = false;
    timer = setTimeout(poll, pause);
  }

  document.addEventListener("visibilitychange", poll);
  timer = setTimeout(poll, EVERY_MS);
}

addCopyButtons();
const watched = document.querySelector("main[data-live]");
if (watched) watch(watched);
