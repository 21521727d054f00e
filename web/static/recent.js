// The last questions of this browser: kept in it alone, shown on the empty page, cleared on request.
import { announce } from "./announce.js";

const KEY = "questions";
const KEPT = 6;

function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY));
    return Array.isArray(kept) ? kept.filter((question) => typeof question === "string") : [];
  } catch {
    return []; // no storage, or something else in it
  }
}

function remember(question) {
  const kept = [question, ...read().filter((other) => other !== question)].slice(0, KEPT);
  try {
    localStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    // Storage is full or forbidden: nothing is remembered.
  }
}

function show(section) {
  const questions = read();
  section.hidden = questions.length === 0;
  section.querySelector("ul").replaceChildren(
    ...questions.map((question) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = `/?q=${encodeURIComponent(question)}`;
      link.dir = "auto";
      link.textContent = question;
      item.append(link);
      return item;
    }),
  );
}

const { question } = document.getElementById("main").dataset;
if (question) remember(question);

const section = document.getElementById("recent");
if (section) {
  window.addEventListener("pageshow", () => show(section));
  section.querySelector("button").addEventListener("click", () => {
    localStorage.removeItem(KEY);
    show(section);
    announce("The list is empty");
    document.getElementById("q").focus();
  });
}
