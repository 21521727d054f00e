// Show that a question is on its way.
import { announce } from "./announce.js";

const form = document.querySelector(".ask");
const button = form?.querySelector(".primary");

function setBusy(busy) {
  form.setAttribute("aria-busy", String(busy));
  button.textContent = busy ? "Asking…" : "Ask";
  if (busy) announce("Looking for the answer");
}

if (form) {
  form.addEventListener("submit", () => setBusy(true));
  // The page may come back from the cache of the browser as it was left, with documents ticked that its address lacks.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) form.reset();
    setBusy(false);
  });
}
