// Suggestions while typing: an ARIA combobox with a list (https://www.w3.org/WAI/ARIA/apg/patterns/combobox/).
import { announce } from "./announce.js";

const DELAY_MS = 120;
const MIN_CHARS = 2;
const box = document.getElementById("q");

class Suggestions {
  constructor(input) {
    this.input = input;
    this.list = document.createElement("ul");
    this.list.id = "suggestions";
    this.list.className = "options";
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", "Suggestions");
    this.list.hidden = true;
    this.found = [];
    this.active = -1;
    input.after(this.list);
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-autocomplete", "list");
    input.setAttribute("aria-controls", this.list.id);
    input.setAttribute("aria-expanded", "false");
    input.addEventListener("input", () => this.wait());
    input.addEventListener("keydown", (event) => this.key(event));
    input.addEventListener("blur", () => this.close());
    // Before the click takes the focus, and with it the list, away.
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.choose([...this.list.children].indexOf(option));
    });
  }

  wait() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fetch(), DELAY_MS);
  }

  async fetch() {
    this.request?.abort();
    const typed = this.input.value.trim();
    if (typed.length < MIN_CHARS) return this.close();
    this.request = new AbortController();
    const filter = new FormData(this.input.form).getAll("documents").map((id) => `&documents=${id}`).join("");
    try {
      const reply = await fetch(`/suggest?q=${encodeURIComponent(typed)}${filter}`, { signal: this.request.signal });
      if (reply.ok && document.activeElement === this.input) this.show((await reply.json()).suggestions);
    } catch (error) {
      if (error.name !== "AbortError") this.close();
    }
  }

  show(found) {
    this.found = found;
    this.list.replaceChildren(...found.map((suggestion, number) => this.option(suggestion, number)));
    this.list.hidden = found.length === 0;
    this.input.setAttribute("aria-expanded", String(found.length > 0));
    this.activate(-1);
    announce(found.length ? `${found.length} suggestion${found.length > 1 ? "s" : ""}` : "");
  }

  option(suggestion, number) {
    const option = document.createElement("li");
    option.id = `suggestion-${number}`;
    option.setAttribute("role", "option");
    const text = document.createElement("span");
    text.dir = "auto";
    text.textContent = suggestion.text;
    option.append(text);
    if (suggestion.kind === "section") {
      const about = document.createElement("small");
      about.textContent = `Go to this section of ${suggestion.document}`;
      option.append(about);
    }
    return option;
  }

  activate(number) {
    this.active = number;
    [...this.list.children].forEach((option, other) => option.setAttribute("aria-selected", String(other === number)));
    if (number < 0) this.input.removeAttribute("aria-activedescendant");
    else this.input.setAttribute("aria-activedescendant", `suggestion-${number}`);
  }

  key(event) {
    if (event.isComposing) return;
    const count = this.list.hidden ? 0 : this.found.length;
    if (event.key === "Escape" && count) this.close();
    else if (event.key === "ArrowDown" && !count) this.fetch();
    else if (event.key === "ArrowDown") this.activate(this.active + 1 < count ? this.active + 1 : -1);
    else if (event.key === "ArrowUp" && count) this.activate(this.active < 0 ? count - 1 : this.active - 1);
    else if (event.key === "Enter" && count && this.active >= 0) this.choose(this.active);
    else return;
    event.preventDefault();
  }

  choose(number) {
    const suggestion = this.found[number];
    this.close();
    if (suggestion.href) {
      location.assign(suggestion.href);
      return;
    }
    this.input.value = suggestion.text;
    this.input.form.requestSubmit();
  }

  close() {
    clearTimeout(this.timer);
    this.request?.abort();
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.activate(-1);
  }
}

if (box) new Suggestions(box);
